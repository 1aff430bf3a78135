"""What a volume remembers: what a round, an inspection and a permission change, and what they must not change."""

from dataclasses import replace

import pytest

from bootstrap.core.decision import persistent_state
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.disk import UNKNOWN_SEQNO, DataClass, Disk, LostView, Position, View
from bootstrap.core.model.facts import BootstrapPoint, Fork, Override, PodState, Promise
from tests.support.bootstrap.records import A_TO_B, B_TO_C, A, B, C, frozen, running

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
    joined = persistent_state.before_join(replace(MEMBER, lost_view=LOST), disk, [], kernel_boot_id="boot", epoch=1)
    assert joined.lost_view == LostView(VIEW._replace(view_seq=4), Position(A, 7), join_attempted=True)

    blank = persistent_state.before_join(
        replace(MEMBER, lost_view=LOST), Disk(DataClass.EMPTY), [], kernel_boot_id="b", epoch=1
    )
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
    joining = persistent_state.before_join(
        PERMITTED, crashed(A, 5), [running(1, uuid=C)], kernel_boot_id="boot", epoch=9
    )
    assert persistent_state.pending_fork(joining) == A_TO_B


def test_a_second_override_takes_the_place_of_one_without_a_history() -> None:
    again = OVERRIDE._replace(epoch=6, history=C)
    state = persistent_state.before_bootstrap(replace(PERMITTED, override=again), None, first=False, forced=True)
    assert state.lineage == (Fork(A, 5, 6, C),)
    assert persistent_state.pending_fork(state) == state.lineage[0]
    assert persistent_state.after_inspection(state, crashed(B)) == state


# Exactly what is remembered.


def test_a_new_volume_remembers_nothing() -> None:
    assert PersistentState("cluster", "galera-0", "volume-0") == PersistentState(
        "cluster",
        "galera-0",
        "volume-0",
        initialised=False,
        joining_boot_id="",
        history_uuid="",
        epoch=0,
        joined_epoch=0,
        promise=None,
        highest_term=0,
        volumes=(),
        lineage=(),
        pending_history="",
        bootstraps=(),
        override=None,
        view_checkpoint=None,
        has_foreign_members=False,
        lost_view=None,
        overrides=(),
    )


NEVER = replace(MEMBER, history_uuid="", volumes=((2, "volume-2"),))


def test_a_pod_without_a_server_remembers_the_founders_until_it_was_a_member() -> None:
    others = (running(1), frozen(3))
    assert after_round(NEVER, frozen(0), *others) == replace(NEVER, volumes=((1, "volume-1"), (2, "volume-2")))
    assert after_round(MEMBER, frozen(0), running(4)) == MEMBER


def test_founders_are_remembered_by_their_volume() -> None:
    founders = [frozen(3), frozen(1), frozen(4, volume_id="")]
    assert persistent_state.add_founders(NEVER, founders) == ((1, "volume-1"), (2, "volume-2"), (3, "volume-3"))
    assert persistent_state.add_founders(MEMBER, founders) == MEMBER.volumes


JOINED = replace(MEMBER, joining_boot_id="kernel-0", joined_epoch=9, pending_history=B)


def test_a_settled_member_closes_its_join() -> None:
    others = (running(1, volume_id="new"), frozen(3, volume_id=""))
    volumes = ((1, "new"), (2, "volume-2"))
    closed = replace(JOINED, epoch=9, volumes=volumes, joining_boot_id="", pending_history="")
    assert after_round(JOINED, running(0), *others) == closed


@pytest.mark.parametrize("durable", [True, False])
def test_a_member_whose_data_are_not_there_yet_remembers_only_the_others(*, durable: bool) -> None:
    own = running(0, state="Joined") if durable else running(0)
    others = (running(1, volume_id="new"), frozen(3))
    after_ = persistent_state.after_round(JOINED, own, others, durable=durable, awaited=frozenset({0}))
    assert after_ == replace(JOINED, volumes=((1, "new"), (2, "volume-2"), (3, "volume-3")))


@pytest.mark.parametrize(
    ("state", "own", "volumes"),
    [
        (MEMBER, running(0, uuid=B), ((1, "volume-1"),)),
        (MEMBER, running(0, uuid=B, state="Joined"), MEMBER.volumes),
        (replace(MEMBER, history_uuid=""), running(0, uuid=B), MEMBER.volumes),
        (MEMBER, running(0), MEMBER.volumes),
    ],
    ids=["another history", "another one, not settled", "its first history", "the same history"],
)
def test_the_members_of_an_earlier_history_are_forgotten(
    state: PersistentState, own: PodState, volumes: tuple[tuple[int, str], ...]
) -> None:
    uuid = own.server.uuid if own.server else ""
    assert after_round(state, own, running(1, uuid=uuid)).volumes == volumes


def test_a_member_learns_from_the_others_which_forks_led_to_its_history() -> None:
    assert after_round(MEMBER, running(0, uuid=B), running(1, uuid=B, lineage=(A_TO_B,))).lineage == (A_TO_B,)
    assert after_round(MEMBER, running(0, uuid=B), frozen(1, uuid=B, lineage=(A_TO_B,))).lineage == ()


def test_a_pod_that_is_awaited_is_not_forgotten() -> None:
    awaited = frozenset({0, 2})
    after_ = persistent_state.after_round(
        MEMBER, running(0, size=2), [running(1, size=2)], durable=True, awaited=awaited
    )
    assert remembered(after_) == {1, 2}


BOUND = Promise(7, 0, "run-9")


@pytest.mark.parametrize(
    ("state", "others", "epoch"),
    [
        (replace(MEMBER, joined_epoch=9), (), 1),
        (replace(MEMBER, joined_epoch=9, joining_boot_id="kernel-0"), (), 9),
        (replace(MEMBER, promise=BOUND), (), 7),
        (replace(MEMBER, promise=BOUND._replace(candidate=1)), (), 1),
        (MEMBER, (running(1, epoch=5),), 5),
        (MEMBER, (running(1, epoch=5, uuid=B),), 1),
    ],
    ids=["a join from before", "its join", "its own bootstrap", "another's promise", "a member's", "another history's"],
)
def test_the_epoch_of_a_component_is(state: PersistentState, others: tuple[PodState, ...], epoch: int) -> None:
    assert after_round(state, running(0), *others).epoch == epoch


def test_the_fork_that_is_pending_is_that_of_its_history() -> None:
    state = replace(MEMBER, lineage=(A_TO_B, B_TO_C), pending_history=C)
    assert persistent_state.pending_fork(state) == B_TO_C
    assert persistent_state.pending_fork(replace(state, pending_history="")) is None


@pytest.mark.parametrize(
    "disk", [Disk(DataClass.CLEAN, Position(A, 5)), Disk(DataClass.CLEAN)], ids=["a position", "none"]
)
@pytest.mark.parametrize("pending", ["", B])
def test_a_disk_of_no_new_history_shows_nothing(disk: Disk, pending: str) -> None:
    state = replace(MEMBER, lineage=(A_TO_B,), pending_history=pending)
    assert persistent_state.after_inspection(state, disk) == state


NINTH = Override(9, Position(A, 5), history=B)
POINTS = (BootstrapPoint(A, 3, 2, "run-9"),)


def test_a_join_marks_the_disk_and_knows_the_cluster() -> None:
    state = replace(MEMBER, override=NINTH, lineage=(B_TO_C,))
    answers = [running(1, uuid=B, lineage=(A_TO_B,), bootstraps=POINTS), frozen(2)]
    joined = persistent_state.before_join(state, None, answers, kernel_boot_id="kernel-0", epoch=4)
    assert joined == replace(
        MEMBER, joining_boot_id="kernel-0", joined_epoch=4, lineage=(B_TO_C, A_TO_B), bootstraps=POINTS
    )


DISK = Disk(DataClass.CLEAN, Position(A, 5))
CANDIDATE = replace(JOINED, promise=BOUND, lost_view=LOST)
STANDING = replace(CANDIDATE, joining_boot_id="", joined_epoch=0, lost_view=None)
POINT = BootstrapPoint(A, 5, 7, "run-9")


@pytest.mark.parametrize(
    ("state", "disk", "first", "after_"),
    [
        (CANDIDATE, DISK, False, replace(STANDING, bootstraps=(POINT,))),
        (CANDIDATE, None, False, STANDING),
        (CANDIDATE, Disk(DataClass.INITIALIZED), False, STANDING),
        (replace(CANDIDATE, promise=None), DISK, False, replace(STANDING, promise=None)),
        (CANDIDATE, DISK, True, replace(STANDING, initialised=True)),
        (replace(CANDIDATE, initialised=True), None, False, replace(STANDING, initialised=True)),
        (replace(CANDIDATE, override=NINTH), DISK, False, replace(STANDING, bootstraps=(POINT,))),
    ],
    ids=["from data", "no disk", "no position", "no promise", "a first start", "a second one", "not by its override"],
)
def test_a_bootstrap_is_remembered(
    state: PersistentState, disk: Disk | None, after_: PersistentState, *, first: bool
) -> None:
    assert persistent_state.before_bootstrap(state, disk, first=first, forced=False) == after_


def test_an_override_is_remembered_as_a_fork() -> None:
    state = replace(CANDIDATE, override=NINTH)
    begun = persistent_state.before_bootstrap(state, DISK, first=False, forced=True)
    assert begun == replace(STANDING, lineage=(Fork(A, 5, 9, B),), pending_history=B)
    second = replace(CANDIDATE, override=Override(9, Position(B, 3), history=C), lineage=(A_TO_B,))
    forked = persistent_state.before_bootstrap(second, DISK, first=False, forced=True)
    assert forked.lineage == (A_TO_B, Fork(B, 3, 9, C))
    without = persistent_state.before_bootstrap(CANDIDATE, DISK, first=False, forced=True)
    assert without == STANDING
