"""The bootstraps that a journal keeps: what a start adds, what a join replaces, what a member learns."""

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.core.decision.persistent_state import PersistentState, after_round, before_bootstrap, before_join
from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.core.model.facts import BootstrapPoint, Override, PodState, Promise
from tests.support.bootstrap.records import A, after, blank, frozen, running

OLDER = BootstrapPoint(A, 5, 2, "run-2")
"""As `after(..., 5)` has it."""
BOUND = Promise(7, 0, "run-0")
DISK = Disk(DataClass.CRASHED, Position(A, 10))


def journal(*bootstraps: BootstrapPoint, **changes: Any) -> PersistentState:
    return PersistentState("c", "galera-0", "volume-0", history_uuid=A, epoch=2, bootstraps=bootstraps, **changes)


def learn(state: PersistentState, own: PodState, *peers: PodState) -> PersistentState:
    return after_round(state, own, peers, durable=True, awaited=frozenset(range(3)))


# A bootstrap.


def test_a_bootstrap_is_added_with_what_the_disk_holds_and_the_term_and_the_run() -> None:
    state = before_bootstrap(journal(OLDER, promise=BOUND), DISK, first=False, forced=False)
    assert state.bootstraps == (OLDER, BootstrapPoint(A, 10, 7, "run-0"))


@pytest.mark.parametrize(("first", "forced"), [(True, False), (False, True)])
def test_the_beginning_of_a_history_is_none(*, first: bool, forced: bool) -> None:
    """A forced start keeps those of the parent: they tell which branch of it was forked."""
    state = journal(OLDER, promise=BOUND, override=Override(7, DISK.position))
    assert before_bootstrap(state, DISK, first=first, forced=forced).bootstraps == (OLDER,)


# A join.


def test_a_join_replaces_them_by_those_of_the_cluster() -> None:
    mine = BootstrapPoint(A, 10, 4, "never-came-up")
    answers = [blank(1), after(running(2, epoch=3), 5, 10)]
    state = before_join(journal(OLDER, mine), DISK, answers, kernel_boot_id="life", epoch=3)
    assert state.bootstraps == answers[1].bootstraps
    assert mine not in state.bootstraps


@pytest.mark.parametrize("answers", [[], [frozen(1)], [after(running(1, volume_id=""), 8)]])
def test_where_no_member_tells_them_they_stay(answers: list[PodState]) -> None:
    assert before_join(journal(OLDER), DISK, answers, kernel_boot_id="life", epoch=3).bootstraps == (OLDER,)


# A round as a member.

CUT_OFF = running(0, 20, epoch=2)
"""It was in the component of epoch 2, and its server has joined the next one by itself."""
NEXT = after(running(1, 20, epoch=3), 5, 15)


@pytest.mark.parametrize("local_state", ["Synced", "Joined"])
def test_a_server_that_has_joined_the_next_component_by_itself_takes_them_over_at_once(local_state: str) -> None:
    assert CUT_OFF.server
    own = replace(CUT_OFF, server=replace(CUT_OFF.server, local_state=local_state))
    learnt = learn(journal(OLDER), own, after(running(2, 20, epoch=2), 5), NEXT)
    assert learnt.bootstraps == NEXT.bootstraps
    assert learnt.epoch == (3 if local_state == "Synced" else 2)


def test_the_founder_of_a_component_keeps_its_own_although_its_epoch_is_still_the_old_one() -> None:
    own = journal(OLDER, BootstrapPoint(A, 10, 7, "run-0"), promise=BOUND)
    learnt = learn(own, CUT_OFF, NEXT)
    assert learnt.bootstraps == own.bootstraps
    assert learnt.epoch == 7


def test_a_joiner_keeps_those_that_it_had_when_it_was_permitted() -> None:
    own = journal(OLDER, joining_boot_id="life", joined_epoch=3)
    assert learn(own, CUT_OFF, NEXT).bootstraps == (OLDER,)


@pytest.mark.parametrize(
    "other",
    [
        replace(NEXT, server=running(1, 20, size=2).server),
        replace(NEXT, server=running(1, 20, "non-Primary").server),
        replace(NEXT, volume_id=""),
        replace(NEXT, epoch=2),
    ],
    ids=["another component", "not Primary", "cannot read its journal", "knows no later epoch"],
)
def test_nothing_is_taken_over_from(other: PodState) -> None:
    learnt = learn(journal(OLDER), CUT_OFF, other)
    assert learnt.bootstraps == (OLDER,)
    assert learnt.epoch == 2


def test_a_pod_without_a_server_learns_none() -> None:
    assert learn(journal(OLDER), frozen(0), NEXT).bootstraps == (OLDER,)
