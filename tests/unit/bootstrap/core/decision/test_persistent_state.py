"""What a volume remembers: what a round, an inspection and a permission change, and what they must not change."""

from dataclasses import replace

from bootstrap.core.decision import persistent_state
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.disk import DataClass, Disk, LostView, Position, View
from bootstrap.core.model.facts import Fork, PodState
from tests.support.bootstrap.records import A, B, running

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


def test_a_new_history_that_only_the_disk_shows_is_of_the_epoch_of_its_override() -> None:
    """Its server was killed before its agent could see it Primary."""
    state = replace(MEMBER, lineage=(Fork(A, 5, 7),))
    found = persistent_state.after_inspection(state, Disk(DataClass.CRASHED, Position(B, 3)))
    assert (found.history_uuid, found.epoch, found.volumes) == (B, 7, ())

    never_begun = persistent_state.after_inspection(state, Disk(DataClass.CRASHED, Position(A, 5)))
    assert (never_begun.history_uuid, never_begun.epoch, never_begun.volumes) == (A, 1, MEMBER.volumes)
