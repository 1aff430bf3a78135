"""A peer that has the key and means harm: what it leaves behind, and what people see of it."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.core.decision.election import TERMS_AHEAD
from bootstrap.core.model.facts import Fork, PodState, Promise
from bootstrap.core.model.messages import Prepare, PrepareReply, Refusal
from bootstrap.core.model.shapes import INT64_MAX
from bootstrap.network.client import Client
from bootstrap.network.protocol import Membership
from bootstrap.network.server import Answers, Server
from tests.support.bootstrap.machine import Machine, until
from tests.support.bootstrap.records import A, B, frozen, running

EVIL = "127.0.0.7"
MEMBERSHIP = Membership("c", (b"k" * 20,), "galera-1", "evil")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with closing(Machine(tmp_path, replicas=2)) as made:
        made.dns.publish("galera-1", EVIL)
        made.database()
        yield made


@contextmanager
def peer(machine: Machine, state: PodState) -> Iterator[Client]:
    """Answer as galera-1 with this state; the client asks in its name."""
    server = Server((EVIL, machine.port), MEMBERSHIP, Answers(lambda: state, lambda _: None))
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield Client(MEMBERSHIP, machine.port)
    finally:
        server.shutdown()
        server.server_close()


def evil(seqno: int = 9, **changes: Any) -> PodState:
    both = frozenset({0, 1})
    return replace(frozen(1, seqno), **{"run_id": "evil", "volume_id": "volume-1", "expected": both, **changes})


POISONS = {
    "an epoch": evil(epoch=INT64_MAX),
    "a term that is over": evil(abandoned_term=INT64_MAX),
    "a promise": evil(promise=Promise(INT64_MAX, 1, "evil")),
    "a fork": evil(lineage=(Fork(A, 1, INT64_MAX, B),)),
    "a live epoch": replace(running(1), run_id="evil", epoch=INT64_MAX, expected=frozenset({0, 1})),
    "an epoch that is too far ahead": evil(epoch=TERMS_AHEAD + 1),
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
def test_a_term_that_nobody_reaches_is_not_believed(machine: Machine, poison: PodState) -> None:
    with peer(machine, poison):
        machine.agent()
        machine.start()
        until(lambda: "reports the term" in machine.status()["members"][1]["answer"], "the refusal")
        assert machine.status()["members"][0]["epoch"] == 0
    assert str(INT64_MAX) not in (machine.root / "data" / "meta" / "journal.json").read_text()
    recovers(machine)


@pytest.mark.parametrize("term", [INT64_MAX, INT64_MAX - 1, TERMS_AHEAD + 1])
def test_a_promise_of_the_last_term_is_not_given_and_the_volume_recovers(machine: Machine, term: int) -> None:
    with peer(machine, evil()) as asks:
        machine.agent()
        machine.start()
        until(lambda: machine.phase() == "frozen", "the report")
        until(lambda: machine.status()["members"][1]["answer"] == "ok", "the peer's answer")
        reply = promise_of(asks, term)
        assert reply.refusal is not None
        assert "no election of this cluster has come near" in reply.refusal.reason
    recovers(machine)


def test_after_the_highest_promise_that_is_given_there_is_another_term(machine: Machine) -> None:
    with peer(machine, evil()) as asks:
        machine.agent()
        machine.start()
        until(lambda: machine.phase() == "frozen", "the report")
        until(lambda: machine.status()["members"][1]["answer"] == "ok", "the peer's answer")
        assert promise_of(asks, TERMS_AHEAD).refusal is None
    recovers(machine)


def promise_of(asks: Client, term: int) -> PrepareReply:
    """Ask galera-0 for a promise until its agent has looked around."""
    end = time.monotonic() + 30
    while True:
        state = asks.ask_state("galera-0", "127.0.0.1")
        assert isinstance(state, PodState)
        assert state.disk is not None
        prepare = Prepare(Promise(term, 1, "evil"), evil(), state.run_id, state.disk)
        reply = asks.ask_promise("galera-0", "127.0.0.1", prepare)
        assert isinstance(reply, PrepareReply)
        if reply.refusal is None or "promised to ordinal 0" not in reply.refusal.reason or time.monotonic() > end:
            return reply
        time.sleep(0.1)


def recovers(machine: Machine) -> None:
    """The true galera-1 comes back, with less data: galera-0 starts the cluster in a new term."""
    asked: list[Prepare] = []
    state = replace(evil(seqno=3), run_id="true")
    membership = MEMBERSHIP._replace(run_id="true")

    def promise(prepare: Prepare) -> Refusal | None:
        asked.append(prepare)
        return None

    def own_state() -> PodState:
        return replace(state, promise=asked[-1].promise if asked else None)

    server = Server((EVIL, machine.port), membership, Answers(own_state, promise))
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        until(lambda: machine.arguments.exists() and machine.arguments.read_text(), "the start of galera-0's server")
        assert "--wsrep-new-cluster" in machine.arguments.read_text()
        assert asked[-1].promise.term < 2 * TERMS_AHEAD
    finally:
        server.shutdown()
        server.server_close()
