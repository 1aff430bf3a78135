"""What starters do: a report voids earlier results, and a permission is taken once, after what it needs is written."""

from dataclasses import replace

import pytest

from bootstrap.core.decision.decisions import Bootstrap, Hold, Join, RoundResult, Wait
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import DataClass, Disk, LostView, Position
from bootstrap.core.model.facts import BootstrapPoint, Fork, Override
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.participant.effects import Note, Persist, Trouble
from bootstrap.core.participant.known_pods import KnownPods
from bootstrap.core.participant.orders import Order, Orders, OverrideOutcome, OverrideState
from bootstrap.core.participant.participant import Participant
from bootstrap.core.participant.starters import (
    arrive,
    find_permitted,
    leave,
    note_early_end,
    report,
    state_before,
    take,
)
from tests.support.bootstrap.participants import (
    ALL_FRESH,
    DISK,
    FULL,
    KEEPING,
    MINE,
    STATE,
    THEIRS,
    VIEW,
    member,
    play,
    waiting,
)
from tests.support.bootstrap.records import A, B, running

READ = RoundResult(Wait("start", "the datadir has just been read"))
JOIN = RoundResult(Join("join", "it contains mine"), Action.JOIN, is_of_round=True)
START = RoundResult(Bootstrap("most-advanced", "it has everything"), Action.BOOTSTRAP, MINE, is_of_round=True)
FORCED = replace(START, decision=Bootstrap("override", "a human", forced=True, history=B))
OVERRIDE = Override(4, DISK.position, frozenset({2}), history=B)
PRIMARY = ((1, running(1, epoch=3)),)
TAKEN = OverrideOutcome(4, OverrideState.TAKEN)


def test_a_starter_arrives_with_the_pods_that_it_knows() -> None:
    p = member()._replace(known_pods=KnownPods(told=frozenset({1})))
    arrived = p._replace(lifecycle=p.lifecycle.arrived())
    assert arrive(p) == arrived
    assert arrive(p, frozenset({2})) == arrived._replace(known_pods=KnownPods(told=frozenset({2})))
    assert arrive(p, frozenset()) == arrived._replace(known_pods=KnownPods(told=frozenset()))


def test_a_starter_leaves() -> None:
    p = waiting()
    assert leave(p, held=True) == p._replace(lifecycle=p.lifecycle.left(held=True))
    assert leave(p, held=False) == p._replace(lifecycle=p.lifecycle.left(held=False))


# A report.


def reported(p: Participant, disk: Disk = DISK) -> Participant:
    """The same after a report of which nothing is learnt."""
    return p._replace(
        lifecycle=p.lifecycle.reported(disk, "new"),
        result=READ,
        freshness=ALL_FRESH._replace(round_after_report=False, result_after_report=False),
    )


def test_a_report_voids_the_result_before_it() -> None:
    p = waiting()._replace(result=JOIN)
    disk = Disk(DataClass.CRASHED, Position(A, 12))
    assert play(report(p, disk, "new")) == (reported(p, disk), None, [])


def test_a_disk_that_was_stopped_gets_its_view_back() -> None:
    p = waiting(lost_view=LostView(VIEW, Position(A, 10)))
    assert play(report(p, DISK, "new")).p == reported(p, DISK._replace(view=VIEW))


def test_a_report_may_show_the_history_that_an_override_has_begun() -> None:
    p = waiting(lineage=(Fork(A, 10, 4, B),), pending_history=B, history_uuid=A, volumes=((1, "volume-1"),))
    disk = Disk(DataClass.CRASHED, Position(B, 11))
    state = replace(p.durable, history_uuid=B, epoch=4, volumes=(), pending_history="")
    outcome = OverrideOutcome(4, OverrideState.PRIMARY, B)
    assert play(report(p, disk, "new")) == (
        reported(p._replace(durable=state), disk).with_outcome(outcome),
        None,
        [
            Persist(state),
            Trouble(KEEPING, ""),
            Note("override", f"the override of epoch 4 is done: the history is now {B}"),
        ],
    )


def test_a_report_after_a_permission_shows_that_an_override_had_no_effect() -> None:
    p = waiting().with_outcome(TAKEN)
    line = "the server ended before it was Primary"
    ended = play(report(p, DISK, "new"))
    assert ended.effects == [Note("override", f"the override of epoch 4 had no effect: {line}")]
    assert ended.p == reported(p).with_outcome(OverrideOutcome(4, OverrideState.VOID, line))


def test_an_override_whose_history_has_begun_had_an_effect() -> None:
    """Its server was killed before its agent saw that."""
    p = waiting(lineage=(Fork(A, 10, 4, B),), pending_history=B, history_uuid=A).with_outcome(TAKEN)
    ended = play(report(p, Disk(DataClass.CRASHED, Position(B, 11)), "new"))
    assert ended.p.orders.outcome == OverrideOutcome(4, OverrideState.PRIMARY, B)
    assert [effect for effect in ended.effects if isinstance(effect, Note)] == [ended.effects[-1]]


@pytest.mark.parametrize("state", [OverrideState.PENDING, OverrideState.PRIMARY, OverrideState.VOID])
def test_only_a_permission_that_was_taken_ends_early(state: OverrideState) -> None:
    p = waiting().with_outcome(OverrideOutcome(4, state, "as it was"))
    assert play(note_early_end(p)) == (p, None, [])


@pytest.mark.parametrize(
    ("disk", "failed"),
    [
        (Disk(DataClass.EMPTY), Order.NONE),
        (Disk(DataClass.SST_INTERRUPTED), Order.NONE),
        (Disk(DataClass.SST_INTERRUPTED, transfer_may_be_complete=True), Order.DISCARD),
        (DISK, Order.DISCARD),
    ],
    ids=["it is empty", "an incomplete copy is left", "a copy that may be complete is left", "the data are there"],
)
def test_the_report_after_an_order_shows_whether_it_was_carried_out(disk: Disk, failed: Order) -> None:
    p = waiting()._replace(orders=Orders(pending=Order.DISCARD, outcome=OverrideOutcome(3)))
    after = reported(p, disk)._replace(orders=Orders(failed=failed, outcome=OverrideOutcome(3)))
    assert play(report(p, disk, "new")) == (after, None, [])


def test_without_an_order_the_last_failure_stays() -> None:
    p = waiting()._replace(orders=Orders(failed=Order.DELETE))
    assert play(report(p, DISK, "new")).p.orders == Orders(failed=Order.DELETE)


# A permission.


@pytest.mark.parametrize(
    ("p", "is_permitted"),
    [
        (waiting()._replace(result=JOIN), True),
        (waiting(promise=MINE)._replace(result=START), True),
        (waiting()._replace(result=JOIN, freshness=ALL_FRESH._replace(result_after_report=False)), False),
        (waiting(promise=THEIRS)._replace(result=JOIN), False),
        (waiting()._replace(result=START), False),
        (waiting()._replace(result=JOIN, lifecycle=Lifecycle(held=False, disk=DISK)), False),
        (waiting()._replace(result=JOIN, lifecycle=Lifecycle(starter=True)), False),
        (waiting()._replace(result=JOIN, orders=Orders(pending=Order.DISCARD)), False),
    ],
    ids=[
        "a join",
        "a bootstrap of this promise",
        "it is from before the report",
        "another pod was promised since",
        "its promise has ended",
        "no starter is there",
        "the datadir is still read",
        "a human has ordered something else",
    ],
)
def test_a_starter_is_permitted(p: Participant, *, is_permitted: bool) -> None:
    assert find_permitted(p) == (p.result.action if is_permitted else None)


def test_what_is_not_permitted_is_answered_without_an_action() -> None:
    p = waiting(promise=THEIRS)._replace(result=JOIN)
    assert play(take(p)) == (p, replace(JOIN, action=None), [])


def test_a_join_is_marked_before_it_is_permitted() -> None:
    p = waiting(override=OVERRIDE)._replace(result=JOIN, peers=PRIMARY)
    state = replace(p.durable, joining_boot_id="kernel-0", joined_epoch=3, override=None)
    taken = play(take(p))
    assert taken == (p._replace(durable=state, lifecycle=p.lifecycle.took(Action.JOIN)), JOIN, [Persist(state)])


def test_a_bootstrap_is_taken_under_its_term() -> None:
    p = waiting(promise=MINE, joining_boot_id="kernel-0")._replace(result=START)
    state = replace(p.durable, joining_boot_id="", bootstraps=(BootstrapPoint(A, 10, 4, "run-0"),))
    taken = play(take(p))
    assert taken == (
        p._replace(durable=state, lifecycle=p.lifecycle.took(Action.BOOTSTRAP, 4)),
        START,
        [Persist(state)],
    )


def test_a_permission_is_taken_once() -> None:
    p = play(take(waiting(promise=MINE)._replace(result=START))).p
    assert play(take(p)) == (p, replace(START, action=None), [])


def test_an_override_is_taken_with_its_permission() -> None:
    p = waiting(promise=MINE, override=OVERRIDE)._replace(result=FORCED).with_outcome(OverrideOutcome(4))
    state = replace(p.durable, override=None, lineage=(Fork(A, 10, 4, B),), pending_history=B)
    after = p._replace(durable=state, lifecycle=p.lifecycle.took(Action.BOOTSTRAP, 4)).with_outcome(TAKEN)
    assert play(take(p)) == (after, FORCED, [Persist(state)])


def test_nothing_is_permitted_that_cannot_be_written() -> None:
    p = waiting()._replace(result=JOIN, peers=PRIMARY)
    failed = play(take(p), Persist=FULL)
    assert failed.p == p._replace(fault=FULL)
    assert failed.answer == RoundResult(Hold("journal", FULL), is_of_round=True)


def first(state: PersistentState) -> PersistentState:
    return replace(state, initialised=True)


def test_a_first_start_is_remembered_as_such() -> None:
    p = waiting(promise=MINE)
    result = replace(START, decision=Bootstrap("first-start", "all are empty", first=True))
    assert state_before(p, result) == first(p.durable)
    assert state_before(waiting(promise=MINE), replace(START, decision=Bootstrap("x", "y"))).initialised is False


def test_a_join_takes_over_what_the_cluster_knows_and_keeps_the_disks_view() -> None:
    points = (BootstrapPoint(A, 3, 2, "run-9"),)
    p = waiting()._replace(peers=((1, running(1, epoch=3, bootstraps=points)),))
    p = p._replace(lifecycle=p.lifecycle.reported(DISK._replace(view=VIEW), "print"))
    lost = LostView(VIEW, Position(A, 10), join_attempted=True)
    assert state_before(p, JOIN) == replace(
        STATE, joining_boot_id="kernel-0", joined_epoch=3, bootstraps=points, lost_view=lost
    )
