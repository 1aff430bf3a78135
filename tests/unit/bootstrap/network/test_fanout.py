"""The way to the other agents: real DNS, real sockets, each pod on a loopback address of its own."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bootstrap.core.model.facts import PodState, Promise
from bootstrap.core.model.messages import Prepare, PrepareReply
from bootstrap.core.model.unknown import NO_DNS, NOT_RUNNING, SAME_KEY, UNREACHED, Contact, Unknown
from bootstrap.network import fanout
from bootstrap.network.client import Client
from bootstrap.network.directory import Directory
from bootstrap.network.fanout import SELF_UNREACHED, Peers
from bootstrap.network.protocol import Membership
from bootstrap.network.server import Answers, Server
from bootstrap.settings import Settings
from tests.dns.knot import Knot, free_port, pods
from tests.support.bootstrap.children import wait_for
from tests.support.bootstrap.fleet import settings_of
from tests.support.bootstrap.records import frozen

pytestmark = pytest.mark.knot

ADDRESSES = {f"galera-{o}": f"127.77.0.{10 + o}" for o in range(3)}
KEY = b"a key of our own"


@dataclass
class Net:
    """A name server, a port that all agents use, and the agents that run."""

    knot: Knot
    settings: Settings
    port: int
    servers: list[Server] = field(default_factory=list)

    def run(self, ordinal: int, address: str = "") -> None:
        """Start the agent of a pod."""
        pod = f"galera-{ordinal}"
        member = Membership("cluster", (KEY,), pod, f"run-{ordinal}")
        address = address or ADDRESSES[pod]
        server = Server((address, self.port), member, Answers(lambda: frozen(ordinal, ordinal), lambda _: None))
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        self.servers.append(server)

    def peers(self) -> Peers:
        member = Membership("cluster", (KEY,), "galera-0", "run-0")
        return Peers(Directory.open(self.settings), Client(member, self.port))

    def publish(self, *names: str, **moved: str) -> None:
        shown = {name: ADDRESSES.get(name, "127.77.0.99") for name in names} | moved
        self.knot.publish(pods("galera", shown, namespace="test"))


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    with Knot(tmp_path / "knot") as knot:
        port = free_port(ADDRESSES["galera-1"])
        given = settings_of(tmp_path, 0)._replace(domain="cluster.local", nameserver=knot.nameserver)
        made = Net(knot, given, port)
        made.publish(*ADDRESSES)
        yield made
        for server in made.servers:
            server.shutdown()
            server.server_close()


def reason(reply: object) -> str:
    assert isinstance(reply, Unknown), reply
    return reply.reason


def test_every_pod_is_asked_and_answers_for_itself(net: Net) -> None:
    net.run(1)
    net.run(2)
    expected: dict[str, PodState] = {"galera-1": frozen(1, 1), "galera-2": frozen(2, 2)}
    assert net.peers().ask_states(["galera-1", "galera-2"]) == expected


def test_a_promise_is_asked_for_at_the_right_pod(net: Net) -> None:
    net.run(1)
    disk = frozen(1, 1).disk
    assert disk is not None
    prepare = Prepare(Promise(1, 0, "run-0"), frozen(0, 9), "run-1", disk)
    assert net.peers().ask_promises({"galera-1": prepare}) == {"galera-1": PrepareReply(frozen(1, 1), None)}


def test_one_silent_pod_does_not_hide_the_others(net: Net) -> None:
    net.run(2)
    replies = net.peers().ask_states(["galera-1", "galera-2", "galera-7"])
    assert "refused" in reason(replies["galera-1"])
    assert replies["galera-2"] == frozen(2, 2)
    assert reason(replies["galera-7"])


def test_no_peer_to_ask_is_no_error(net: Net) -> None:
    assert net.peers().ask_states([]) == {}


def test_a_pod_that_moves_is_found_again(net: Net) -> None:
    net.run(1, "127.77.0.50")
    asks = net.peers()
    assert "refused" in reason(asks.ask_states(["galera-1"])["galera-1"])
    net.publish(**{**ADDRESSES, "galera-1": "127.77.0.50"})
    assert asks.ask_states(["galera-1"])["galera-1"] == frozen(1, 1)


def test_an_address_is_remembered_when_dns_fails(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "ADDRESS_S", 0.0)
    net.run(1)
    asks = net.peers()
    assert asks.ask_states(["galera-1"])["galera-1"] == frozen(1, 1)
    net.knot.fail()
    assert asks.ask_states(["galera-1"])["galera-1"] == frozen(1, 1)
    net.knot.stop()
    assert asks.ask_states(["galera-1"])["galera-1"] == frozen(1, 1)


def test_an_address_is_forgotten_when_dns_denies_the_name(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "ADDRESS_S", 0.0)
    net.run(1)
    asks = net.peers()
    assert asks.ask_states(["galera-1"])["galera-1"] == frozen(1, 1)
    net.publish("galera-0")
    assert reason(asks.ask_states(["galera-1"])["galera-1"])


def test_a_pod_without_an_address_is_reported_with_the_cure(net: Net) -> None:
    """Whether the fault is the peer's or this pod's settings shows in this pod's own name."""
    net.publish("galera-0")
    (one,) = net.peers().ask_states(["galera-1"]).values()
    net.publish("galera-2")
    (none,) = net.peers().ask_states(["galera-1"]).values()
    net.knot.fail()
    (silent,) = net.peers().ask_states(["galera-1"]).values()

    assert isinstance(one, Unknown)
    assert one.reason.endswith("has no address")
    assert "podManagementPolicy must be Parallel" in one.cure
    assert isinstance(none, Unknown)
    assert none.reason == one.reason
    assert "the Service must set publishNotReadyAddresses" in none.cure
    assert "GALERA_BOOTSTRAP_SERVICE must be the StatefulSet's serviceName" in none.cure
    assert isinstance(silent, Unknown)
    assert silent.cure == NO_DNS
    # A name that DNS denies is gone; one that it cannot look up has not been asked.
    assert (one.contact, none.contact, silent.contact) == (Contact.NOTHING, Contact.NOTHING, Contact.NOT_ASKED)


def test_a_set_that_seems_to_begin_at_another_ordinal_is_reported_with_the_setting(net: Net) -> None:
    """With `spec.ordinals.start: 1` the pods of a set of three are 1, 2 and 3, and galera-0 never comes."""
    net.publish("galera-1", "galera-2", "galera-3")
    asks = Peers(Directory.open(net.settings._replace(pod="galera-1")), net.peers().client)
    (before,) = asks.ask_states(["galera-0"]).values()
    asks.dns_ordinals = asks.directory.ordinals()
    replies = asks.ask_states(["galera-0", "galera-2", "galera-4"])
    asks.addresses["galera-0"] = (ADDRESSES["galera-0"], 0.0)
    (seen,) = asks.ask_states(["galera-0"]).values()

    cures = {pod: reply.cure for pod, reply in replies.items() if isinstance(reply, Unknown)}
    assert "GALERA_BOOTSTRAP_ORDINALS_START must be the same" in cures["galera-0"]
    assert cures["galera-4"] == NOT_RUNNING
    assert isinstance(before, Unknown)
    assert isinstance(seen, Unknown)
    assert before.cure == seen.cure == NOT_RUNNING


def test_the_port_is_named_only_where_no_peer_can_be_reached_at_it(net: Net) -> None:
    """Refused and dropped look different to a socket and are one to a NetworkPolicy."""
    net.settings = net.settings._replace(pod_ip=ADDRESSES["galera-0"])
    with socket.create_server((ADDRESSES["galera-2"], net.port)):  # takes the connection and says nothing
        alone = net.peers().ask_states(["galera-1", "galera-2"])
        net.run(0)
        myself = net.peers().ask_states(["galera-1", "galera-2"])
        net.run(1)
        another = net.peers().ask_states(["galera-1", "galera-2"])

    cure = f"{UNREACHED} {net.port}"
    assert {r.cure for r in alone.values() if isinstance(r, Unknown)} == {f"{SELF_UNREACHED}; {cure}"}
    assert {r.cure for r in myself.values() if isinstance(r, Unknown)} == {cure}
    assert isinstance(another["galera-1"], PodState)
    assert isinstance(another["galera-2"], Unknown)
    assert another["galera-2"].cure == ""


def test_a_wrong_key_is_no_closed_port(net: Net) -> None:
    net.run(1)
    asks = net.peers()
    asks.client.membership = asks.client.membership._replace(keys=(b"another cluster's key",))
    (refused,) = asks.ask_states(["galera-1"]).values()

    assert "our key" in reason(refused)
    assert isinstance(refused, Unknown)
    assert (refused.cure, refused.contact) == (SAME_KEY, Contact.ANSWER)


def test_without_dns_every_pod_is_unknown_in_bounded_time(net: Net) -> None:
    net.knot.freeze()
    began = time.monotonic()
    replies = net.peers().ask_states([f"galera-{o}" for o in range(1, 40)])
    assert time.monotonic() - began < 20
    assert not any(isinstance(reply, PodState) or reply.is_silent for reply in replies.values())
    assert len(replies) == 39
    net.knot.thaw()


def test_the_ordinals_are_those_of_this_statefulset(net: Net) -> None:
    strangers = dict.fromkeys(("other-5", "galera-x", "galera", "galera-01", "my-galera-6"), "127.77.0.60")
    net.publish("galera-0", "galera-4", **strangers)
    assert Directory.open(net.settings).ordinals() == {0, 4}


def test_a_change_of_the_service_is_reported_and_a_failed_lookup_changes_nothing(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "WATCH_S", 0.05)
    changes, over = threading.Semaphore(0), threading.Event()

    def changed() -> None:
        changes.release()
        if over.is_set():
            threading.Event().wait()  # forever: it would go on looking in the tests after this one

    asks = net.peers()
    asks.start_watching(changed)
    assert changes.acquire(timeout=60)
    assert asks.dns_ordinals == frozenset({0, 1, 2})
    assert asks.dns_trouble == ""
    net.knot.fail()
    assert not changes.acquire(timeout=0.5)
    assert asks.dns_ordinals == frozenset({0, 1, 2})
    wait_for(lambda: "SERVFAIL" in asks.dns_trouble)
    net.publish("galera-1", "galera-2")
    wait_for(lambda: asks.dns_trouble == "it does not show galera-0, which lives")
    assert asks.dns_ordinals == frozenset({0, 1, 2})
    over.set()
    net.publish("galera-0")
    assert changes.acquire(timeout=60)
    assert asks.dns_ordinals == frozenset({0})
    assert asks.dns_trouble == ""
