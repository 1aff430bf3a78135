"""What a volume remembers: what a round, an inspection and a permission change, and what they must not change."""

from dataclasses import replace

import pytest

from bootstrap.core.decision import persistent_state
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.disk import UNKNOWN_SEQNO, DataClass, Disk, LostView, Position, View
from bootstrap.core.model.facts import Fork, Override, PodState
from tests.support.bootstrap.records import A_TO_B, A, B, C, running

VIEW = View("gcomm-0", "gcomm-0", 3, bootstrap=False, members=("gcomm-0",))
LOST = LostView(VIEW, Position(A, 5))
MEMBER = PersistentState(
    "cluster",
    "galera-0",
    "volume-0",
    history_uuid=A,
    epoch=1,
    highest_term=1,
    volumes=((1, "volume-1"), (2, "volume-2")),
)
"""A member of three, of which the settings name only this pod."""


def after_round(state: PersistentState, own: PodState, *answers: PodState) -> PersistentState:
    return persistent_state.after_round(state, own, answers, durable=True, awaited=frozenset({0}))


def remembered(state: PersistentState) -> set[int]:
    return {ordinal for ordinal, _ in state.volumes}


def test_a_pod_is_forgotten_beside_a_component_whose_members_are_all_known() -> None:
    assert remembered(after_round(MEMBER, running(0, size=2), running(1, size=2))) == {1}
    assert remembered(after_round(MEMBER, running(0, size=3), running(1, size=3))) == {1, 2}


def test_a_primary_of_another_history_is_no_member_of_mine() -> None:
    """The second member of my component may be the pod that does not answer."""
    assert 2 in remembered(after_round(MEMBER, running(0, size=2), running(1, size=2, uuid=B)))


def test_a_member_without_complete_data_forgets_nobody() -> None:
    """The data of the others are not in it yet."""
    assert 2 in remembered(after_round(MEMBER, running(0, size=2, state="Joined"), running(1, size=2)))


def test_a_member_of_a_primary_component_has_lost_no_view() -> None:
    """What its data may be in from now on are later views."""
    state = replace(MEMBER, lost_view=LOST)
    assert after_round(state, running(0)).lost_view is None
    assert after_round(state, running(0, status="non-Primary")).lost_view == LOST


def test_a_disk_that_may_start_a_cluster_has_lost_no_view() -> None:
    state = replace(MEMBER, lost_view=LOST)
    assert persistent_state.before_bootstrap(state, None, first=False, forced=False).lost_view is None


def test_a_join_keeps_the_view_that_it_removes_and_no_earlier_one() -> None:
    disk = Disk(DataClass.CRASHED, Position(A, 7), view=VIEW._replace(view_seq=4))
    joined = persistent_state.before_join(replace(MEMBER, lost_view=LOST), disk, [], life="boot", epoch=1)
    assert joined.lost_view == LostView(VIEW._replace(view_seq=4), Position(A, 7), join_attempted=True)

    blank = persistent_state.before_join(replace(MEMBER, lost_view=LOST), Disk(DataClass.EMPTY), [], life="b", epoch=1)
    assert blank.lost_view is None


# A new history that an override has permitted.

OVERRIDE = Override(4, Position(A, 5), frozenset({2}), history=B)
PERMITTED = persistent_state.before_bootstrap(replace(MEMBER, override=OVERRIDE), None, first=False, forced=True)


def crashed(uuid: str, seqno: int = 1) -> Disk:
    return Disk(DataClass.CRASHED, Position(uuid, seqno))


def test_a_permitted_history_is_pending_and_the_override_is_used_up() -> None:
    assert persistent_state.pending_fork(MEMBER) is None
    assert persistent_state.pending_fork(PERMITTED) == A_TO_B
    assert (PERMITTED.override, PERMITTED.history_uuid) == (None, A)


def test_data_without_a_position_have_a_fork_without_a_parent() -> None:
    adopted = persistent_state.before_bootstrap(
        replace(MEMBER, override=OVERRIDE._replace(base=None)), None, first=False, forced=True
    )
    assert adopted.lineage == (Fork("", UNKNOWN_SEQNO, 4, B),)
    assert persistent_state.after_inspection(adopted, crashed(B)).history_uuid == B


def test_the_disk_shows_it_by_its_own_uuid() -> None:
    begun = persistent_state.after_inspection(PERMITTED, crashed(B))
    assert (begun.history_uuid, begun.epoch, begun.volumes) == (B, 4, ())
    assert (begun.lineage, begun.pending_history) == ((A_TO_B,), "")


@pytest.mark.parametrize(
    "disk",
    [
        crashed(A, 5), crashed(A, 2), crashed(C, 3), Disk(DataClass.EMPTY), Disk(DataClass.UNKNOWN),
        Disk(DataClass.UUID_MISMATCH, Position(B, 1)), Disk(DataClass.SST_INTERRUPTED, Position(B, 1)),
    ],
    ids=["the old history", "an older copy", "another datadir", "empty", "unread", "two histories", "a torn transfer"],
)  # fmt: skip
def test_no_other_disk_does(disk: Disk) -> None:
    assert persistent_state.after_inspection(PERMITTED, disk) == PERMITTED


def settle(state: PersistentState, uuid: str) -> PersistentState:
    """The state once a server of this history was seen Synced here."""
    return after_round(state, running(0, uuid=uuid))


def test_a_live_member_shows_it_too_and_another_history_has_nothing_of_the_fork() -> None:
    begun = settle(PERMITTED, B)
    assert (begun.history_uuid, begun.lineage, begun.pending_history) == (B, (A_TO_B,), "")
    other = settle(PERMITTED, C)
    assert (other.history_uuid, other.lineage, other.pending_history) == (C, (), "")


def test_a_start_or_a_join_that_is_killed_at_once_leaves_the_datadir_as_the_fork_has_made_it() -> None:
    """So the journal must still know what that was."""
    assert (
        persistent_state.pending_fork(persistent_state.before_bootstrap(PERMITTED, None, first=False, forced=False))
        == A_TO_B
    )
    joining = persistent_state.before_join(PERMITTED, crashed(A, 5), [running(1, uuid=C)], life="boot", epoch=9)
    assert persistent_state.pending_fork(joining) == A_TO_B


def test_a_second_override_takes_the_place_of_one_without_a_history() -> None:
    again = OVERRIDE._replace(epoch=6, history=C)
    state = persistent_state.before_bootstrap(replace(PERMITTED, override=again), None, first=False, forced=True)
    assert state.lineage == (Fork(A, 5, 6, C),)
    assert persistent_state.pending_fork(state) == state.lineage[0]
    assert persistent_state.after_inspection(state, crashed(B)) == state
