"""Name servers: whether they answer, in time, completely, and all the same."""

from collections.abc import Iterator

from peerfinder.core.observations import Observations
from peerfinder.core.peers import quote
from peerfinder.doctor.finding import Finding, hint, problem

SLOW_SECONDS = 1.0
"""An answer inside a cluster takes milliseconds; after a lost datagram it takes a second or five."""

NEGATIVE_TTL = 5
"""The value of CoreDNS for these zones, seconds; a longer one delays a pod's start."""


def check_failures(observations: Observations) -> Iterator[Finding]:
    """Find a server that refuses, fails or is silent."""
    for server in observations.servers:
        reply = server.peers[0]
        if reply.status in ("REFUSED", "NOTAUTH"):
            yield problem(
                "zone-refused",
                f"{server.name} answers {reply.status} for {observations.names.suffix}",
                f"it does not serve {observations.names.domain}: the domain is another, or this is not a cluster DNS",
                "correct -domain; look at nameserver in /etc/resolv.conf (dnsPolicy, dnsConfig)",
            )
        elif reply.status not in ("", "NOERROR", "NXDOMAIN"):
            yield problem(
                "server-fails",
                f"{server.name} answers {reply.status} for {observations.names.suffix}",
                "the DNS server is starting, overloaded, or cut off from the API server or its upstream",
                "look at the log of the DNS pods",
            )
        elif not reply.status and not reply.truncated:
            yield problem(
                "server-silent",
                f"{server.name} {reply.fault}",
                "nothing listens there, a network policy forbids port 53, or a mesh catches DNS before its proxy runs",
                "allow UDP and TCP port 53 to the DNS pods; exempt init containers from the mesh's DNS capture",
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
