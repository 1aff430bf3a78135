"""One question to one server that lies, is broken or is slow."""

import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic

import dns.flags
import dns.message
import dns.rcode
import pytest

from peerfinder.dns.nameservers import Server
from peerfinder.dns.resolver import EDNS_SIZE, LastAnswer, ask
from peerfinder.errors import LookupFailedError, UsageError
from tests.dns.liar import Liar, Lie, answer, compressed, framed, status
from tests.support.peerfinder.program import SUFFIX, fqdn

Message = dns.message.Message

GOOD = fqdn("mysql-0", "mysql-1")
FORGED = fqdn("evil-0")


def targets(lie: Lie, seconds: float = 5.0) -> list[str]:
    """Ask a liar for the Service, and return the targets of the accepted answer."""
    with Liar(lie) as liar:
        reply = ask(f"{SUFFIX}.", "SRV", Server("127.0.0.1", liar.port), seconds)
    return sorted(record.to_text().split(" ")[-1].rstrip(".") for rrset in reply.answer for record in rrset)


def with_header(wire: bytes, offset: int, change: int) -> bytes:
    """Flip bits of one octet of a message."""
    return wire[:offset] + bytes([wire[offset] ^ change]) + wire[offset + 1 :]


def wrong_id(query: Message) -> bytes:
    return with_header(answer(query, FORGED), 1, 0xFF)


def wrong_question(query: Message) -> bytes:
    other = dns.message.make_query("galera.evil.svc.cluster.local", "SRV", id=query.id)
    return answer(other, FORGED)


def wrong_type(query: Message) -> bytes:
    other = dns.message.make_query(SUFFIX, "A", id=query.id)
    return dns.message.make_response(other).to_wire()


def no_response(query: Message) -> bytes:
    return with_header(answer(query, FORGED), 2, 0x80)


def wrong_opcode(query: Message) -> bytes:
    return with_header(answer(query, FORGED), 2, 0x10)


FALSEHOODS: dict[str, Callable[[Message], bytes]] = {
    "a wrong id": wrong_id,
    "a wrong question": wrong_question,
    "a wrong type": wrong_type,
    "a question instead of an answer": no_response,
    "a wrong opcode": wrong_opcode,
    "garbage": lambda _: b"\xff" * 40,
    "nothing": lambda _: b"",
    "a header cut short": lambda query: answer(query, GOOD)[:11],
    "a body cut short": lambda query: answer(query, FORGED)[:-30],
    "octets after the end": lambda query: answer(query, FORGED) + b"x",
    "a compression pointer to itself": lambda query: answer(query, [])[:12] + b"\xc0\x0c\0!\0\1",
    "a record of a class that cannot be": lambda query: (
        with_header(answer(query, []), 7, 1) + b"\0\0\1\0\0\0\0\0\0\0\0"
    ),
}


@pytest.mark.parametrize("name", FALSEHOODS)
def test_over_udp_the_truth_is_awaited_after(name: str) -> None:
    def lie(query: Message, _over_tcp: bool) -> Iterable[bytes | float]:
        return [FALSEHOODS[name](query), 0.05, answer(query, GOOD)]

    assert targets(lie) == GOOD


@pytest.mark.parametrize("name", FALSEHOODS)
def test_over_udp_nothing_but_falsehood_is_silence(name: str) -> None:
    with pytest.raises(TimeoutError):
        targets(lambda query, _: [FALSEHOODS[name](query)], seconds=0.3)


@pytest.mark.parametrize("name", [name for name in FALSEHOODS if name != "octets after the end"])
def test_over_tcp_the_connection_is_the_servers_own_so_falsehood_is_its_failure(name: str) -> None:
    def lie(query: Message, over_tcp: bool) -> Iterable[bytes | float]:
        return [framed(FALSEHOODS[name](query))] if over_tcp else [answer(query, [], truncated=True)]

    with pytest.raises(LookupFailedError):
        targets(lie, seconds=2.0)


@pytest.mark.parametrize(
    ("address", "port"), [("127.0.0.1", 0), ("127.0.0.2", None), ("127.0.0.2", 0)], ids=["port", "address", "both"]
)
def test_an_answer_is_not_accepted_from_another(address: str, port: int | None) -> None:
    """The forger knows the question, its id and our own port; only its own address or port is not the server's."""
    forgeries: list[bytes] = []

    def find_own_port() -> int:
        """Return the port from which we ask."""
        server = f"{socket.htonl(0x7F000001):08X}:{liar.port:04X}"
        lines = Path("/proc/net/udp").read_text().splitlines()[1:]
        return next(int(line.split()[1].split(":")[1], 16) for line in lines if line.split()[2] == server)

    def lie(query: Message, _over_tcp: bool) -> Iterable[bytes | float]:
        forgeries.append(answer(query, FORGED))
        forger.sendto(forgeries[0], ("127.0.0.1", find_own_port()))
        return [0.3, answer(query, GOOD)]

    with Liar(lie) as liar, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger:
        forger.bind((address, liar.port if port is None else port))
        reply = ask(f"{SUFFIX}.", "SRV", Server("127.0.0.1", liar.port), 5.0)

    assert forgeries, "nothing was forged"
    assert len(reply.answer[0]) == 2


def test_a_flood_of_guesses_is_passed_over() -> None:
    def lie(query: Message, _over_tcp: bool) -> Iterable[bytes | float]:
        forged = answer(query, FORGED)
        guesses = [((query.id + 1 + n) % 65536).to_bytes(2, "big") + forged[2:] for n in range(100)]
        return [*guesses, 0.2, *guesses, 0.2, answer(query, GOOD)]

    assert targets(lie) == GOOD


@pytest.mark.parametrize("part", [0, 12, 60], ids=["empty", "only a header", "a part of the records"])
def test_a_truncated_datagram_leads_to_tcp_whatever_is_left_of_it(part: int) -> None:
    def lie(query: Message, over_tcp: bool) -> Iterable[bytes | float]:
        if over_tcp:
            return [framed(answer(query, GOOD))]
        whole = answer(query, FORGED if part else [], truncated=True)
        return [whole[: max(part, 50)] if part else whole]

    assert targets(lie) == GOOD


def test_an_answer_that_is_truncated_over_tcp_too_is_no_answer() -> None:
    def lie(query: Message, over_tcp: bool) -> Iterable[bytes | float]:
        wire = answer(query, GOOD, truncated=True)
        return [framed(wire) if over_tcp else wire]

    with pytest.raises(LookupFailedError, match="even over TCP"):
        targets(lie)


def test_tcp_that_drips_in_counts_if_it_is_in_time() -> None:
    def lie(query: Message, over_tcp: bool) -> Iterable[bytes | float]:
        if not over_tcp:
            return [answer(query, [], truncated=True)]
        wire = framed(answer(query, GOOD))
        return [part for n in range(0, len(wire), 20) for part in (wire[n : n + 20], 0.01)]

    assert targets(lie) == GOOD


def test_a_slowloris_cannot_hold_us_longer_than_the_deadline() -> None:
    def lie(query: Message, over_tcp: bool) -> Iterable[bytes | float]:
        if not over_tcp:
            return [answer(query, [], truncated=True)]
        return [part for octet in framed(answer(query, GOOD)) for part in (bytes([octet]), 0.1)]

    began = monotonic()
    with pytest.raises(TimeoutError):
        targets(lie, seconds=0.5)

    assert monotonic() - began < 10


def test_a_tcp_connection_that_ends_in_the_middle_is_a_failure() -> None:
    def lie(query: Message, over_tcp: bool) -> Iterable[bytes | float]:
        return [framed(answer(query, GOOD))[:-5] if over_tcp else answer(query, [], truncated=True)]

    with pytest.raises(LookupFailedError, match="middle"):
        targets(lie)


def test_a_closed_port_is_reported_at_once() -> None:
    with Liar(lambda *_: []) as liar:
        port = liar.port

    began = monotonic()
    with pytest.raises(LookupFailedError, match="refused"):
        ask(f"{SUFFIX}.", "SRV", Server("127.0.0.1", port), 20.0)

    assert monotonic() - began < 10


def test_a_question_asks_for_answers_that_cross_any_path_in_one_piece() -> None:
    with Liar(lambda query, _: [answer(query, GOOD)]) as liar:
        ask(f"{SUFFIX}.", "SRV", Server("127.0.0.1", liar.port), 5.0)

    assert [query.payload for query in liar.questions] == [EDNS_SIZE]
    assert [query.edns for query in liar.questions] == [0]


@pytest.mark.parametrize("last", [None, LastAnswer()], ids=["at first", "again and again"])
def test_every_question_has_a_new_id(last: LastAnswer | None) -> None:
    with Liar(lambda query, _: [answer(query, GOOD)]) as liar:
        for _ in range(8):
            ask(f"{SUFFIX}.", "SRV", Server("127.0.0.1", liar.port), 5.0, last)

    assert len({query.id for query in liar.questions}) > 5
    assert len({query.to_wire()[2:] for query in liar.questions}) == 1


def test_another_question_is_another_although_the_last_one_is_remembered() -> None:
    last = LastAnswer()
    with Liar(lambda query, _: [status(query, dns.rcode.NXDOMAIN)]) as liar:
        for name, kind in [("a.", "SRV"), ("b.", "SRV"), ("b.", "A"), ("b.", "A")]:
            ask(name, kind, Server("127.0.0.1", liar.port), 5.0, last)

    assert [query.question[0].to_text() for query in liar.questions] == ["a. IN SRV", "b. IN SRV", "b. IN A", "b. IN A"]


def test_a_compressed_target_is_read_as_old_kube_dns_sends_it() -> None:
    assert targets(lambda query, _: [compressed(query, ["mysql-0", "mysql-1"])]) == GOOD


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NXDOMAIN", "FORMERR", "NOTIMP"])
def test_an_answer_with_any_response_code_is_an_answer(rcode: str) -> None:
    with Liar(lambda query, _: [status(query, dns.rcode.from_text(rcode))]) as liar:
        reply = ask(f"{SUFFIX}.", "SRV", Server("127.0.0.1", liar.port), 5.0)

    assert dns.rcode.to_text(reply.rcode()) == rcode
    assert reply.flags & dns.flags.QR


def test_a_server_is_an_address_and_no_name() -> None:
    with pytest.raises(UsageError, match="not an IP address"):
        Server("dns.example").resolve()


@pytest.mark.parametrize(
    ("server", "text"),
    [(Server("10.0.0.10"), "10.0.0.10:53"), (Server("fd00::10", 5353), "[fd00::10]:5353")],
    ids=["IPv4", "IPv6"],
)
def test_a_server_is_written_as_the_flag_reads_it(server: Server, text: str) -> None:
    assert str(server) == text
