"""Broken octets in DNS answers and in resolv.conf: peers, or an error of ours, in bounded time; nothing else.

An answer may also be whole and expensive: no octet costs more than a bounded time of the processor, whatever it is.

Two seconds for each in CI; `make fuzz` goes on for half an hour (FUZZ_SECONDS).
"""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from time import monotonic, thread_time

import dns.message
import dns.rrset
import pytest

from peerfinder.core.names import Names, build_names
from peerfinder.core.observations import Observations, ServerReplies
from peerfinder.core.peers import is_name
from peerfinder.dns.lookup import find_addresses, find_srv
from peerfinder.dns.nameservers import SERVERS_MAX, Nameservers
from peerfinder.dns.probe import ask
from peerfinder.dns.resolver import EDNS_SIZE
from peerfinder.doctor.examine import examine
from peerfinder.errors import PeerFinderError
from tests.dns.bombs import BOMBS, make_bomb
from tests.dns.liar import Liar, answer, compressed, framed
from tests.support.peerfinder.program import SUFFIX, fqdn
from tests.unit.peerfinder.core.test_names import NORMAL

SECONDS = float(os.environ.get("FUZZ_SECONDS", "2"))
"""For each of the tests here."""

NAMES = Names("galera", "default", "cluster.local")

SLOW = 10.0
"""No answer may cost more; generous, for busy machines. Seconds."""

PER_OCTET, AT_LEAST = 25e-6, 0.05
"""Seconds of this thread that an octet of an answer may cost, and any answer: an honest octet costs 3e-6."""

Octets = Callable[[dns.message.Message], bytes]


def with_addresses(query: dns.message.Message) -> bytes:
    """Answer as CoreDNS does, addresses in the additional section."""
    reply = dns.message.make_response(query)
    question = query.question[0].name.to_text()
    for number in range(3):
        name = f"mysql-{number}.{SUFFIX}."
        reply.answer.append(dns.rrset.from_text(question, 5, "IN", "SRV", f"0 10 3306 {name}"))
        reply.additional.append(dns.rrset.from_text(name, 5, "IN", "A", f"10.0.0.{number}"))
        reply.additional.append(dns.rrset.from_text(name, 5, "IN", "AAAA", f"fd00::{number}"))
    return reply.to_wire()


def its_own_address(query: dns.message.Message) -> bytes:
    """Answer for the addresses of a name."""
    reply = dns.message.make_response(query)
    question = query.question[0].name.to_text()
    reply.answer.append(dns.rrset.from_text(question, 5, "IN", "A", "10.0.0.1", "10.0.0.2"))
    reply.answer.append(dns.rrset.from_text(question, 5, "IN", "AAAA", "fd00::1"))
    return reply.to_wire()


def an_alias(query: dns.message.Message) -> bytes:
    """Answer by a chain of aliases with an end, a text, and what a missing name has."""
    reply = dns.message.make_response(query)
    question = query.question[0].name.to_text()
    reply.answer.append(dns.rrset.from_text(question, 5, "IN", "CNAME", "b.example."))
    reply.answer.append(dns.rrset.from_text("b.example.", 5, "IN", "SRV", f"0 0 1 mysql-0.{SUFFIX}."))
    reply.answer.append(dns.rrset.from_text("b.example.", 5, "IN", "TXT", '"1.1.0"'))
    reply.authority.append(dns.rrset.from_text("example.", 5, "IN", "SOA", "ns. root. 1 2 3 4 5"))
    return reply.to_wire()


SEEDS: tuple[Octets, ...] = (
    lambda query: answer(query, fqdn("mysql-0", "mysql-1")),
    lambda query: answer(query, [], truncated=True),
    lambda query: compressed(query, ["mysql-0", "mysql-1"]),
    with_addresses,
    its_own_address,
    an_alias,
)


def corrupt(wire: bytes, dice: random.Random) -> bytes:
    """Break a message in a few places, mostly not in the id, so that it is parsed."""
    octets = bytearray(wire)
    for _ in range(dice.choice([0, 1, 1, 2, 3, 8])):
        at = dice.randrange(2 if dice.random() < 0.95 else 0, max(3, len(octets)))
        match dice.randrange(7):
            case 0:
                octets[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                octets[at : at + 2] = (0xC000 | dice.randrange(len(octets) + 8) & 0x3FFF).to_bytes(2, "big")
            case 2:
                del octets[at : at + dice.randrange(1, 40)]
            case 3:
                octets[at:at] = dice.randbytes(dice.randrange(1, 70))
            case 4:
                count = 4 + 2 * dice.randrange(4)
                octets[count : count + 2] = dice.choice([0, 1, 2, 255, 65535]).to_bytes(2, "big")
            case 5:
                octets[at : at + 1] = bytes([octets[at] ^ 1 << dice.randrange(8)]) if at < len(octets) else b"\xff"
            case 6:
                octets += octets[at:]
    return bytes(octets[:65000])


@contextmanager
def note_seed(seed: int) -> Iterator[random.Random]:
    """Return a random generator; an error in the body gets a note with its seed."""
    try:
        yield random.Random(seed)
    except BaseException as exc:
        exc.add_note(f"again with FUZZ_SEED={seed}")
        raise


def seeds(enough: Callable[[], bool] = lambda: True) -> Iterator[int]:
    """Return numbers until the time is over, and on a busy machine for a minute more until it is enough."""
    end, seed = monotonic() + SECONDS, int(os.environ.get("FUZZ_SEED", random.randrange(2**40)))
    while monotonic() < end or (not enough() and monotonic() < end + 60):
        yield seed
        seed += 1


def true_peers(servers: Nameservers) -> bool:
    found = find_srv(NAMES, SUFFIX, servers, 1.0)
    assert found.peers
    assert all(is_name(name) and name.endswith(f".{SUFFIX}") for name in found.peers)
    assert all(ip_address(address) for address in found.glue.values())
    return found.peers != (*fqdn("mysql-7"),)


def true_addresses(servers: Nameservers) -> bool:
    return all(ip_address(address) for address in find_addresses(SUFFIX, servers, 1.0))


def any_findings(servers: Nameservers) -> bool:
    reply = ask(SUFFIX, "SRV", servers.servers[0], 1.0)
    replies = ServerReplies("server", (reply,), reply, reply, reply, reply)
    examine(Observations(NAMES, fqdn("mysql-0")[0], servers=(replies,)))
    return bool(reply.records)


@pytest.mark.parametrize("reader", [true_peers, true_addresses, any_findings], ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("tcp_only", [False, True], ids=["UDP", "TCP"])
def test_a_broken_answer_gives(reader: Callable[[Nameservers], bool], tcp_only: bool) -> None:
    def lie(query: dns.message.Message, over_tcp: bool) -> list[bytes]:
        if tcp_only and not over_tcp:
            return [answer(query, [], truncated=True)]
        wire = corrupt(dice.choice(SEEDS)(query), dice)
        return [framed(wire)] if over_tcp else [wire, answer(query, fqdn("mysql-7"))]

    accepted: list[bool] = []
    with Liar(lie) as liar:
        servers = Nameservers.from_text(liar.nameserver)
        for seed in seeds(lambda: any(accepted)):
            with note_seed(seed) as dice:
                began = monotonic()
                try:
                    accepted.append(reader(servers))
                except PeerFinderError as exc:
                    message = str(exc)
                    assert message.isprintable(), message
                assert monotonic() - began < SLOW
    assert any(accepted), "no answer was broken so that it could still be read: nothing was tested"


def test_a_broken_resolv_conf_gives_names_and_servers_or_an_error_of_ours() -> None:
    for seed in seeds():
        with note_seed(seed) as dice:
            text = corrupt(NORMAL.encode() * dice.randrange(1, 4), dice).decode(errors="replace")
            assert 1 <= len(Nameservers.from_resolv_conf(text).servers) <= SERVERS_MAX
            try:
                assert is_name(build_names("galera", "", "", text).domain)
            except PeerFinderError as exc:
                message = str(exc)
                assert message.isprintable(), message


@pytest.mark.parametrize("reader", [true_peers, true_addresses, any_findings], ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("bomb", [*BOMBS, None], ids=lambda bomb: bomb.__name__ if bomb else "any of them, broken")
@pytest.mark.parametrize("size", [1200, 65000])
def test_an_octet_costs_no_more_than_an_honest_one(
    reader: Callable[[Nameservers], bool], bomb: Callable[[dns.message.Message, int], bytes] | None, size: int
) -> None:
    sent: list[int] = []
    tcp_only = size > EDNS_SIZE

    def lie(query: dns.message.Message, over_tcp: bool) -> list[bytes]:
        if tcp_only and not over_tcp:
            return [answer(query, [], truncated=True)]
        wire = bomb(query, size)[:65535] if bomb else corrupt(make_bomb(query, dice, size), dice)
        sent.append(len(wire))
        return [framed(wire)] if over_tcp else [wire, answer(query, fqdn("mysql-7"))]

    with Liar(lie) as liar:
        servers = Nameservers.from_text(liar.nameserver)
        for seed in seeds() if bomb is None else range(3):
            with note_seed(seed) as dice:
                before, began = len(sent), thread_time()
                with suppress(PeerFinderError):
                    reader(servers)
                assert thread_time() - began < AT_LEAST + PER_OCTET * sum(sent[before:]), sent[before:]
    assert sent
