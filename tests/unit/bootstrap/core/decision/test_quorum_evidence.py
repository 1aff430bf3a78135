"""What pods outside of the last Primary view show: that they were in no later one, or that there was a later one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap, Hold, Stop
from bootstrap.core.decision.quorum import find_proof
from bootstrap.core.model.disk import DataClass, Disk, Position, ViewCheckpoint
from bootstrap.core.model.facts import Facts, Fork, Phase, PodState, Server
from tests.support.bootstrap.records import A, B, blank, busy, crashed, doubtful, member, non_primary, seen_by

CRASHED = DataClass.CRASHED


def with_view_of(pod: PodState, source: PodState) -> PodState:
    """The same pod, which knows the other one's view."""
    assert pod.disk is not None
    assert source.disk is not None
    return replace(pod, disk=pod.disk._replace(view=source.disk.view))


EARLIER = crashed(1, 0, 1, seqno=9, number=4, epoch=3)
OLDER = member(1, 9, epoch=2)
STOPPED = member(1, 7, epoch=3)
"""Pods whose own records show that they were in no view after that of {0} at number 5: by an earlier view that has a
server of it, by an older epoch, by a stop in order before its checkpoint at 8."""


NO_RECORD = {
    "its volume was replaced by an empty one": lambda pod: replace(blank(1, volume_id="new"), expected=pod.expected),
    "its disk is empty": lambda pod: replace(pod, disk=Disk(DataClass.EMPTY)),
    "its state transfer was interrupted": lambda pod: replace(pod, disk=Disk(DataClass.SST_INTERRUPTED)),
    "its state transfer may have ended": lambda pod: replace(pod, disk=doubtful(1, 9).disk),
    "its datadir cannot be read": lambda pod: replace(pod, disk=Disk(DataClass.UNKNOWN)),
    "its datadir has not been read": lambda pod: replace(pod, phase=Phase.RECOVERING, disk=None),
    "its datadir may have changed since it was read": lambda pod: replace(pod, phase=Phase.STARTING),
    "its journal is new": lambda pod: replace(pod, was_synced=False, epoch=0),
    "its join is open": lambda pod: replace(pod, joining=True),
    "its volume is another one than the members remember": lambda pod: replace(pod, volume_id="an older one"),
}


def beside_sole_member(pod: PodState, **changes: Any) -> Facts:
    """A sole member with this pod, while a third one is silent: one newcomer may be left out, and not two."""
    return seen_by(crashed(0, 0, epoch=3, **changes), pod, 2)


@pytest.mark.parametrize("record", [EARLIER, OLDER, STOPPED], ids=["an earlier view", "an older epoch", "a clean stop"])
@pytest.mark.parametrize("lose", NO_RECORD.values(), ids=NO_RECORD)
def test_a_pod_without_a_record_may_have_come_into_a_later_view_if(
    lose: Callable[[PodState], PodState], record: PodState
) -> None:
    """An empty volume or journal is evidence of nothing: before it was lost, this pod may have gone on with others."""
    assert find_proof(beside_sole_member(record))
    assert find_proof(beside_sole_member(lose(record))) is None


def test_members_that_have_never_seen_a_pod_do_not_vouch_for_its_volume() -> None:
    assert find_proof(beside_sole_member(OLDER, volumes=())) is None


NO_EVIDENCE = {
    "an earlier view of other servers": with_view_of(EARLIER, crashed(1, 8, 9, number=4)),
    "a view of the same number": with_view_of(EARLIER, crashed(1, 1, 0)),
    "the same epoch": replace(OLDER, epoch=3),
    "a kill before the view": member(1, 7, CRASHED, epoch=3),
    "a stop in order after the view": member(1, 8, epoch=3),
    "a stop in order in another history": member(1, 7, uuid=B, epoch=3, lineage=(Fork(B, 9, 2, A),)),
    "a stop in order, outside of a Primary Component": with_view_of(STOPPED, crashed(1, 8, 9, number=4)),
}


@pytest.mark.parametrize("pod", NO_EVIDENCE.values(), ids=NO_EVIDENCE)
def test_a_pod_may_have_come_into_a_later_view_in_spite_of(pod: PodState) -> None:
    assert find_proof(beside_sole_member(pod)) is None


FOUR = frozenset(range(4))


def beside_two_members(third: PodState, own: PodState | None = None) -> Facts:
    """Both members of a view with a third pod; a fourth one is silent.  Two newcomers may be left out."""
    pods = (own or crashed(0, 0, 1), crashed(1, 0, 1), third)
    first, *others = (replace(pod, expected=FOUR) for pod in pods)
    return seen_by(first, *others, 3)


def live(pod: PodState) -> PodState:
    """The same pod, whose server lives outside of a Primary Component, with the view that was on its disk."""
    view = pod.disk.view if pod.disk else None
    server = Server("non-Primary", "Initialized", A, 7, 1, view)
    return replace(pod, phase=Phase.RUNNING, disk=None, server=server)


LATER = crashed(2, 0, 1, 2, 3, seqno=9, number=6, checkpoint=None)
CONTRADICTED = {
    "a later view is on a disk": LATER,
    "a later view is on the disk of a pod with a new journal": replace(LATER, was_synced=False, volumes=(), epoch=0),
    "a later view is on a joiner's disk": with_view_of(blank(2, DataClass.SST_INTERRUPTED, joining=True), LATER),
    "a later view is on a disk that cannot be read": with_view_of(blank(2, DataClass.UNKNOWN), LATER),
    "a later view was noted in a journal": member(2, 7, view_checkpoint=ViewCheckpoint("gcomm-0:6", Position(A, 12))),
    "a later view was noted in the journal of a pod that has not read its datadir": busy(
        2, Phase.RECOVERING, view_checkpoint=ViewCheckpoint("gcomm-1:6", Position(A, 12))
    ),
    "a torn disk holds more": doubtful(2, 11),
}


@pytest.mark.parametrize("third", CONTRADICTED.values(), ids=CONTRADICTED)
def test_a_view_was_not_the_last_one_if(third: PodState) -> None:
    """A server of the view was in a later one, or another disk is ahead: a file was not written, or was put back."""
    assert find_proof(beside_two_members(blank(2)))
    assert find_proof(beside_two_members(third)) is None
    assert not isinstance(decide(beside_two_members(third)), Bootstrap)


def test_a_later_view_of_a_live_server_contradicts_as_well() -> None:
    """A server must not be stopped for the sake of a proof that is wrong."""
    earlier = live(crashed(2, 0, 1, 2, number=4))
    assert isinstance(decide(beside_two_members(earlier, non_primary(0, 0, 1))), Stop)
    assert not isinstance(decide(beside_two_members(live(LATER), non_primary(0, 0, 1))), Stop)


def test_a_torn_disk_that_holds_more_is_asked_for_although_its_pod_was_not_in_the_last_view() -> None:
    decision = decide(seen_by(crashed(0, 0, 1), crashed(1, 0, 1), doubtful(2, 11)))
    assert decision == Hold("doubtful-transfer", decision.reason)
    assert isinstance(decide(seen_by(crashed(0, 0, 1), crashed(1, 0, 1), doubtful(2, 10))), Bootstrap)
