"""What is wrong with the discovery of peers: findings, each with its cause and its cure, from what DNS was seen to say.

Pure: `commands/doctor.py` asks each name server and shows the findings; this page only draws conclusions.
A rule speaks when it has seen something; what is unknown leads to no finding but its own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from peerfinder.observed import Observed, Server
from peerfinder.peers import is_name, normal, shown

SLOW_SECONDS = 1.0
"""An answer inside a cluster takes milliseconds; after a lost datagram it takes a second or five."""

NEGATIVE_TTL = 5
"""What CoreDNS gives to these zones, seconds; what is more delays a pod's start."""

DASHED = re.compile(r"[0-9]+-[0-9]+-[0-9]+-[0-9]+|[0-9a-f]*(?:-[0-9a-f]*){2,7}", re.ASCII)
"""An address as CoreDNS makes a host name of it for a pod without hostname and subdomain."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing."""

    code: str
    """Stable name of the rule."""
    problem: bool
    """Whether peers are not found because of it; else it is a hint."""
    what: str
    """What was seen."""
    cause: str
    """What it most likely comes from."""
    cure: str
    """What to do."""


def problem(code: str, what: str, cause: str, cure: str) -> Finding:
    """Make a finding that keeps peers from being found."""
    return Finding(code, True, what, cause, cure)  # noqa: FBT003 - that is what this function is for


def hint(code: str, what: str, cause: str, cure: str) -> Finding:
    """Make a finding that is worth knowing."""
    return Finding(code, False, what, cause, cure)  # noqa: FBT003 - likewise


def examine(observed: Observed) -> tuple[Finding, ...]:
    """Give the findings, problems first."""
    found = [finding for rule in RULES for finding in rule(observed)]
    return tuple(sorted(found, key=lambda finding: not finding.problem))


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


def server_fails(seen: Observed) -> Iterator[Finding]:
    """A server refuses, fails or says nothing."""
    for server in seen.servers:
        reply = server.peers[0]
        if reply.status in ("REFUSED", "NOTAUTH"):
            yield problem(
                "zone-refused",
                f"{server.name} answers {reply.status} for {seen.names.suffix}",
                f"it does not serve {seen.names.domain}: the domain is another, or this is no cluster DNS",
                "correct -domain; look at nameserver in /etc/resolv.conf (dnsPolicy, dnsConfig)",
            )
        elif reply.status not in ("", "NOERROR", "NXDOMAIN"):
            yield problem(
                "server-fails",
                f"{server.name} answers {reply.status} for {seen.names.suffix}",
                "the DNS server is starting, overloaded, or cut off from the API server or its upstream",
                "look at the log of the DNS pods",
            )
        elif not reply.status and not reply.truncated:
            yield problem(
                "server-silent",
                f"{server.name} {reply.fault}",
                "nobody listens there, a network policy forbids port 53, or a mesh catches DNS before its proxy runs",
                "allow UDP and TCP port 53 to the DNS pods; exempt init containers from the mesh's DNS capture",
            )


def tcp_blocked(seen: Observed) -> Iterator[Finding]:
    """TCP does not get through, or does not help."""
    for server in seen.servers:
        if not server.tcp.fault or not (server.peers[0].status or server.peers[0].truncated):
            continue
        needed = server.peers[0].truncated
        why = "its answer does not fit a datagram" if needed else "from about 20 peers on no answer fits a datagram"
        if server.tcp.truncated:
            yield problem(
                "answer-too-long",
                f"{server.name} cuts its answer off even over TCP",
                "more than about 1000 pods and ports: no DNS answer holds them",
                "set -port-name to the name of one port, or -max-pods to the most pods there can be",
            )
        else:
            yield (problem if needed else hint)(
                "tcp-blocked",
                f"{server.name} cannot be asked over TCP ({server.tcp.fault}), and {why}",
                "a network policy or firewall allows UDP port 53 only",
                "allow TCP port 53 too",
            )


def domain_wrong(seen: Observed) -> Iterator[Finding]:
    """The domain is none that the cluster's DNS serves."""
    replies = [server.version for server in seen.servers]
    missing = [reply for reply in replies if reply.status == "NXDOMAIN"]
    if missing and len(missing) == len(replies) and not any(server.targets for server in seen.servers):
        yield problem(
            "domain-wrong",
            f"no server knows dns-version.{seen.names.domain}, which each cluster DNS has",
            f"the cluster domain is not {seen.names.domain}",
            f"set -domain; resolv.conf searches {' '.join(seen.search) or 'nothing'}",
        )


def no_service(seen: Observed) -> Iterator[Finding]:
    """DNS has neither records nor addresses."""
    for server in seen.servers:
        reply = server.peers[0]
        if reply.status == "NXDOMAIN" or (
            reply.status == "NOERROR" and not (reply.records or server.addresses.records)
        ):
            yield problem(
                "no-service",
                f"{server.name} knows no peers of {seen.names.suffix}",
                "there is no such Service in this namespace, it selects no pod, or no pod is ready and it does not "
                "publish those that are not",
                f"compare with: kubectl -n {seen.names.namespace} get service,endpointslices "
                f"-l kubernetes.io/service-name={seen.names.service}; set publishNotReadyAddresses: true",
            )


def no_ports(seen: Observed) -> Iterator[Finding]:
    """There are addresses and no SRV records."""
    for server in seen.servers:
        reply = server.peers[0]
        if reply.status == "NOERROR" and not reply.records and server.addresses.records:
            yield problem(
                "no-ports",
                f"{server.name} gives addresses of {seen.names.suffix} and no SRV record",
                "the Service has no port, or -port-name is none of its ports",
                "give the Service a named port; any will do",
            )


def cluster_ip(seen: Observed) -> Iterator[Finding]:
    """The Service is not headless."""
    for server in seen.servers:
        if seen.names.suffix in server.targets:
            yield problem(
                "not-headless",
                f"{server.name} gives the Service itself as its only peer",
                "the Service has a cluster IP, so its pods have no names",
                "make a Service with clusterIP: None (the field cannot be changed: delete and create), and name it in "
                "-service and in the StatefulSet's serviceName",
            )


def dashed(seen: Observed) -> Iterator[Finding]:
    """The pods have no host names."""
    for server in seen.servers:
        names = [name for name in _pods(seen, server) if DASHED.fullmatch(name)]
        if names:
            yield problem(
                "no-hostname",
                f"{server.name} names {len(names)} peers by their address, such as {names[0]}",
                f"the StatefulSet's serviceName is not {seen.names.service}, or the pods belong to no StatefulSet",
                f"set serviceName: {seen.names.service} (the StatefulSet must be created anew), or hostname and "
                "subdomain of the pods",
            )


def foreign(seen: Observed) -> Iterator[Finding]:
    """Somebody else's names are in the answer."""
    for server in seen.servers:
        bad = [
            target
            for target in server.targets
            if target != seen.names.suffix and not (is_name(target) and _pod(seen, target))
        ]
        if bad:
            yield problem(
                "foreign-name",
                f"{server.name} gives {shown(bad[0])}, which is no pod of {seen.names.suffix}",
                "an ExternalName or a hand-made record, a rewrite in the DNS server, or a forged answer",
                "ask who answers DNS here; such an answer is refused as a whole",
            )


def own_missing(seen: Observed) -> Iterator[Finding]:
    """We are not among the peers."""
    for server in seen.servers:
        pods = [name for name in _pods(seen, server) if not DASHED.fullmatch(name)]
        if not pods or seen.own in server.targets:
            continue
        own = seen.own.partition(".")[0]
        if any(name.rpartition("-")[0] == own.rpartition("-")[0] for name in pods):
            cause, cure = (
                "this pod is not ready and the Service does not publish such",
                "set publishNotReadyAddresses: true",
            )
        else:
            cause = "this pod is not of this Service: another serviceName, another selector, or another host name"
            cure = (
                f"set the StatefulSet's serviceName to {seen.names.service} and its selector to match; POD_NAME by the "
                "downward API where the host name is the node's (hostNetwork); -no-require-self if it is no peer"
            )
        yield problem("own-missing", f"{server.name} gives {len(pods)} peers without {seen.own}", cause, cure)


def disagreement(seen: Observed) -> Iterator[Finding]:
    """Servers, or the replicas behind one, give different peers."""
    for server in seen.servers:
        answers = {frozenset(reply.records) for reply in server.peers if reply.records}
        if len(answers) > 1:
            yield hint(
                "replicas-disagree",
                f"{server.name} gives now {_counts(answers)} peers",
                "behind one address there are several DNS replicas, and one of them lags behind",
                "ask again in a minute; -remove-after (6s) keeps hooks from it; look at the DNS pods if it lasts",
            )
    sets = {frozenset(server.targets) for server in seen.servers if server.targets}
    if len(sets) > 1:
        names = sorted(frozenset.union(*sets) - frozenset.intersection(*sets))
        yield hint(
            "servers-disagree",
            f"the name servers give {_counts(sets)} peers; they differ in {shown(names[0])}",
            "one of them lags behind, or is no server of this cluster",
            "see which of them lacks peers (peers --nameserver), and look at that one",
        )


def addresses_differ(seen: Observed) -> Iterator[Finding]:
    """The Service and its peers have different addresses."""
    for server in seen.servers:
        extra = server.peers[0].extra
        by_name = frozenset[str]().union(*(extra.get(target, frozenset()) for target in server.targets))
        if not server.targets or server.addresses.status != "NOERROR" or set(server.targets) - set(extra):
            continue
        if lost := frozenset(server.addresses.records) ^ by_name:
            yield hint(
                "addresses-differ",
                f"{server.name} gives {min(lost)} for only one of Service and peers",
                "a change is under way, or the Service selects pods that have no name of their own",
                "ask again; compare with kubectl get endpointslices",
            )


def remembered(seen: Observed) -> Iterator[Finding]:
    """Missing names are remembered for long."""
    for server in seen.servers:
        ttls = [r.negative_ttl for r in (*server.peers, server.own, server.version) if r.negative_ttl is not None]
        if ttls and max(ttls) > NEGATIVE_TTL:
            yield hint(
                "negative-cache",
                f"{server.name} lets a missing name be remembered for {max(ttls)} s",
                "the SOA record's minimum, or the cache of the DNS server",
                "lower it (ttl and cache in the Corefile), or wait so long after a pod appears",
            )


def slow(seen: Observed) -> Iterator[Finding]:
    """An answer took long."""
    for server in seen.servers:
        longest = max(reply.seconds for reply in (*server.peers, server.own, server.version))
        if server.peers[0].status and longest >= SLOW_SECONDS:
            yield hint(
                "slow",
                f"{server.name} took {longest:.1f} s for an answer",
                "datagrams are lost (the conntrack race of A with AAAA is known for its 5 s), or the server is starved",
                "run NodeLocal DNSCache; look at the CPU limits of the DNS pods",
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


RULES = (
    domain_unknown,
    server_fails,
    tcp_blocked,
    domain_wrong,
    no_service,
    no_ports,
    cluster_ip,
    dashed,
    foreign,
    own_missing,
    disagreement,
    addresses_differ,
    remembered,
    slow,
    amplification,
)
"""Each looks for one kind of mistake."""


def _pod(seen: Observed, target: str) -> str:
    """Give the pod's label of a target; empty if it is no name directly below the Service."""
    pod, _, rest = normal(target).partition(".")
    return pod if rest == seen.names.suffix else ""


def _pods(seen: Observed, server: Server) -> list[str]:
    return [pod for target in server.targets if (pod := _pod(seen, target))]


def _counts(sets: set[frozenset[str]]) -> str:
    return " and ".join(str(count) for count in sorted(len(one) for one in sets))
