"""One participant for tests, and a driver that notes its effects and lets some of them fail."""

from dataclasses import replace
from typing import Any, Generic, NamedTuple, TypeVar

from bootstrap.core.decision.decisions import RoundResult, Wait
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import DataClass, Disk, Position, View
from bootstrap.core.model.facts import Promise, Server
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.participant.effects import Effect
from bootstrap.core.participant.participant import Freshness, Identity, Participant, Step, run
from tests.support.bootstrap.records import A

T = TypeVar("T")

IDENTITY = Identity("galera-0", 0, "run-0", "kernel-0", frozenset({0, 1, 2}))
STATE = PersistentState("cluster", "galera-0", "volume-0")
DISK = Disk(DataClass.CLEAN, Position(A, 10), detail="as found")
VIEW = View("gcomm-0", "gcomm-0", 5, bootstrap=False, members=("gcomm-0", "gcomm-1", "gcomm-2"))

SERVER = Server("Primary", "Synced", A, 10, 3)

FULL = "the disk is full"
"""Why an effect failed."""

KEEPING = "what was seen is not remembered"
"""What `keep` logs then."""

MINE = Promise(4, 0, "run-0")
"""A promise of this pod to itself."""

THEIRS = Promise(4, 1, "run-1")
"""Another pod's candidacy."""

ALL_FRESH = Freshness(round_after_promise=True, round_after_report=True, result_after_report=True)


class Played(NamedTuple, Generic[T]):
    """What a step led to."""

    p: Participant
    answer: T
    effects: list[Effect]


def play(step: Step[T], **failures: str) -> Played[T]:
    """Perform a step; effects of the classes that are named fail for that reason."""
    effects: list[Effect] = []

    def perform(effect: Effect) -> str:
        effects.append(effect)
        return failures.get(type(effect).__name__, "")

    p, answer = run(step, perform)
    return Played(p, answer, effects)


def waiting(**durable: Any) -> Participant:
    """A participant whose starter has reported and waits, in a round that began after all that counts."""
    return Participant(
        IDENTITY,
        replace(STATE, **durable),
        is_open=True,
        fault="",
        lifecycle=Lifecycle(starter=True, disk=DISK, fingerprint="print"),
        result=RoundResult(Wait("all-heard", "as decided before"), is_of_round=True),
        freshness=ALL_FRESH,
    )


def member(**durable: Any) -> Participant:
    """A participant whose server is a Synced member of three."""
    return running(Server("Primary", "Synced", A, 10, 3), **durable)


def running(server: Server, **durable: Any) -> Participant:
    """A participant whose server answers this."""
    lifecycle = Lifecycle(taken=Action.JOIN, server=server)
    return waiting(**{"history_uuid": A, "epoch": 1} | durable)._replace(lifecycle=lifecycle)
