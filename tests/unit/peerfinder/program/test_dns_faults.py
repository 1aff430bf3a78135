"""The whole program while a name server is broken, lies or is slow: a hook gets the peers, all of them, or nothing."""

from collections.abc import Callable, Iterable

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from tests.dns.liar import Liar, answer, framed, status
from tests.support.peerfinder.program import SUFFIX, fqdn, run

Message = dns.message.Message

Answers = Iterable[bytes | float]

TRUE = fqdn("mysql-0", "mysql-1", "mysql-2")

PART = TRUE[:2]


def answer_code(rcode: dns.rcode.Rcode) -> Callable[[Message, bool], Answers]:
    return lambda query, tcp: [(framed if tcp else bytes)(status(query, rcode))]


def with_records(query: Message, owner: str, ttl: int, *targets: str, alias: str = "") -> bytes:
    """Answer with records of any owner and time to live, behind an alias if there is one."""
    reply = dns.message.make_response(query)
    if alias:
        reply.answer.append(dns.rrset.from_text(f"{SUFFIX}.", ttl, "IN", "CNAME", alias))
    reply.answer.append(dns.rrset.from_text(owner, ttl, "IN", "SRV", *(f"0 10 0 {name}." for name in targets)))
    return reply.to_wire()


def repeat_records(query: Message) -> bytes:
    """Answer with each record twice."""
    wire = answer(query, TRUE)
    count = int.from_bytes(wire[6:8], "big")
    begin = len(dns.message.make_response(dns.message.make_query(query.question[0].name, "SRV")).to_wire())
    whole = dns.message.make_response(query)
    end = len(wire) - (len(whole.to_wire()) - begin)
    return wire[:6] + (2 * count).to_bytes(2, "big") + wire[8:end] + wire[begin:end] + wire[end:]


def over_tcp(over_it: Callable[[Message], list[bytes | float]]) -> Callable[[Message, bool], Answers]:
    """Cut the datagram off, and do this over TCP."""
    return lambda query, tcp: over_it(query) if tcp else [answer(query, PART, truncated=True)]


def with_an_option(query: Message) -> bytes:
    """Answer with what no name may hold."""
    return answer(query, [*TRUE, (b"a?pc.weight=7", *SUFFIX.encode().split(b"."))])


FAULTS: dict[str, Callable[[Message, bool], Answers]] = {
    "SERVFAIL": answer_code(dns.rcode.SERVFAIL),
    "REFUSED": answer_code(dns.rcode.REFUSED),
    "FORMERR": answer_code(dns.rcode.FORMERR),
    "NOTIMP": answer_code(dns.rcode.NOTIMP),
    "NXDOMAIN": answer_code(dns.rcode.NXDOMAIN),
    "no data": answer_code(dns.rcode.NOERROR),
    "silence": lambda _query, _tcp: [],
    "half a datagram": lambda query, _: [answer(query, PART)[:-20]],
    "an alias to itself": lambda query, _: [with_records(query, "evil.example.", 5, *PART, alias=f"{SUFFIX}.")],
    "an alias to another zone with its own names": lambda query, _: [
        with_records(query, "evil.example.", 5, "mysql-0.evil.example", alias="evil.example.")
    ],
    "records of another owner": lambda query, _: [with_records(query, "evil.example.", 5, *PART)],
    "names of another namespace": lambda query, _: [answer(query, ["mysql-0.galera.other.svc.cluster.local"])],
    "a name with an option of Galera": lambda query, _: [with_an_option(query)],
    "a part, and TCP that ends at once": over_tcp(lambda _: []),
    "a part, and a part over TCP": over_tcp(lambda query: [framed(answer(query, PART, truncated=True))]),
    "a part, and half a message over TCP": over_tcp(lambda query: [framed(answer(query, PART))[:-9]]),
    "a part, and a length of 0 over TCP": over_tcp(lambda _: [b"\0\0"]),
    "a part, and something else over TCP": over_tcp(lambda _: [framed(b"\xff" * 70)]),
}
"""What the first questions are answered with."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_hook_gets_the_true_peers_once_they_are_answered_after(name: str) -> None:
    def lie(query: Message, tcp: bool) -> Answers:
        if len(liar.questions) < 5:
            return FAULTS[name](query, tcp)
        return [(framed if tcp else bytes)(answer(query, TRUE))]

    with Liar(lie) as liar:
        ended = run("-on-start=cat", nameserver=liar.nameserver)

    assert (ended.status, ended.out.split()) == (0, TRUE), ended.err
    assert len(liar.questions) > 4, "there was a fault"
    assert ended.err.isascii()


def test_names_made_of_addresses_are_peers_and_none_of_them_is_ours() -> None:
    """As for pods of another serviceName."""
    with Liar(lambda query, _: [answer(query, fqdn("10-0-0-1", "10-0-0-2"))]) as liar:
        ended = run("-on-start=cat", "-timeout=1s", nameserver=liar.nameserver)

    assert (ended.status, ended.out) == (6, "")
    assert "our own name mysql-0" in ended.err


@pytest.mark.parametrize(
    "make_answer",
    [
        lambda query: with_records(query, f"{SUFFIX}.", 0, *TRUE),
        lambda query: with_records(query, f"{SUFFIX}.", 2**31 - 1, *TRUE),
        lambda query: with_records(query, "alias.example.", 5, *TRUE, alias="alias.example."),
        repeat_records,
    ],
    ids=["kept for no time", "kept forever", "behind an alias of another zone", "repeated"],
)
def test_a_hook_gets_true_records_that_are(make_answer: Callable[[Message], bytes]) -> None:
    with Liar(lambda query, tcp: [(framed if tcp else bytes)(make_answer(query))]) as liar:
        ended = run("-on-start=cat", "-timeout=10", nameserver=liar.nameserver)

    assert (ended.status, ended.out.split()) == (0, TRUE), ended.err


@pytest.mark.parametrize(("seconds", "code"), [(0.9, 0), (1.1, 0), (6.0, 6)])
def test_an_answer_is_awaited_that_takes(seconds: float, code: int) -> None:
    with Liar(lambda query, _: [seconds, answer(query, TRUE)]) as liar:
        ended = run("-on-start=cat", f"-timeout={8 if code else 60}s", nameserver=liar.nameserver)

    assert (ended.status, ended.out.split()) == (code, [] if code else TRUE), ended.err
    assert not code or "no answer within" in ended.err
