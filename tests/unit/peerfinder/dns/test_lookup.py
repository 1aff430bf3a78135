"""The SRV set of a Service from real and from lying servers: complete and valid, or an error."""

import socket
import threading
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from time import monotonic

import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerfinder.core.names import Names
from peerfinder.dns.lookup import FoundPeers, find_address, find_addresses, find_peers, find_srv
from peerfinder.dns.nameservers import Nameservers, ResolvConf, Server, read_resolv_conf
from peerfinder.errors import (
    AnswerInvalidError,
    AnswerWithheldError,
    LookupFailedError,
    NoAddressError,
    NoRecordsError,
    PeerFinderError,
    UsageError,
)
from tests.dns.knot import Knot, free_port, numbered_pods, pods
from tests.dns.liar import Liar, Lie, answer, framed, status
from tests.support.peerfinder.program import SUFFIX, fqdn

GALERA = Names("galera", "default", "cluster.local")


def to_nameservers(*servers: Knot | Liar) -> Nameservers:
    return Nameservers.from_text(",".join(server.nameserver for server in servers))


def look_up(lie: Lie, seconds: float = 5.0) -> tuple[str, ...]:
    with Liar(lie) as liar:
        return find_peers(GALERA, to_nameservers(liar), seconds)


@pytest.mark.knot
def test_the_peers_of_a_headless_service_are_found(galera: Knot) -> None:
    assert list(find_peers(GALERA, to_nameservers(galera), 5)) == fqdn("mysql-0", "mysql-1", "mysql-2")


@pytest.mark.knot
@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="NOT TESTED: this machine has no IPv6")
@pytest.mark.parametrize("count", [3, 100], ids=["over UDP", "over TCP"])
def test_peers_are_found_at_an_ipv6_server(tmp_path: Path, count: int) -> None:
    with Knot(tmp_path, address="::1") as knot:
        knot.publish(pods("galera", numbered_pods(count)))

        assert len(find_peers(GALERA, to_nameservers(knot), 5)) == count


@pytest.mark.knot
def test_peers_are_found_by_the_name_of_a_port(galera: Knot) -> None:
    assert len(find_peers(GALERA, to_nameservers(galera), 5, "mysql")) == 3
    with pytest.raises(NoRecordsError):
        find_peers(GALERA, to_nameservers(galera), 5, "other")


@pytest.mark.knot
def test_several_ports_of_a_pod_are_one_peer(knot: Knot) -> None:
    knot.publish(pods("galera", numbered_pods(3), ports=["mysql", "ist", "sst", "bootstrap"]))

    assert list(find_peers(GALERA, to_nameservers(knot), 5)) == fqdn("mysql-0", "mysql-1", "mysql-2")


@pytest.mark.knot
@pytest.mark.parametrize("count", [1, 19, 20, 1000])
def test_so_many_peers_are_found_over_udp_or_tcp(knot: Knot, count: int) -> None:
    knot.publish(pods("galera", numbered_pods(count)))

    assert len(find_peers(GALERA, to_nameservers(knot), 20)) == count


@pytest.mark.knot
def test_more_peers_than_fit_one_message_are_unknown_and_not_a_part_of_them(knot: Knot) -> None:
    knot.publish(pods("galera", numbered_pods(1100)))

    with pytest.raises(AnswerWithheldError, match="SERVFAIL"):
        find_peers(GALERA, to_nameservers(knot), 5)


@pytest.mark.knot
def test_the_addresses_that_come_with_the_records_need_no_question(galera: Knot) -> None:
    known = find_srv(GALERA, GALERA.suffix, to_nameservers(galera), 5)
    asked = galera.questions()

    got = [find_address(name, "IP", known, to_nameservers(galera), 5) for name in known.peers]

    assert got == list(numbered_pods(3).values())
    assert galera.questions() == asked


@pytest.mark.knot
@pytest.mark.parametrize(("kind", "got"), [("IP", "127.0.0.9"), ("IPv4", "127.0.0.9"), ("IPv6", "fd00::1")])
def test_an_address_of_the_wanted_family_is_the_first_of_it(knot: Knot, kind: str, got: str) -> None:
    both = [pods("galera", {"mysql-0": at}) for at in ("127.0.0.9", "127.0.0.10", "fd00::1")]
    knot.publish(*both)
    known = find_srv(GALERA, GALERA.suffix, to_nameservers(knot), 5)

    assert find_address(known.peers[0], kind, known, to_nameservers(knot), 5) in {got, "127.0.0.10"}
    assert find_address(known.peers[0], kind, FoundPeers(known.peers), to_nameservers(knot), 5) == find_address(
        known.peers[0], kind, known, to_nameservers(knot), 5
    )


@pytest.mark.knot
def test_a_peer_without_an_address_of_the_wanted_family_is_an_error_of_its_own(galera: Knot) -> None:
    known = find_srv(GALERA, GALERA.suffix, to_nameservers(galera), 5)

    with pytest.raises(NoAddressError, match="IPv6"):
        find_address(known.peers[0], "IPv6", known, to_nameservers(galera), 5)


@pytest.mark.knot
def test_no_such_name_is_no_records(knot: Knot) -> None:
    with pytest.raises(NoRecordsError, match=SUFFIX):
        find_peers(GALERA, to_nameservers(knot), 5)


@pytest.mark.knot
def test_a_service_without_ports_has_a_name_and_no_records(knot: Knot) -> None:
    knot.publish(pods("galera", numbered_pods(3), ports=[]))

    with pytest.raises(NoRecordsError, match="no such record"):
        find_peers(GALERA, to_nameservers(knot), 5)


@pytest.mark.knot
def test_a_failing_server_leaves_the_peers_unknown(galera: Knot) -> None:
    galera.fail()

    with pytest.raises(LookupFailedError, match="SERVFAIL"):
        find_peers(GALERA, to_nameservers(galera), 5)


@pytest.mark.knot
def test_a_server_that_serves_another_zone_only_leaves_the_peers_unknown(galera: Knot) -> None:
    with pytest.raises(LookupFailedError, match="REFUSED"):
        find_peers(Names("galera", "default", "other.zone"), to_nameservers(galera), 5)


@pytest.mark.knot
def test_a_silent_server_leaves_the_peers_unknown_at_the_deadline(galera: Knot) -> None:
    galera.freeze()
    began = monotonic()

    with pytest.raises(LookupFailedError, match="no answer within"):
        find_peers(GALERA, to_nameservers(galera), 1)

    assert 0.9 < monotonic() - began < 10


@pytest.mark.knot
def test_a_server_that_has_ended_is_reported_at_once(galera: Knot) -> None:
    galera.stop()

    with pytest.raises(LookupFailedError, match="refused"):
        find_peers(GALERA, to_nameservers(galera), 20)


@pytest.mark.knot
def test_behind_a_silent_a_closed_and_a_failing_server_the_fourth_is_asked(galera: Knot) -> None:
    with (
        Liar(lambda *_: []) as silent,
        Liar(lambda query, _: [status(query, dns.rcode.SERVFAIL)]) as failing,
    ):
        order = [silent.nameserver, f"127.0.0.1:{free_port('127.0.0.1')}", failing.nameserver, galera.nameserver]
        found = find_peers(GALERA, Nameservers.from_text(",".join(order)), 8)

    assert len(found) == 3


def test_a_lost_datagram_is_sent_again() -> None:
    seen: list[int] = []

    def lie(query: dns.message.Message, _over_tcp: bool) -> Iterable[bytes | float]:
        seen.append(query.id)
        return [] if len(seen) < 3 else [answer(query, fqdn("mysql-0"))]

    assert list(look_up(lie)) == fqdn("mysql-0")
    assert len(seen) == 3, "over UDP, over TCP, and over UDP again"


def test_where_no_datagram_comes_through_the_second_question_goes_over_tcp() -> None:
    with Liar(lambda query, tcp: [framed(answer(query, fqdn("mysql-0")))] if tcp else []) as liar:
        began = monotonic()
        assert list(find_peers(GALERA, to_nameservers(liar), 5)) == fqdn("mysql-0")

    assert monotonic() - began < 4
    assert len(liar.questions) == 2


def test_a_server_whose_tcp_port_is_closed_is_asked_over_udp_again() -> None:
    asked: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            for number in range(2):
                wire, sender = server.recvfrom(4096)
                asked.append(wire)
                if number:
                    server.sendto(answer(dns.message.from_wire(wire), fqdn("mysql-0")), sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        name = Nameservers.from_text(f"127.0.0.1:{server.getsockname()[1]}")
        assert list(find_peers(GALERA, name, 5)) == fqdn("mysql-0")
        thread.join()

    assert len(asked) == 2


def test_use_vc_asks_over_tcp_at_once() -> None:
    with Liar(lambda query, tcp: [framed(answer(query, fqdn("mysql-0")))] if tcp else []) as liar:
        servers = to_nameservers(liar)._replace(use_tcp=True)
        assert list(find_peers(GALERA, servers, 5)) == fqdn("mysql-0")

    assert len(liar.questions) == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("options use-vc", True),
        ("options ndots:5 use-vc\noptions edns0", True),
        ("options ndots:5", False),
        ("#options use-vc", False),
        ("use-vc", False),
    ],
)
def test_use_vc_is_read_from_resolv_conf(options: str, expected: bool) -> None:
    assert Nameservers.from_resolv_conf(f"nameserver 127.0.0.1\n{options}\n").use_tcp is expected


def test_a_resolv_conf_that_is_replaced_brings_its_options(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 127.0.0.1\n")
    conf = ResolvConf(Nameservers.from_resolv_conf(path.read_text()), str(path))
    (tmp_path / "new").write_text("nameserver 127.0.0.2\noptions use-vc\n")
    (tmp_path / "new").replace(path)

    assert conf.refresh() == Nameservers((Server("127.0.0.2"),), use_tcp=True)


def test_a_failing_server_is_not_pressed() -> None:
    with Liar(lambda query, _: [status(query, dns.rcode.SERVFAIL)]) as liar, pytest.raises(LookupFailedError):
        find_peers(GALERA, to_nameservers(liar), 5)

    assert len(liar.questions) == 1


HOSTILE = {
    "an option of Galera": b"a?pc.ignore_sb=true&pc.weight=7",
    "a comma": b"a,b",
    "quotes": b"'\"",
    "a command": b"$(reboot)",
    "backticks": b"`reboot`",
    "a pipe": b"a|b",
    "a template": b"{{7*7}}",
    "a backslash": b"a\\b",
    "a newline": b"a\nplugin_load_add=evil.so",
    "a blank": b"a b",
    "a dot inside a label": b"a.b",
    "a NUL": b"a\0",
    "an octet over 127": b"a\xff",
    "a leading hyphen": b"-rf",
    "an underscore": b"_mysql",
    "a star": b"*",
    "a percent sign": b"a%20",
    "a slash": b"../a",
    "a semicolon": b"a;b",
    "a terminal escape": b"\x1b[2J",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_whole_answer_is_refused_for_a_label_with(name: str) -> None:
    labels = (HOSTILE[name], *SUFFIX.encode().split(b"."))

    with pytest.raises(AnswerInvalidError) as caught:
        look_up(lambda query, _: [answer(query, [*fqdn("mysql-0"), labels])])

    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@settings(max_examples=150)
@given(st.binary(min_size=1, max_size=63))
def test_any_label_of_any_octets_is_a_peers_name_or_refused(label: bytes) -> None:
    labels = (label, *SUFFIX.encode().split(b"."))
    try:
        found = look_up(lambda query, _: [answer(query, [labels])])
    except AnswerInvalidError:
        return
    assert found == (f"{label.decode().lower()}.{SUFFIX}",)


@settings(max_examples=300)
@given(st.binary(max_size=80), st.integers(0, 200))
def test_octets_that_replace_a_part_of_an_answer_give_peers_or_an_error(noise: bytes, offset: int) -> None:
    def lie(query: dns.message.Message, _over_tcp: bool) -> Iterable[bytes | float]:
        wire = answer(query, fqdn("mysql-0", "mysql-1"))
        return [wire[:offset] + noise + wire[offset + len(noise) :], answer(query, fqdn("mysql-0"))]

    try:
        found = look_up(lie, seconds=0.5)
    except PeerFinderError:
        return
    assert all(name.endswith(f".{SUFFIX}") for name in found)


def test_upper_case_in_an_answer_does_not_count() -> None:
    assert list(look_up(lambda query, _: [answer(query, [f"MySQL-0.{SUFFIX.upper()}"])])) == fqdn("mysql-0")


def test_an_empty_answer_with_records_elsewhere_is_no_records() -> None:
    def lie(query: dns.message.Message, _over_tcp: bool) -> Iterable[bytes | float]:
        reply = dns.message.make_response(query)
        reply.additional.append(dns.rrset.from_text(f"mysql-0.{SUFFIX}.", 5, "IN", "A", "127.0.0.1"))
        return [reply.to_wire()]

    with pytest.raises(NoRecordsError):
        look_up(lie)


@pytest.mark.parametrize("length", [1, 40], ids=["to itself", "too long"])
def test_a_chain_of_aliases_is_no_answer_if_it_goes(length: int) -> None:
    def lie(query: dns.message.Message, _over_tcp: bool) -> Iterable[bytes | float]:
        reply = dns.message.make_response(query)
        names = [f"{SUFFIX}.", *(f"a{n}.{SUFFIX}." for n in range(1, length)), f"{SUFFIX}."]
        for owner, target in pairwise(names):
            reply.answer.append(dns.rrset.from_text(owner, 5, "IN", "CNAME", target))
        wire = reply.to_wire(max_size=65535)
        return [framed(wire) if _over_tcp else wire]

    with pytest.raises(LookupFailedError, match="ChainTooLong"):
        look_up(lie)


def test_an_address_record_of_another_class_is_no_address() -> None:
    def lie(query: dns.message.Message, _over_tcp: bool) -> list[bytes]:
        reply = dns.message.make_response(query)
        reply.answer.append(dns.rrset.from_text(f"{SUFFIX}.", 5, "IN", "SRV", f"0 10 3306 mysql-0.{SUFFIX}."))
        reply.additional.append(dns.rrset.from_text(f"mysql-0.{SUFFIX}.", 5, "CH", "A", "evil.example. 17"))
        return [reply.to_wire()]

    with Liar(lie) as liar:
        got = find_srv(GALERA, SUFFIX, Nameservers.from_text(liar.nameserver), 1.0)

    assert got == FoundPeers((*fqdn("mysql-0"),), {})


@pytest.mark.knot
def test_addresses_of_a_name_are_ipv4_before_ipv6(knot: Knot) -> None:
    knot.publish(pods("galera", {"mysql-0": "fd00::1", "mysql-1": "127.0.0.9"}))
    knot.publish(pods("galera", {"mysql-0": "fd00::1"}), pods("galera", {"mysql-0": "127.0.0.9"}))

    assert find_addresses(GALERA.pod_fqdn("mysql-0"), to_nameservers(knot), 5) == ("127.0.0.9", "fd00::1")


@pytest.mark.knot
def test_a_name_of_one_family_has_the_addresses_of_that_one(knot: Knot) -> None:
    knot.publish(pods("galera", {"mysql-0": "fd00::1", "mysql-1": "127.0.0.9"}))

    assert find_addresses(GALERA.pod_fqdn("mysql-0"), to_nameservers(knot), 5) == ("fd00::1",)
    assert find_addresses(GALERA.pod_fqdn("mysql-1"), to_nameservers(knot), 5) == ("127.0.0.9",)
    with pytest.raises(NoRecordsError):
        find_addresses(GALERA.pod_fqdn("mysql-2"), to_nameservers(knot), 5)


def test_addresses_are_unknown_when_one_family_is() -> None:
    def lie(query: dns.message.Message, _over_tcp: bool) -> Iterable[bytes | float]:
        if query.question[0].rdtype == dns.rdatatype.AAAA:
            return [status(query, dns.rcode.SERVFAIL)]
        reply = dns.message.make_response(query)
        reply.answer.append(dns.rrset.from_text(f"mysql-0.{SUFFIX}.", 5, "IN", "A", "127.0.0.1"))
        return [reply.to_wire()]

    with Liar(lie) as liar, pytest.raises(LookupFailedError, match="AAAA"):
        find_addresses(GALERA.pod_fqdn("mysql-0"), to_nameservers(liar), 5)


def servers(*hosts: str) -> tuple[Server, ...]:
    return tuple(Server(host) for host in hosts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("nameserver 10.0.0.10\n", servers("10.0.0.10"), id="one server"),
        pytest.param("", servers("127.0.0.1"), id="an empty file, as the C library"),
        pytest.param("nameserver bogus\nnameserver\nnameserver 10.0.0.10", servers("10.0.0.10"), id="bad lines"),
        pytest.param("nameserver fd00::a", servers("fd00::a"), id="IPv6"),
        pytest.param("nameserver fe80::1%lo", servers("fe80::1%lo"), id="IPv6 with a scope"),
        pytest.param("nameserver 10.0.0.10\r\n", servers("10.0.0.10"), id="CRLF"),
        pytest.param("# nameserver 10.0.0.1\nnameserver 10.0.0.2 # x", servers("10.0.0.2"), id="comments"),
        pytest.param(
            "".join(f"nameserver 10.0.0.{n}\n" for n in range(5)),
            servers("10.0.0.0", "10.0.0.1", "10.0.0.2"),
            id="more than three",
        ),
    ],
)
def test_name_servers_are_read_from(text: str, expected: tuple[Server, ...]) -> None:
    assert Nameservers.from_resolv_conf(text).servers == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.10", (Server("10.0.0.10"),)),
        ("10.0.0.10:5353", (Server("10.0.0.10", 5353),)),
        ("fd00::a", (Server("fd00::a"),)),
        ("[fd00::a]:5353", (Server("fd00::a", 5353),)),
        ("[fd00::a]", (Server("fd00::a"),)),
        ("10.0.0.10, 10.0.0.11:54", (Server("10.0.0.10"), Server("10.0.0.11", 54))),
    ],
)
def test_the_flag_names_name_servers_as(text: str, expected: tuple[Server, ...]) -> None:
    assert Nameservers.from_text(text).servers == expected


@pytest.mark.parametrize(
    "text", ["", ",", "dns.example", "10.0.0.10:", "10.0.0.10:0", "10.0.0.10:x", "10.0.0.10:65536"]
)
def test_the_flag_refuses(text: str) -> None:
    with pytest.raises(UsageError):
        Nameservers.from_text(text)


def test_a_resolv_conf_that_cannot_be_read_counts_as_empty(tmp_path: Path) -> None:
    assert read_resolv_conf(tmp_path / "missing") == ""
    assert read_resolv_conf(tmp_path) == ""


def test_a_resolv_conf_of_any_octets_is_read(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_bytes(b"\xff\xfe\0nameserver\nnameserver 10.0.0.10\n")

    assert Nameservers.from_resolv_conf(read_resolv_conf(tmp_path / "resolv.conf")).servers == servers("10.0.0.10")
