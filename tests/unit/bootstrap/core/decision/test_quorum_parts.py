"""The parts of the proofs, each condition by itself: what other conditions also refuse is refused by each of them."""

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.core.decision.quorum import (
    Proof,
    find_last_view,
    find_last_view_once_stopped,
    find_most_advanced,
    find_proof,
    has_record,
    has_stayed_away,
    is_contradicted,
    is_joiner,
    knows_later_view,
    lost_by_join,
    lost_by_stop,
    may_be_outnumbered,
    view_of,
    was_stopped_before,
    with_lost_view,
)
from bootstrap.core.model.disk import DataClass, Disk, LostView, Position, View, ViewCheckpoint
from bootstrap.core.model.facts import Facts, Phase, PodState, Server
from tests.support.bootstrap.records import (
    A_TO_B,
    A,
    B,
    after,
    blank,
    busy,
    crashed,
    doubtful,
    frozen,
    member,
    non_primary,
    running,
    seen_by,
)

VIEW = View("gcomm-0", "gcomm-0", 5, bootstrap=False, members=("gcomm-0", "gcomm-1"))
TWO, FOUR = frozenset({0, 1}), frozenset(range(4))


# find_proof.


def test_where_all_have_answered_no_proof_is_needed() -> None:
    assert find_proof(seen_by(crashed(0, 0, 1, expected=TWO), crashed(1, 0, 1, expected=TWO))) is None


def test_a_pod_that_reads_its_own_datadir_proves_nothing() -> None:
    others = [crashed(0, 0, 1, expected=FOUR), crashed(1, 0, 1, expected=FOUR)]
    assert find_proof(seen_by(blank(2), *others, 3)) == Proof("last-view", TWO, frozenset({3}))
    assert find_proof(seen_by(busy(2, Phase.RECOVERING), *others, 3)) is None


def test_the_last_one_out_speaks_of_itself_also_beside_a_datadir_that_cannot_be_read() -> None:
    facts = seen_by(member(0, safe=True), blank(1, DataClass.UNKNOWN), 2)
    assert find_proof(replace(facts, last_one_out=True)) == Proof("last-one-out", frozenset({0}), frozenset({1, 2}))
    assert find_proof(facts) is None


def test_a_checkpoint_at_the_position_of_the_disk_is_reached() -> None:
    reached = seen_by(crashed(0, 0, 1, seqno=8), crashed(1, 0, 1, seqno=8), 2)
    assert find_proof(reached) == Proof("last-view", TWO, frozenset({2}))


def test_the_view_of_live_servers_counts_only_where_they_would_be_stopped() -> None:
    facts = seen_by(non_primary(0, 0, 1), crashed(1, 0, 1), 2)
    assert find_last_view(facts, live=True) == TWO
    assert find_last_view(facts) == frozenset()


def test_servers_are_stopped_for_their_view_only_if_one_of_its_members_is_dead() -> None:
    living = [non_primary(0, 0, 1, expected=FOUR), non_primary(1, 0, 1)]
    assert find_last_view_once_stopped(seen_by(living[0], crashed(1, 0, 1), blank(2), 3)) == TWO
    assert find_last_view_once_stopped(seen_by(*living, crashed(2, 0, 1, 2, seqno=7, number=4), 3)) == frozenset()


def test_the_view_of_a_disk_counts_while_its_pod_is_frozen() -> None:
    pod = crashed(0, 0, 1)
    assert pod.disk is not None
    assert view_of(pod) == pod.disk.view
    assert view_of(replace(pod, phase=Phase.STARTING)) is None


# find_most_advanced.


@pytest.mark.parametrize(
    ("facts", "live", "found"),
    [
        (seen_by(frozen(0, 9), frozen(1, 10)), False, (1, Position(A, 10))),
        (seen_by(frozen(0, 9), frozen(1, 1, uuid=B, lineage=(A_TO_B,))), False, (1, Position(B, 1))),
        (seen_by(frozen(0, 9), frozen(1, 1, uuid=B)), False, None),
        (seen_by(blank(0), blank(1)), False, None),
        (seen_by(frozen(0, 9), frozen(1, 1, uuid=B, lineage=(A_TO_B,))), True, None),
        (seen_by(non_primary(0, 0, 1), running(1, 12)), True, (0, Position(A, 10))),
        (seen_by(non_primary(0, 0, 1, seqno=-1), frozen(1, 9)), True, None),
        (seen_by(non_primary(0, 0, 1), frozen(1, 12)), True, (1, Position(A, 12))),
    ],
    ids=[
        "the higher one",
        "of the history that the other led to",
        "two histories",
        "no data",
        "two histories, of which one lives",
        "a Primary does not count",
        "a live server does not know its position",
        "a dead one is ahead",
    ],
)
def test_the_most_advanced_pod_is(facts: Facts, *, live: bool, found: tuple[int, Position] | None) -> None:
    assert find_most_advanced(facts, live=live) == found


# The members of a view.


def torn(**changes: Any) -> PodState:
    return blank(1, DataClass.SST_INTERRUPTED, **{"joining": True} | changes)


@pytest.mark.parametrize(
    ("pod", "answer"),
    [
        (torn(), True),
        (torn(joining=False), False),
        (replace(doubtful(1, 5), joining=True), False),
        (blank(1, joining=True), False),
    ],
    ids=["it received data", "its join is closed", "it may have received all", "it is empty"],
)
def test_a_member_was_a_joiner(pod: PodState, *, answer: bool) -> None:
    assert is_joiner(pod) is answer


# What contradicts a view.


def test_only_a_doubtful_disk_contradicts_by_what_it_holds() -> None:
    holders = [crashed(0, 0, 1), crashed(1, 0, 1)]
    facts = seen_by(*holders, member(2, 9))
    assert not is_contradicted(holders, 0, Position(A, 8), facts)
    assert is_contradicted(holders, 0, Position(A, 8), seen_by(*holders, doubtful(2, 9)))


def test_a_doubtful_disk_is_compared_with_the_branch_of_the_best_one() -> None:
    holders = [crashed(0, 0, 1), after(crashed(1, 0, 1), 5)]
    facts = seen_by(*holders, after(doubtful(2, 9), 5))
    assert not is_contradicted(holders, 1, Position(A, 10), facts)
    assert is_contradicted(holders, 0, Position(A, 10), facts)


def in_later(view_uuid: str, *members: str) -> PodState:
    view = View("gcomm-2", view_uuid, 6, bootstrap=False, members=members)
    return replace(crashed(2, 2), disk=Disk(DataClass.CRASHED, Position(A, 9), view=view), view_checkpoint=None)


def noted(name: str) -> PodState:
    return member(2, view_checkpoint=ViewCheckpoint(name, Position(A, 9)))


@pytest.mark.parametrize(
    ("pod", "view", "answer"),
    [
        (in_later("gcomm-2", "gcomm-2", "gcomm-1"), VIEW, True),
        (in_later("gcomm-1", "gcomm-2"), VIEW, True),
        (in_later("gcomm-2", "gcomm-2"), VIEW, False),
        (in_later("gcomm-2", "gcomm-2"), VIEW._replace(view_uuid="gcomm-2"), True),
        (in_later("gcomm-2", "gcomm-2", "gcomm-1"), VIEW._replace(view_seq=6), False),
        (noted("gcomm-0:6"), VIEW, True),
        (noted("gcomm-0:5"), VIEW, False),
        (noted("gcomm-0:six"), VIEW, False),
    ],
    ids=[
        "with a member of it",
        "whose representative was one",
        "of other servers",
        "with its representative",
        "of the same number",
        "in a journal",
        "in a journal, of the same number",
        "in a journal, without a number",
    ],
)
def test_a_pod_knows_a_later_view(pod: PodState, view: View, *, answer: bool) -> None:
    assert knows_later_view(pod, view) is answer


# Who may have come into a later view.


def outnumbered(*holders: PodState, others: int, third: PodState | None = None) -> bool:
    expected = frozenset(range(len(holders) + others))
    pods = [replace(holder, expected=expected) for holder in holders]
    return may_be_outnumbered(pods, seen_by(pods[0], *pods[1:], *([third] if third else [])))


def test_one_foreign_member_or_one_later_epoch_is_enough() -> None:
    ours, foreign = crashed(0, 0, 1), crashed(1, 0, 1, has_foreign_members=True)
    assert not outnumbered(ours, crashed(1, 0, 1), others=2)
    assert outnumbered(ours, foreign, others=2)
    assert outnumbered(foreign, ours, others=2)


def test_the_epoch_of_a_view_is_the_highest_that_its_members_know() -> None:
    ours, behind = crashed(0, 0, 1, epoch=3), crashed(1, 0, 1, epoch=2)
    assert not outnumbered(ours, behind, others=0)
    assert not outnumbered(behind, ours, others=1, third=crashed(2, 2, epoch=3))
    assert outnumbered(ours, behind, others=1, third=crashed(2, 2, epoch=4))
    assert has_stayed_away(member(2, 9, epoch=2), [ours, behind])


def test_a_volume_is_known_if_one_member_remembers_it() -> None:
    pod = member(2, 9, epoch=2)
    knows, heard = crashed(0, 0, 1, volumes=((2, "volume-2"),)), crashed(1, 0, 1, volumes=((2, ""),))
    assert has_record(pod, [knows, heard])
    assert not has_record(pod, [heard])
    assert not has_record(pod, [knows, crashed(1, 0, 1, volumes=((2, "another"),))])


def test_a_pod_was_stopped_before_the_view_by_any_members_checkpoint() -> None:
    holders = [crashed(0, 0, 1, checkpoint=8), crashed(1, 0, 1, checkpoint=12)]
    assert was_stopped_before(member(2, 9), holders)
    assert not was_stopped_before(member(2, 12), holders)
    assert not was_stopped_before(replace(member(2), disk=Disk(DataClass.CLEAN)), holders)


# Lost views.


AT_10 = Position(A, 10)
LOST = LostView(VIEW, AT_10, join_attempted=True)
CLEAN = Disk(DataClass.CLEAN, AT_10)


@pytest.mark.parametrize(
    ("disk", "lost", "after_"),
    [
        (CLEAN, LOST, CLEAN._replace(view=VIEW, join_attempted=True)),
        (CLEAN, LOST._replace(join_attempted=False), CLEAN._replace(view=VIEW)),
        (CLEAN, None, CLEAN),
        (CLEAN._replace(view=VIEW._replace(view_seq=9)), LOST, CLEAN._replace(view=VIEW._replace(view_seq=9))),
        (CLEAN._replace(position=Position(A, 11)), LOST, CLEAN._replace(position=Position(A, 11))),
        (Disk(DataClass.UUID_MISMATCH, AT_10), LOST, Disk(DataClass.UUID_MISMATCH, AT_10)),
    ],
    ids=["by a join", "by a stop", "none was lost", "it has another one", "it has gone on", "it cannot start"],
)
def test_a_disk_gets_the_view_back_that_it_has_lost(disk: Disk, lost: LostView | None, after_: Disk) -> None:
    assert with_lost_view(disk, lost) == after_


SERVER = Server("non-Primary", "Initialized", A, 10, 1, VIEW)


def test_a_stop_loses_the_view_of_a_server_that_knows_its_position() -> None:
    assert lost_by_stop(SERVER) == LostView(VIEW, AT_10)
    assert lost_by_stop(None) is None
    assert lost_by_stop(replace(SERVER, view=None)) is None
    assert lost_by_stop(replace(SERVER, last_committed=-1)) is None


def test_a_join_loses_the_view_of_a_disk_that_has_a_position() -> None:
    assert lost_by_join(CLEAN._replace(view=VIEW)) == LOST
    assert lost_by_join(None) is None
    assert lost_by_join(CLEAN) is None
    assert lost_by_join(Disk(DataClass.UNKNOWN, view=VIEW)) is None
