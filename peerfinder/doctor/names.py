"""Names: whether the cluster's domain is the right one, and what the search list does to others."""

from collections.abc import Iterator

from peerfinder.core.observations import Observed
from peerfinder.doctor.finding import Finding, hint, problem


def domain_unknown(seen: Observed) -> Iterator[Finding]:
    """resolv.conf is not the kubelet's."""
    if seen.domain_fault:
        yield problem(
            "domain-unknown",
            seen.domain_fault,
            "the kubelet did not write resolv.conf: hostNetwork or dnsPolicy Default or None",
            f"set -domain={seen.names.domain} if that is it (the rest of this page assumes so), "
            "or dnsPolicy: ClusterFirst, with hostNetwork ClusterFirstWithHostNet",
        )


def domain_wrong(seen: Observed) -> Iterator[Finding]:
    """The domain is none that the cluster's DNS serves."""
    replies = [server.version for server in seen.servers]
    missing = [reply for reply in replies if reply.status == "NXDOMAIN"]
    known = any(server.targets or server.addresses.records for server in seen.servers)
    if missing and len(missing) == len(replies) and not known:
        yield problem(
            "domain-wrong",
            f"no server knows dns-version.{seen.names.domain}, which each cluster DNS has",
            f"the cluster domain is not {seen.names.domain}",
            f"set -domain; resolv.conf searches {' '.join(seen.search) or 'nothing'}",
        )


def amplification(seen: Observed) -> Iterator[Finding]:
    """Other programs in this pod ask many questions."""
    if len(seen.search) > 1 and seen.ndots > seen.names.suffix.count("."):
        yield hint(
            "search-list",
            f"ndots:{seen.ndots} and {len(seen.search)} search domains",
            f"other programs ask up to {2 * (len(seen.search) + 1)} questions for such a name; this one asks one",
            "give programs that dial peers names with a final dot, or ndots:1 in dnsConfig",
        )
