"""Names: whether the cluster domain is right, and what the search list costs other programs."""

from collections.abc import Iterator

from peerfinder.core.observations import Observations
from peerfinder.doctor.finding import Finding, hint, problem


def check_pod(observations: Observations) -> Iterator[Finding]:
    """Find that this is not a pod, so that nothing else that is found here holds for one."""
    if observations.outside:
        names = observations.names
        yield problem(
            "not-a-pod",
            f"this does not look like a pod: {observations.outside}",
            "the command was run outside of the cluster, where its DNS is not asked",
            f"run it in the pod: kubectl -n {names.namespace} exec POD -- peer-finder doctor {names.service}; "
            "or name a server of the cluster's DNS with --nameserver",
        )


def check_domain_known(observations: Observations) -> Iterator[Finding]:
    """Find a resolv.conf that the kubelet did not write."""
    if observations.domain_fault:
        yield problem(
            "domain-unknown",
            observations.domain_fault,
            "the kubelet did not write resolv.conf: hostNetwork or dnsPolicy Default or None",
            f"set -domain={observations.names.domain} if that is right (the other findings assume it), "
            "or dnsPolicy: ClusterFirst, with hostNetwork ClusterFirstWithHostNet",
        )


def check_domain_served(observations: Observations) -> Iterator[Finding]:
    """Find a domain that the cluster's DNS does not serve."""
    domain, searched = observations.names.domain, " ".join(observations.search) or "nothing"
    replies = [server.version for server in observations.servers]
    missing = [reply for reply in replies if reply.status == "NXDOMAIN"]
    known = any(server.targets or server.addresses.records for server in observations.servers)
    others = [server for server in observations.servers if server.serves and not server.version.records]
    if others and not known:
        server, right = others[0], others[0].serves[0]
        yield problem(
            "domain-wrong",
            f"{server.name} serves {right}, and answers {server.peers[0].status or 'nothing'} for {domain}",
            f"the cluster domain is {right}, not {domain}",
            f"set -domain={right}; resolv.conf searches {searched}",
        )
    elif missing and len(missing) == len(replies) and not known:
        yield problem(
            "domain-wrong",
            f"no server knows dns-version.{domain}, which each cluster DNS has",
            f"the cluster domain is not {domain}",
            f"set -domain; resolv.conf searches {searched}",
        )


def check_search_list(observations: Observations) -> Iterator[Finding]:
    """Find a search list that makes other programs in this pod ask many questions."""
    if len(observations.search) > 1 and observations.ndots > observations.names.suffix.count("."):
        yield hint(
            "search-list",
            f"ndots:{observations.ndots} and {len(observations.search)} search domains",
            f"other programs ask up to {2 * (len(observations.search) + 1)} questions for such a name; "
            "this one asks one",
            "give programs that dial peers names with a final dot, or ndots:1 in dnsConfig",
        )
