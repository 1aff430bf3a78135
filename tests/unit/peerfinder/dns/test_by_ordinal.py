"""Services that no DNS answer can hold: all peers one by one, or an error."""

from collections.abc import Iterable
from itertools import count

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from peerfinder.core.names import Names
from peerfinder.dns.by_ordinal import PodRange, find_peers
from peerfinder.dns.lookup import find_address
from peerfinder.dns.nameservers import Nameservers
from peerfinder.errors import AnswerWithheldError, LookupFailedError, NoRecordsError
from tests.dns.knot import Knot, numbered_pods, pods
from tests.dns.liar import Liar, answer, framed, status
from tests.support.peerfinder.program import SUFFIX, fqdn, run

GALERA = Names("galera", "default", "cluster.local")

OWN = GALERA.pod_fqdn("mysql-0")


def to_nameservers(*servers: Knot | Liar) -> Nameservers:
    return Nameservers.from_text(",".join(server.nameserver for server in servers))


@pytest.mark.knot
@pytest.mark.parametrize(
    ("number", "ports", "words"),
    [
        pytest.param(1100, ["mysql"], [], id="1100 pods of one port"),
        pytest.param(300, ["mysql", "ist", "sst", "bootstrap"], [], id="300 pods of four ports"),
        pytest.param(300, ["mysql", "ist", "sst", "bootstrap"], ["-port-name=sst"], id="300 pods by a port's name"),
        pytest.param(5000, ["mysql"], ["-max-pods=5200"], id="5000 pods, whose addresses do not fit either"),
    ],
)
def test_a_hook_gets_all_of(knot: Knot, number: int, ports: list[str], words: list[str]) -> None:
    knot.publish(pods("galera", numbered_pods(number), ports=ports))

    ended = run("-on-start=cat", *words, nameserver=knot.nameserver, pod="mysql-7")

    assert ended.out.split() == sorted(fqdn(*numbered_pods(number)))
    assert ended.status == 0


@pytest.mark.knot
def test_5000_pods_without_a_bound_are_unknown_and_the_message_names_the_flag(knot: Knot) -> None:
    knot.publish(pods("galera", numbered_pods(5000)))

    ended = run("-on-start=cat", "-timeout=8", nameserver=knot.nameserver)

    assert (ended.status, ended.out) == (6, "")
    assert "-max-pods" in ended.err


@pytest.mark.knot
def test_addresses_for_hooks_need_no_question_more(knot: Knot) -> None:
    known_pods = numbered_pods(1100)
    knot.publish(pods("galera", known_pods))
    known = find_peers(PodRange(GALERA, OWN), to_nameservers(knot), 60)
    asked = knot.questions()

    assert [find_address(name, "IP", known, to_nameservers(knot), 5) for name in fqdn("mysql-5")] == [
        known_pods["mysql-5"]
    ]
    assert knot.questions() == asked


@pytest.mark.knot
def test_ordinals_may_have_gaps_and_begin_anywhere(knot: Knot) -> None:
    some = {name: at for n, (name, at) in enumerate(numbered_pods(60).items()) if n >= 30 and n % 7}
    knot.publish(pods("galera", some))

    assert list(find_peers(PodRange(GALERA, OWN), to_nameservers(knot), 30).peers) == sorted(fqdn(*some))


@pytest.mark.knot
def test_ipv6_pods_are_found_too(knot: Knot) -> None:
    some = {f"mysql-{n}": f"fd00::{n + 1:x}" for n in range(40)}
    knot.publish(pods("galera", some))

    assert len(find_peers(PodRange(GALERA, OWN), to_nameservers(knot), 30).peers) == 40


@pytest.mark.knot
def test_an_address_of_a_pod_of_another_set_is_not_passed_over(knot: Knot) -> None:
    knot.publish(pods("galera", numbered_pods(20) | {"proxy-0": "127.9.9.9"}))

    with pytest.raises(LookupFailedError, match=r"gives 21 addresses.* have 20 of them"):
        find_peers(PodRange(GALERA, OWN), to_nameservers(knot), 30)


@pytest.mark.knot
def test_a_pod_outside_a_set_cannot_ask_pod_by_pod(knot: Knot) -> None:
    knot.publish(pods("galera", numbered_pods(20)))

    with pytest.raises(LookupFailedError, match="not a pod of a StatefulSet"):
        find_peers(PodRange(GALERA, GALERA.pod_fqdn("haproxy")), to_nameservers(knot), 30)


@pytest.mark.knot
def test_a_failing_server_fails_here_too_and_an_empty_one_has_no_records(knot: Knot) -> None:
    with pytest.raises(NoRecordsError):
        find_peers(PodRange(GALERA, OWN, 100), to_nameservers(knot), 30)
    knot.fail()
    with pytest.raises(AnswerWithheldError):
        find_peers(PodRange(GALERA, OWN), to_nameservers(knot), 30)


def with_pods(known: dict[str, str], lose: Iterable[bool], rcode: dns.rcode.Rcode = dns.rcode.NXDOMAIN) -> Liar:
    """Serve pods one by one; the SRV answer is truncated, and questions are lost (*lose*) or denied."""
    losing = iter(lose)

    def lie(query: dns.message.Message, over_tcp: bool) -> list[bytes]:
        name, kind = query.question[0].name.to_text(omit_final_dot=True), query.question[0].rdtype
        if kind == dns.rdatatype.SRV:
            wire = answer(query, list(known)[:3], truncated=True)
            return [framed(wire) if over_tcp else wire]
        here = list(known.values()) if name == SUFFIX else [known[name]] if name in known else []
        if name != SUFFIX and next(losing):
            return []
        if not here:
            return [status(query, rcode)]
        reply = dns.message.make_response(query)
        reply.answer.append(dns.rrset.from_text(query.question[0].name, 5, "IN", "A", *here))
        return [reply.to_wire()]

    return Liar(lie)


SOME = {GALERA.pod_fqdn(name): address for name, address in numbered_pods(30).items()}


def test_an_answer_cut_off_over_tcp_leads_there_and_lost_datagrams_are_asked_again() -> None:
    with with_pods(SOME, (n % 5 == 0 for n in count())) as liar:
        ended = run("-on-start=cat", nameserver=liar.nameserver)

    assert ended.out.split() == sorted(SOME)


def test_a_silent_or_failing_answer_for_one_pod_leaves_all_unknown() -> None:
    with (
        with_pods(SOME, (n >= 10 for n in count())) as silent,
        pytest.raises(LookupFailedError, match="did not answer for each pod"),
    ):
        find_peers(PodRange(GALERA, OWN), to_nameservers(silent), 2)
    with (
        with_pods(SOME, (False for _ in count()), dns.rcode.SERVFAIL) as failing,
        pytest.raises(LookupFailedError, match="SERVFAIL"),
    ):
        find_peers(PodRange(GALERA, OWN), to_nameservers(failing), 5)


def test_the_next_server_is_asked_when_one_falls_silent() -> None:
    with (
        with_pods(SOME, (True for _ in count())) as silent,
        with_pods(SOME, (False for _ in count())) as good,
    ):
        assert len(find_peers(PodRange(GALERA, OWN), to_nameservers(silent, good), 4).peers) == 30
