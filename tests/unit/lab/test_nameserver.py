from collections.abc import Iterator

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from tests.lab.layout import claim_network
from tests.lab.nameserver import PORTS, NameServer, Zone

SERVICE = "galera.lab.svc.cluster.local"


@pytest.fixture
def server() -> Iterator[NameServer]:
    with claim_network()[1] as server:
        yield server


def ask(
    server: NameServer, name: str, kind: str = "SRV", *, tcp: bool = False, edns: bool = False
) -> dns.message.Message:
    query = dns.message.make_query(name, kind, use_edns=0 if edns else -1)
    question = dns.query.tcp if tcp else dns.query.udp
    return question(query, server.address, port=server.port, timeout=60)


def data(response: dns.message.Message) -> list[str]:
    return [rdata.to_text() for rrset in response.answer for rdata in rrset]


def test_a_pod_has_one_record_for_each_named_port(server: NameServer) -> None:
    server.publish("mysql-0", "127.0.9.10")
    assert sorted(data(ask(server, SERVICE))) == sorted(f"0 100 {port} mysql-0.{SERVICE}." for port in PORTS.values())


def test_a_query_for_one_named_port_is_answered(server: NameServer) -> None:
    server.publish("mysql-1", "127.0.9.11")
    assert data(ask(server, f"_bootstrap._tcp.{SERVICE}")) == [f"0 100 4569 mysql-1.{SERVICE}."]


def test_a_pod_and_the_service_have_addresses(server: NameServer) -> None:
    server.publish("mysql-0", "127.0.9.10")
    server.publish("mysql-1", "127.0.9.11")
    assert data(ask(server, f"MySQL-1.{SERVICE}", "A")) == ["127.0.9.11"]
    assert sorted(data(ask(server, SERVICE, "A"))) == ["127.0.9.10", "127.0.9.11"]


def test_a_name_without_that_type_has_no_data_but_is_not_nxdomain(server: NameServer) -> None:
    server.publish("mysql-0", "127.0.9.10")
    response = ask(server, f"mysql-0.{SERVICE}", "AAAA")
    assert (response.rcode(), data(response)) == (dns.rcode.NOERROR, [])


@pytest.mark.parametrize("name", ["mysql-0.other.lab.svc.cluster.local", f"mysql-9.{SERVICE}", "example.org"])
def test_everything_else_is_nxdomain(server: NameServer, name: str) -> None:
    server.publish("mysql-0", "127.0.9.10")
    assert ask(server, name, "A").rcode() == dns.rcode.NXDOMAIN


def test_a_deleted_pod_has_no_records(server: NameServer) -> None:
    server.publish("mysql-0", "127.0.9.10")
    server.withdraw("mysql-0")
    assert ask(server, SERVICE).rcode() == dns.rcode.NXDOMAIN


def test_an_answer_that_is_too_long_is_truncated_over_udp_and_complete_over_tcp(server: NameServer) -> None:
    for ordinal in range(40):
        server.publish(f"mysql-{ordinal}", f"127.0.9.{10 + ordinal}")
    short = ask(server, SERVICE, edns=True)
    assert short.flags & dns.flags.TC
    assert not short.answer
    assert len(data(ask(server, SERVICE, tcp=True))) == 40 * len(PORTS)


def test_only_one_server_can_have_an_address(server: NameServer) -> None:
    with pytest.raises(OSError, match="in use"):
        NameServer(server.address, server.port, Zone(SERVICE))
