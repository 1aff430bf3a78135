"""Name servers: whether they answer, in time, completely, and all the same."""

from collections.abc import Iterator

from peerfinder.core.observations import Observations, ServerReplies
from peerfinder.core.peers import quote
from peerfinder.doctor.finding import Finding, hint, problem

SLOW_SECONDS = 1.0
"""An answer inside a cluster takes milliseconds; after a lost datagram it takes a second or five."""

PODS = "kubectl -n kube-system get pods -l k8s-app=kube-dns"
"""The pods of the cluster's DNS; CoreDNS has kept the label of its predecessor."""

NEGATIVE_TTL = 5
"""The value of CoreDNS for these zones, seconds; a longer one delays a pod's start."""


def check_settings(observations: Observations) -> Iterator[Finding]:
    """Find lines of resolv.conf that name no server."""
    for fault in observations.unusable:
        yield (problem if observations.falls_back else hint)(
            "nameserver-unusable",
            f"resolv.conf: {fault}",
            "a resolver takes numeric addresses without a port there, and ignores all else",
            "correct nameservers in dnsConfig, or the file itself where the pod mounts one",
        )


def check_failures(observations: Observations) -> Iterator[Finding]:
    """Find a server that refuses, fails or is silent."""
    suffix = observations.names.suffix
    for server in observations.servers:
        reply = server.peers[0]
        if server.serves and not server.version.records:
            continue  # It fails for a domain that is not its own.
        if reply.status in ("REFUSED", "NOTAUTH"):
            yield problem(
                "zone-refused",
                f"{server.name} answers {reply.status} for {suffix}",
                f"it does not serve {observations.names.domain}: the domain is another, or this is not a cluster DNS",
                "correct -domain; look at nameserver in /etc/resolv.conf (dnsPolicy, dnsConfig)",
            )
        elif reply.status not in ("", "NOERROR", "NXDOMAIN"):
            yield problem(
                "server-fails",
                f"{server.name} answers {reply.status} for {suffix}",
                "the DNS server is starting, overloaded, or cut off from the API server or its upstream",
                f"look at the DNS pods and their log: {PODS}",
            )
        elif not reply.status and not reply.truncated:
            yield from _explain_silence(server)


def _explain_silence(server: ServerReplies) -> Iterator[Finding]:
    if server.peers[0].unreachable:
        yield problem(
            "server-unreachable",
            f"{server.name} {server.peers[0].fault}",
            "nothing listens there: no DNS pod runs, or this is not the address of the cluster's DNS",
            f"see whether they run: {PODS}; compare the address: kubectl -n kube-system get service kube-dns",
        )
    elif server.tcp.status:
        yield problem(
            "udp-blocked",
            f"{server.name} {server.peers[0].fault} over UDP, and answers over TCP",
            "a network policy or firewall lets no UDP through, so each lookup waits for it first",
            "allow UDP port 53 to the DNS pods, or set options use-vc in dnsConfig",
        )
    else:
        yield problem(
            "server-silent",
            f"{server.name} {server.peers[0].fault}",
            "a network policy forbids port 53, no DNS pod runs, or a mesh catches DNS before its proxy runs",
            f"see whether they run: {PODS}; allow UDP and TCP port 53 to them; exempt init containers from the mesh's "
            "DNS capture",
        )


def check_tcp(observations: Observations) -> Iterator[Finding]:
    """Find a server that cannot be asked over TCP, or whose answer is truncated there too."""
    for server in observations.servers:
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


def check_agreement(observations: Observations) -> Iterator[Finding]:
    """Find servers, or replicas behind one server, that give different peers."""
    for server in observations.servers:
        answers = {frozenset(reply.records) for reply in server.peers if reply.records}
        if len(answers) > 1:
            yield hint(
                "replicas-disagree",
                f"{server.name} gives {_format_counts(answers)} peers from one question to the next",
                "behind one address there are several DNS replicas, and one of them lags behind",
                "ask again in a minute; -remove-after (6s) keeps hooks from it; look at the DNS pods if it lasts",
            )
    sets = {frozenset(server.targets) for server in observations.servers if server.targets}
    if len(sets) > 1:
        names = sorted(frozenset.union(*sets) - frozenset.intersection(*sets))
        yield hint(
            "servers-disagree",
            f"the name servers give {_format_counts(sets)} peers; they differ in {quote(names[0])}",
            "one of them lags behind, or is not a server of this cluster",
            "see which of them lacks peers (peers --nameserver), and look at that one",
        )


def check_negative_cache(observations: Observations) -> Iterator[Finding]:
    """Find that the absence of a name is cached for long."""
    for server in observations.servers:
        ttls = [r.negative_ttl for r in (*server.peers, server.own, server.version) if r.negative_ttl is not None]
        if ttls and max(ttls) > NEGATIVE_TTL:
            yield hint(
                "negative-cache",
                f"{server.name} lets the absence of a name be cached for {max(ttls)} s",
                "the SOA record's minimum, or the cache of the DNS server",
                "lower it (ttl and cache in the Corefile), or wait that long after a pod appears",
            )


def check_speed(observations: Observations) -> Iterator[Finding]:
    """Find an answer that took long."""
    for server in observations.servers:
        longest = max(reply.seconds for reply in (*server.peers, server.own, server.version))
        if server.peers[0].status and longest >= SLOW_SECONDS:
            yield hint(
                "slow",
                f"{server.name} took {longest:.1f} s for an answer",
                "datagrams are lost (the conntrack race of A with AAAA is known for its 5 s), or the server is starved",
                "run NodeLocal DNSCache; look at the CPU limits of the DNS pods",
            )


def _format_counts(sets: set[frozenset[str]]) -> str:
    return " and ".join(str(count) for count in sorted(len(one) for one in sets))
