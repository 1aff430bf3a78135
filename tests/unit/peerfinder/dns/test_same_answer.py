"""An answer equal to the last one is not parsed again, and has the result that parsing it would have given."""

import random
import struct
from collections.abc import Callable, Sequence
from time import process_time

import dns.flags
import dns.message
import dns.rrset
import pytest

from peerfinder.core.names import Names
from peerfinder.dns import resolver
from peerfinder.dns.lookup import LookupCache, find_srv, interpret
from peerfinder.dns.nameservers import Nameservers, Server
from peerfinder.dns.resolver import LastAnswer
from peerfinder.dns.same_answer import extract_content
from tests.dns.knot import Knot, numbered_pods, pods
from tests.dns.liar import Liar, answer, compressed, framed
from tests.support.peerfinder.program import SUFFIX, fqdn
from tests.unit.peerfinder.dns.test_fuzz import SEEDS, corrupt, note_seed, seeds

QUERY = dns.message.make_query(f"{SUFFIX}.", "SRV", use_edns=0)

NAMES = Names("galera", "default", "cluster.local")


def with_addresses(order: Sequence[int], query: dns.message.Message = QUERY, *, ttl: int = 5, port: int = 1) -> bytes:
    """Answer as CoreDNS does, which shuffles what it gives."""
    reply = dns.message.make_response(query)
    for number in order:
        target = f"mysql-{number}.{SUFFIX}."
        reply.answer.append(dns.rrset.from_text(f"{SUFFIX}.", ttl, "IN", "SRV", f"0 10 {port} {target}"))
        reply.additional.append(dns.rrset.from_text(target, ttl, "IN", "A", f"10.0.{number // 250}.{number % 250}"))
    return reply.to_wire(max_size=65535)


def pointing_forward() -> bytes:
    """An answer whose first owner is a pointer to the owner of its second record, which points to the question."""
    wire = compressed(QUERY, ["mysql-0", "mysql-1"])
    first, second = wire.index(b"\xc0\x0c\x00\x21"), wire.rindex(b"\xc0\x0c\x00\x21")
    assert first < second
    return wire[:first] + struct.pack("!H", 0xC000 | second) + wire[first + 2 :]


def test_another_order_other_times_and_another_id_say_the_same() -> None:
    other = dns.message.make_query(f"{SUFFIX}.", "SRV", use_edns=0)

    assert extract_content(with_addresses(range(30))) is not None
    assert extract_content(with_addresses(range(30))) == extract_content(
        with_addresses(range(29, -1, -1), other, ttl=4)
    )


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(with_addresses(range(2)), id="one peer less"),
        pytest.param(with_addresses([0, 1, 3]), id="another peer"),
        pytest.param(with_addresses(range(3), port=2), id="another port"),
        pytest.param(with_addresses(range(3)).replace(b"\n\0\0\2", b"\n\0\0\3"), id="another address"),
        pytest.param(with_addresses(range(3)).replace(b"\x81\0", b"\x81\2", 1), id="another response code"),
        pytest.param(answer(QUERY, fqdn("mysql-0", "mysql-1", "mysql-2")), id="no addresses"),
    ],
)
def test_the_content_differs_for(wire: bytes) -> None:
    assert extract_content(wire) not in (None, extract_content(with_addresses(range(3))))


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(with_addresses(range(3)) + b"\0", id="an octet after the end"),
        pytest.param(with_addresses(range(3))[:-1], id="an octet less"),
        pytest.param(with_addresses(range(3))[:12] + b"\xc0\x0c" + bytes(60), id="a pointer to itself"),
        pytest.param(SEEDS[5](QUERY), id="other kinds of records"),
        pytest.param(pointing_forward(), id="an owner that stands behind its pointer"),
    ],
)
def test_it_has_to_be_read_by_the_rules_if_it_is(wire: bytes) -> None:
    assert extract_content(wire) is None


def describe(message: dns.message.QueryMessage | None) -> object:
    """Return all that a message means for us."""
    if message is None:
        return None
    try:
        targets: object = frozenset(interpret(message, Server("127.0.0.1")))
    except Exception as exc:  # noqa: BLE001 - whatever reading it leads to, it has to be the same
        targets = type(exc)
    glue = {(rrset.name, rrset.rdclass, rrset.rdtype, record) for rrset in message.additional for record in rrset}
    return message.rcode(), bool(message.flags & dns.flags.TC), targets, frozenset(glue)


ORDERS: tuple[Callable[[dns.message.Message], bytes], ...] = (
    lambda query: with_addresses([0, 1, 2], query),
    lambda query: with_addresses([2, 0, 1], query),
    lambda query: with_addresses([1, 0, 2], query, ttl=3),
    lambda query: compressed(query, ["mysql-1", "mysql-0"]),
    lambda query: compressed(query, ["mysql-0", "mysql-1"]),
)


def test_any_course_of_answers_means_what_reading_each_would_give() -> None:
    again = 0
    for seed in seeds():
        with note_seed(seed) as dice:
            last = LastAnswer()
            for _ in range(12):
                query = dns.message.make_query(f"{SUFFIX}.", "SRV", use_edns=0)
                wire = dice.choice(ORDERS + SEEDS)(query)
                wire = corrupt(wire, dice) if dice.random() < 0.6 else wire
                before = last.answer
                parsed = resolver._parse_or_reuse(query, wire, last)
                again += parsed is not None and parsed is before

                assert describe(parsed) == describe(resolver._parse(query, wire))
    assert again, "no answer was equal to the last one: nothing was tested"


def test_answers_in_any_order_are_one_and_the_same_find_until_something_changes() -> None:
    peers = list(range(3))
    dice = random.Random(7)

    def shuffled(query: dns.message.Message, over_tcp: bool) -> list[bytes]:
        dice.shuffle(peers)
        wire = with_addresses(peers, query)
        return [framed(wire) if over_tcp else answer(query, [], truncated=True)]

    cache = LookupCache()
    with Liar(shuffled) as liar:
        first, *others = [find_srv(NAMES, SUFFIX, Nameservers.from_text(liar.nameserver), 5.0, cache) for _ in range(6)]
        peers.append(3)
        more = find_srv(NAMES, SUFFIX, Nameservers.from_text(liar.nameserver), 5.0, cache)

    assert all(one is first for one in others)
    assert more.peers == tuple(sorted(fqdn("mysql-0", "mysql-1", "mysql-2", "mysql-3")))
    assert more.glue[fqdn("mysql-3")[0], "A"] == "10.0.0.3"


@pytest.mark.knot
def test_a_thousand_peers_that_stay_cost_a_tenth_of_reading_them(knot: Knot) -> None:
    knot.publish(pods("galera", numbered_pods(1000)))
    servers, cache = Nameservers.from_text(knot.nameserver), LookupCache()

    def cost() -> float:
        began = process_time()
        assert len(find_srv(NAMES, SUFFIX, servers, 30.0, cache).peers) == 1000
        return process_time() - began

    first = cost()
    again = min(cost() for _ in range(5))

    assert again < first / 10
