"""When a volume remembers that a new history has begun, and when it does not."""

from dataclasses import replace

import pytest

from bootstrap.core.decision.persistent_state import (
    PersistentState,
    after_inspection,
    after_round,
    before_bootstrap,
    before_join,
    pending_fork,
)
from bootstrap.core.model.disk import UNKNOWN_SEQNO, DataClass, Disk, Position
from bootstrap.core.model.facts import Fork, Override
from tests.support.bootstrap.records import A_TO_B, A, B, C, running

MEMBER = PersistentState("cluster", "galera-0", "volume-0", history_uuid=A, epoch=3, volumes=((1, "volume-1"),))
OVERRIDE = Override(4, Position(A, 5), frozenset({2}), history=B)
PERMITTED = before_bootstrap(replace(MEMBER, override=OVERRIDE), first=False, forced=True)


def crashed(uuid: str, seqno: int = 1) -> Disk:
    return Disk(DataClass.CRASHED, Position(uuid, seqno))


def test_a_permitted_history_is_pending_and_the_override_is_used_up() -> None:
    assert pending_fork(MEMBER) is None
    assert pending_fork(PERMITTED) == A_TO_B
    assert (PERMITTED.override, PERMITTED.history_uuid) == (None, A)


def test_data_without_a_position_have_a_fork_without_a_parent() -> None:
    adopted = before_bootstrap(replace(MEMBER, override=replace(OVERRIDE, base=None)), first=False, forced=True)
    assert adopted.lineage == (Fork("", UNKNOWN_SEQNO, 4, B),)
    assert after_inspection(adopted, crashed(B)).history_uuid == B


def test_the_disk_shows_it_by_its_own_uuid() -> None:
    begun = after_inspection(PERMITTED, crashed(B))
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
    assert after_inspection(PERMITTED, disk) == PERMITTED


def settle(state: PersistentState, uuid: str) -> PersistentState:
    """The state once a server of this history was seen Synced here."""
    return after_round(state, running(0, uuid=uuid), [], durable=True, awaited=frozenset())


def test_a_live_member_shows_it_too_and_another_history_has_nothing_of_the_fork() -> None:
    begun = settle(PERMITTED, B)
    assert (begun.history_uuid, begun.lineage, begun.pending_history) == (B, (A_TO_B,), "")
    other = settle(PERMITTED, C)
    assert (other.history_uuid, other.lineage, other.pending_history) == (C, (), "")


def test_a_start_or_a_join_that_is_killed_at_once_leaves_the_datadir_as_the_fork_has_made_it() -> None:
    """So the journal must still know what that was."""
    assert pending_fork(before_bootstrap(PERMITTED, first=False, forced=False)) == A_TO_B
    joining = before_join(PERMITTED, crashed(A, 5), [running(1, uuid=C)], life="boot", epoch=9)
    assert pending_fork(joining) == A_TO_B


def test_a_second_override_takes_the_place_of_one_without_a_history() -> None:
    again = replace(OVERRIDE, epoch=6, history=C)
    state = before_bootstrap(replace(PERMITTED, override=again), first=False, forced=True)
    assert state.lineage == (Fork(A, 5, 6, C),)
    assert pending_fork(state) == state.lineage[0]
    assert after_inspection(state, crashed(B)) == state
