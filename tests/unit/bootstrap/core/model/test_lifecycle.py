"""The life of a pod: its transitions, and that nothing but a report under the lock makes it frozen."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import DataClass, Disk
from bootstrap.core.model.facts import ABSENT, Phase, Server
from bootstrap.core.model.lifecycle import Lifecycle
from tests.support.bootstrap.records import A, examples

DISK = Disk(DataClass.CLEAN)
SERVER = Server("Primary", "Synced", A, 5, 3)

NEW = Lifecycle()
FREE = NEW.observed(held=False, server=None)
READING = NEW.arrived()
WAITING = READING.reported(DISK, "print")
JOINING = WAITING.took(Action.JOIN)
BOOTSTRAPPING = WAITING.took(Action.BOOTSTRAP, 4)
STARTED = BOOTSTRAPPING.left(held=True)

TABLE: dict[str, tuple[Lifecycle, Phase]] = {
    "before anything was observed -> unknown": (NEW, Phase.UNKNOWN),
    "the lock is free and nothing was read -> starting": (FREE, Phase.STARTING),
    "a starter reads -> recovering": (READING, Phase.RECOVERING),
    "a starter has reported -> frozen": (WAITING, Phase.FROZEN),
    "a starter that has reported goes, the lock is free -> still frozen": (WAITING.left(held=False), Phase.FROZEN),
    "a starter that has reported goes, the lock is held -> unknown": (WAITING.left(held=True), Phase.UNKNOWN),
    "a starter goes before it has reported -> starting": (READING.left(held=False), Phase.STARTING),
    "a starter has taken a join -> joining": (JOINING, Phase.JOINING),
    "the joining server does not answer yet -> joining": (JOINING.left(held=True), Phase.JOINING),
    "the joining server answers -> running": (
        JOINING.left(held=True).observed(held=True, server=SERVER), Phase.RUNNING),
    "the joining server has ended -> starting": (JOINING.left(held=False), Phase.STARTING),
    "a starter has taken a bootstrap -> bootstrapping": (BOOTSTRAPPING, Phase.BOOTSTRAPPING),
    "the bootstrapping server answers -> running": (STARTED.observed(held=True, server=SERVER), Phase.RUNNING),
    "the bootstrapping server stops answering -> unknown": (
        STARTED.observed(held=True, server=SERVER).observed(held=True, server=None), Phase.UNKNOWN),
    "the joining server that was a member stops answering -> unknown": (
        JOINING.left(held=True).observed(held=True, server=SERVER).observed(held=True, server=None), Phase.UNKNOWN),
    "and answers again -> running": (
        STARTED.observed(held=True, server=SERVER).observed(held=True, server=None).observed(held=True, server=SERVER),
        Phase.RUNNING),
    "the next server of the pod is joining again": (
        STARTED.observed(held=True, server=SERVER).arrived().reported(DISK, "print").took(Action.JOIN), Phase.JOINING),
    "the bootstrapping server has ended -> starting": (STARTED.observed(held=False, server=None), Phase.STARTING),
    "a new starter after a bootstrap -> recovering": (STARTED.arrived(), Phase.RECOVERING),
    "a live server that never reported answers -> running": (NEW.observed(held=True, server=SERVER), Phase.RUNNING),
    "something takes the lock behind a report -> unknown": (
        WAITING.left(held=False).observed(held=True, server=None), Phase.UNKNOWN),
    "and when it has gone the report is no longer valid -> starting": (
        WAITING.left(held=False).observed(held=True, server=None).observed(held=False, server=None), Phase.STARTING),
    "a probe while a starter is connected changes nothing": (WAITING.observed(held=True, server=None), Phase.FROZEN),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE.keys())
def test_phase(case: tuple[Lifecycle, Phase]) -> None:
    pod, phase = case
    assert pod.phase is phase


def test_a_permission_to_bootstrap_ends_with_the_server_and_gives_its_term_up() -> None:
    assert STARTED.abandoned_term == 0
    assert STARTED.observed(held=False, server=None).abandoned_term == 4
    assert STARTED.arrived().abandoned_term == 4
    assert BOOTSTRAPPING.left(held=False).abandoned_term == 4


OTHER = replace(SERVER, size=2)


def test_each_transition_changes_exactly_what_it_says() -> None:
    reading = Lifecycle().arrived()
    assert reading == Lifecycle(starter=True, held=True)
    waiting = reading.reported(DISK, "print")
    assert waiting == Lifecycle(starter=True, held=True, disk=DISK, fingerprint="print")
    assert waiting.took(Action.JOIN) == Lifecycle(starter=True, held=True, taken=Action.JOIN)
    taken = waiting.took(Action.BOOTSTRAP, 4)
    assert taken == Lifecycle(starter=True, held=True, taken=Action.BOOTSTRAP, term=4)
    left = taken.left(held=True)
    assert left == Lifecycle(held=True, taken=Action.BOOTSTRAP, term=4)
    running = left.observed(held=True, server=SERVER)
    assert running == left._replace(server=SERVER, answered=True)
    assert running.observed(held=True, server=OTHER) == left._replace(server=OTHER, answered=True)
    assert running.observed(held=True, server=None) == left._replace(answered=True)
    assert left.observed(held=True, server=None) == left
    assert running.observed(held=False, server=None) == Lifecycle(held=False, abandoned_term=4)
    assert running.arrived() == Lifecycle(starter=True, held=True, abandoned_term=4)


def test_what_a_report_said_stays_until_something_lives_there() -> None:
    waiting = Lifecycle(starter=True, held=True, disk=DISK, fingerprint="print")
    assert waiting.observed(held=True, server=SERVER) == waiting
    assert waiting.observed(held=False, server=None) == waiting
    free = Lifecycle(held=False, disk=DISK, fingerprint="print")
    assert waiting.left(held=False) == free
    assert free.arrived() == waiting
    assert free.observed(held=True, server=SERVER) == Lifecycle(held=True, server=SERVER)
    assert free._replace(server=SERVER).observed(held=False, server=None) == free


def test_a_taken_permission_ends_with_all_that_was_known_and_not_before() -> None:
    taken = Lifecycle(held=False, taken=Action.JOIN, disk=DISK, fingerprint="print")
    assert taken.observed(held=True, server=SERVER) == taken._replace(held=True, server=SERVER, answered=True)
    assert taken.observed(held=False, server=None) == Lifecycle(held=False)


def test_a_term_once_given_up_stays_so() -> None:
    assert NEW.abandon(5).abandon(3).abandoned_term == 5


@dataclass(frozen=True)
class Truth:
    """What is really so, whatever the agent knows."""

    starter: bool = False
    reported: bool = False
    """The starter that is there has reported, or the last one had, and the lock was free ever since."""


steps = st.sampled_from(["arrive", "report", "join", "bootstrap", "leave", "leave held", "free", "held", "alive"])


def happen(step: str, pod: Lifecycle, truth: Truth) -> tuple[Lifecycle, Truth]:
    """One step of the pod beside one step of the truth; steps that cannot happen now do nothing."""
    if step == "arrive" and not truth.starter:
        # The agent may offer the earlier report again: it is still the last one on this volume.
        return pod.arrived(), replace(truth, starter=True)
    if step == "report" and truth.starter and pod.taken is None:
        return pod.reported(DISK, "print"), replace(truth, reported=True)
    if step in ("join", "bootstrap") and pod.phase is Phase.FROZEN and truth.starter:
        return pod.took(Action(step), 1), replace(truth, reported=False)
    if step.startswith("leave") and truth.starter:
        held = step == "leave held"
        return pod.left(held=held), Truth(reported=truth.reported and not held)
    if step == "free" and not truth.starter:
        return pod.observed(held=False, server=None), truth
    if step in ("held", "alive") and not truth.starter:
        return pod.observed(held=True, server=SERVER if step == "alive" else None), Truth()
    return pod, truth


@examples(300)
@given(st.lists(steps, max_size=15))
def test_frozen_is_claimed_only_on_a_report_that_nothing_can_have_outdated(chosen: list[str]) -> None:
    pod, truth = Lifecycle(), Truth()
    for step in chosen:
        pod, truth = happen(step, pod, truth)
        if pod.phase is Phase.FROZEN:
            assert truth.reported
            assert pod.disk == DISK
            assert pod.taken is None
            assert pod.server is None
        if pod.phase in ABSENT:
            assert pod.taken is None
            assert truth.starter or not pod.held
        assert (pod.disk is None) or pod.taken is None
