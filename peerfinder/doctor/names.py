"""Names: whether the cluster domain is right, and what the search list costs other programs."""

from collections.abc import Iterator

from peerfinder.core.observations import Observations
from peerfinder.doctor.finding import Finding, hint, problem


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
    replies = [server.version for server in observations.servers]
    missing = [reply for reply in replies if reply.status == "NXDOMAIN"]
    known = any(server.targets or server.addresses.records for server in observations.servers)
    if missing and len(missing) == len(replies) and not known:
        yield problem(
            "domain-wrong",
            f"no server knows dns-version.{observations.names.domain}, which each cluster DNS has",
            f"the cluster domain is not {observations.names.domain}",
            f"set -domain; resolv.conf searches {' '.join(observations.search) or 'nothing'}",
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
