"""A signal ends a real agent at once, whatever its name server does, and its volume is free."""

import signal
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from bootstrap.storage import lock
from bootstrap.storage.layout import Layout
from tests.dns.bombs import BOMBS, responsible, targets
from tests.dns.liar import Liar, answer, framed
from tests.support.bootstrap.machine import Machine, until

Lie = Callable[[dns.message.Message, bool], Iterable[bytes | float]]


def endless(query: dns.message.Message, over_tcp: bool) -> list[bytes | float]:
    """A TCP answer of which the end never comes."""
    return [framed(answer(query, []))[:-5], 3.0] if over_tcp else [answer(query, [], truncated=True)]


def silent(_query: dns.message.Message, _over_tcp: bool) -> list[bytes | float]:
    return []


def dripping(query: dns.message.Message, over_tcp: bool) -> list[bytes | float]:
    """An octet now and then."""
    if not over_tcp:
        return [answer(query, [], truncated=True)]
    return [part for octet in framed(answer(query, []))[:12] for part in (bytes([octet]), 0.2)]


def bombs(query: dns.message.Message, over_tcp: bool) -> list[bytes | float]:
    """The worst of 65 kB."""
    return [framed(responsible(query, 65000))] if over_tcp else [answer(query, [], truncated=True)]


def datagrams(query: dns.message.Message, _over_tcp: bool) -> list[bytes | float]:
    """All kinds of datagrams, longer ones than were asked for among them."""
    return [targets(query, 60000), *(bomb(query, 1200) for bomb in BOMBS)]


@pytest.mark.parametrize("lie", [endless, silent, dripping, bombs, datagrams], ids=lambda lie: lie.__name__)
def test_an_agent_ends_within_its_grace(tmp_path: Path, lie: Lie) -> None:
    with Liar(lie) as liar, closing(Machine(tmp_path, replicas=40)) as machine:
        machine.dns.port = liar.port
        process = machine.agent()
        until(lambda: len(liar.questions) > 10, "many questions")
        cpu = cpu_seconds(process.pid)
        time.sleep(2)
        used = cpu_seconds(process.pid) - cpu
        assert machine.status()["members"], "the agent is deaf"

        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
        took = time.monotonic() - began

    assert took < 3
    assert used < 1.5
    assert lock.is_free(Layout(tmp_path / "data").agent_lock)


@pytest.mark.parametrize("lie", [endless, silent, bombs, datagrams], ids=lambda lie: lie.__name__)
def test_an_agent_finds_its_peers_again_after_the_last_lie(tmp_path: Path, lie: Lie) -> None:
    """The honest answer is this pod's own address, where nobody has a peer's key."""
    over = threading.Event()

    def lie_until_over(query: dns.message.Message, over_tcp: bool) -> Iterable[bytes | float]:
        return tell_own_address(query, over_tcp) if over.is_set() else lie(query, over_tcp)

    with Liar(lie_until_over) as liar, closing(Machine(tmp_path, replicas=3)) as machine:
        machine.dns.port = liar.port
        machine.agent()
        until(lambda: len(liar.questions) > 10, "many questions")
        until(lambda: "has no address" in peer(machine) or "is unknown" in peer(machine), "a lie of no use")
        over.set()

        until(lambda: "does not accept our key" in peer(machine), "an answer of the peer")


def tell_own_address(query: dns.message.Message, over_tcp: bool) -> list[bytes | float]:
    response = dns.message.make_response(query)
    question = query.question[0]
    if question.rdtype == dns.rdatatype.A:
        response.answer.append(dns.rrset.from_text(question.name, 5, "IN", "A", "127.0.0.1"))
    return [framed(response.to_wire()) if over_tcp else response.to_wire()]


def peer(machine: Machine) -> str:
    """What the agent knows of galera-1."""
    return str(machine.status()["members"][1]["answer"])


def cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / 100
