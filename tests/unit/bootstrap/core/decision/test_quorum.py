"""The pods that need not answer: each condition of `last-view` and `last-one-out`, and that each is needed."""

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap, Hold, Join, Stop, Wait
from bootstrap.core.decision.election import find_unbound
from bootstrap.core.decision.persistent_state import PersistentState, before_bootstrap
from bootstrap.core.decision.quorum import Proof, find_proof, lost_by_join, with_lost_view
from bootstrap.core.model.disk import DataClass, Position, ViewCheckpoint
from bootstrap.core.model.facts import Facts, Phase, PodState, Promise
from tests.support.bootstrap.records import (
    NOT_ASKED,
    REFUSING,
    SILENT,
    STRANGE,
    A,
    B,
    after,
    blank,
    busy,
    crashed,
    frozen,
    in_view,
    member,
    non_primary,
    running,
    seen_by,
)

CRASHED = DataClass.CRASHED


def two_of_three(**changes: Any) -> Facts:
    """Pod 2 was lost, the others went on, and then the power was cut."""
    return seen_by(crashed(0, 0, 1, **changes), crashed(1, 0, 1), 2)


def test_a_pod_that_was_not_in_the_last_view_need_not_answer() -> None:
    assert find_proof(two_of_three()) == Proof("last-view", frozenset({0, 1}), frozenset({2}))

    decision = decide(two_of_three())
    assert decision == Bootstrap("last-view", decision.reason)
    assert "galera-2 cannot hold more than my" in decision.reason


def test_a_pod_whose_network_refuses_is_silent_too() -> None:
    facts = seen_by(crashed(0, 0, 1), crashed(1, 0, 1), unknown={2: REFUSING})
    assert find_proof(facts) == Proof("last-view", frozenset({0, 1}), frozenset({2}))


def test_a_server_outside_is_not_stopped_for_a_proof_beside_a_pod_that_answers() -> None:
    stuck = non_primary(0, 0, 1), crashed(1, 0, 1)
    assert isinstance(decide(seen_by(*stuck, unknown={2: REFUSING})), Stop)
    assert isinstance(decide(seen_by(*stuck, unknown={2: STRANGE})), Wait)


def test_the_other_member_waits_for_the_candidate() -> None:
    facts = two_of_three()
    theirs = seen_by(facts.answers[0], facts.own, 2)
    assert decide(theirs) == Wait("last-view", f"galera-0 is the most advanced ({A}:10) and is the candidate")


def test_only_the_excused_pods_need_not_promise() -> None:
    facts = two_of_three()
    assert find_unbound(facts, Promise(1, facts.own.ordinal, facts.own.run_id)) == [0, 1]


def rejoined(pod: PodState) -> PodState:
    """The same member; since it was in that view, a join was begun and abandoned."""
    assert pod.disk is not None
    return replace(pod, disk=pod.disk._replace(join_attempted=True))


NO_PROOF = {
    "a member may have joined again, and have gone on with the others": seen_by(
        crashed(0, 0, 1, 2), rejoined(crashed(1, 0, 1, 2)), crashed(2, 0, 1, 2), 3, 4
    ),
    "a member is silent": seen_by(crashed(0, 0, 1), 1, 2),
    "one of four members is silent": seen_by(*(crashed(o, 0, 1, 2, 3) for o in range(3)), 3),
    "a member has another view": seen_by(crashed(0, 0, 1), crashed(1, 0, 1, number=6), 2),
    "a member reports that others were in it": seen_by(crashed(0, 0, 1), crashed(1, 0, 1, 2), 2),
    "a member stopped in order, which removes its view": seen_by(crashed(0, 0, 1), frozen(1), 2),
    "a member's volume was replaced": seen_by(crashed(0, 0, 1), blank(1), 2),
    "a member's disk is a copy of another one's": seen_by(
        crashed(0, 0, 1), replace(crashed(1, 0, 1), disk=crashed(0, 0, 1).disk), 2
    ),
    "a member's data are in doubt": seen_by(
        crashed(0, 0, 1),
        in_view(blank(1, DataClass.SST_INTERRUPTED, joining=False), 0, 1, checkpoint=8),
        2,
    ),
    "no member has a checkpoint": seen_by(crashed(0, 0, 1, checkpoint=None), crashed(1, 0, 1, checkpoint=None), 2),
    "the checkpoint is of another view": seen_by(
        replace(crashed(0, 0, 1), view_checkpoint=ViewCheckpoint("gcomm-0:4", Position(A, 8))),
        crashed(1, 0, 1, checkpoint=None),
        2,
    ),
    "the checkpoint is of another history": seen_by(
        replace(crashed(0, 0, 1), view_checkpoint=ViewCheckpoint("gcomm-0:5", Position(B, 8))),
        crashed(1, 0, 1, checkpoint=None),
        2,
    ),
    "the disks have lost what the checkpoint notes": seen_by(
        crashed(0, 0, 1, checkpoint=11), crashed(1, 0, 1, checkpoint=12), 2
    ),
    "the most advanced disk is not a member's": seen_by(
        crashed(0, 0, 1), crashed(1, 0, 1), frozen(2, 12, expected=frozenset(range(4))), 3
    ),
    "another pod knows a later epoch": seen_by(
        crashed(0, 0, 1), crashed(1, 0, 1), frozen(2, 9, epoch=3, expected=frozenset(range(4))), 3
    ),
    "a pod that answers is of another branch of the history": seen_by(
        *(after(crashed(o, 0, 1, expected=frozenset(range(4))), 5) for o in (0, 1)), frozen(2, 9), 3
    ),
    "the pod outside answers, and is not understood": seen_by(crashed(0, 0, 1), crashed(1, 0, 1), unknown={2: STRANGE}),
    "the pod outside could not be asked": seen_by(crashed(0, 0, 1), crashed(1, 0, 1), unknown={2: NOT_ASKED}),
    "the pod outside was not asked": Facts(
        crashed(0, 0, 1, expected=frozenset(range(3))), {1: crashed(1, 0, 1, expected=frozenset(range(3)))}
    ),
    "a sole member might have been outnumbered": seen_by(crashed(0, 0), 1, 2),
    "a sole member of two might have been outnumbered, with an arbitrator's vote": seen_by(
        crashed(0, 0, expected=frozenset({0, 1}), has_foreign_members=True), 1
    ),
    "two members might have been outnumbered by three": seen_by(crashed(0, 0, 1), crashed(1, 0, 1), 2, 3, 4),
    "a pod that answers may have been in a later view": seen_by(crashed(0, 0), member(1, 9), 2),
    "a non-Primary server lives": seen_by(crashed(0, 0, 1), crashed(1, 0, 1), running(2, status="non-Primary")),
    "something lives on a volume": seen_by(crashed(0, 0, 1), crashed(1, 0, 1), busy(2, Phase.UNKNOWN)),
    "a pod joins": seen_by(crashed(0, 0, 1), crashed(1, 0, 1), busy(2, Phase.JOINING)),
    "a member is reading its datadir": seen_by(crashed(0, 0, 1), busy(1, Phase.RECOVERING), 2),
    "a pod that has not read its datadir may have been in a later view": seen_by(
        crashed(0, 0), busy(1, Phase.STARTING, was_synced=True), 2
    ),
    "a pod has not been asked": Facts(crashed(0, 0, 1), {1: crashed(1, 0, 1)}),
    "the histories differ": seen_by(
        crashed(0, 0, 1), crashed(1, 0, 1), frozen(2, uuid=B, expected=frozenset(range(4))), 3
    ),
}


@pytest.mark.parametrize("facts", NO_PROOF.values(), ids=NO_PROOF)
def test_there_is_no_proof_when(facts: Facts) -> None:
    assert find_proof(facts) is None
    assert not isinstance(decide(facts), Bootstrap | Join)


MORE_PROOF = {
    "an abandoned join changes nothing for two of three": seen_by(crashed(0, 0, 1), rejoined(crashed(1, 0, 1)), 2),
    "three of five are enough": seen_by(*(crashed(o, 0, 1, 2) for o in range(3)), 3, 4),
    "one of two is enough": seen_by(crashed(0, 0, expected=frozenset({0, 1})), 1),
    "a pod that was in an earlier view has not come into a later one": seen_by(
        crashed(0, 0), crashed(1, 0, 1, seqno=9, number=4), 2
    ),
    "a pod that was not a member since has not come into a later one": seen_by(
        crashed(0, 0, epoch=3), member(1, 9, epoch=2), 2
    ),
    "a pod that was stopped in order before this view has not come into a later one": seen_by(
        crashed(0, 0), member(1, 7), 2
    ),
    "the container of a pod that is not in the view never starts": seen_by(
        crashed(0, 0, 1), crashed(1, 0, 1), busy(2, Phase.STARTING)
    ),
    "a pod that is not in the view reads its datadir for hours": seen_by(
        crashed(0, 0, 1), crashed(1, 0, 1), busy(2, Phase.RECOVERING)
    ),
    "an earlier view is known": seen_by(crashed(0, 0, 1), crashed(1, 0, 1), crashed(2, 0, 1, 2, seqno=7, number=4), 3),
    "a later view of other servers is known": seen_by(
        crashed(0, 0, 1), crashed(1, 0, 1), crashed(2, 8, 9, seqno=9, number=6), 3
    ),
    "the datadir of a pod that is not in the view need not be readable": seen_by(
        crashed(0, 0, 1), crashed(1, 0, 1), blank(2, DataClass.UNKNOWN)
    ),
    "a member that was still receiving its data": seen_by(
        crashed(0, 0, 1), in_view(blank(1, DataClass.SST_INTERRUPTED, joining=True), 0, 1), 2
    ),
    "one checkpoint is enough": seen_by(crashed(0, 0, 1, checkpoint=None), crashed(1, 0, 1), 2),
}


@pytest.mark.parametrize("facts", MORE_PROOF.values(), ids=MORE_PROOF)
def test_it_is_proven_when(facts: Facts) -> None:
    proof = find_proof(facts)
    assert proof is not None
    assert proof.name == "last-view"
    assert isinstance(decide(facts), Bootstrap)


def test_a_lost_volume_that_was_not_in_the_last_view_does_not_matter() -> None:
    """R9: what it held cannot have been the newest."""
    gone = blank(2, was_synced=True)
    assert isinstance(decide(seen_by(crashed(0, 0, 1), crashed(1, 0, 1), gone)), Bootstrap)
    assert isinstance(decide(seen_by(crashed(0, 0, 1, checkpoint=None), crashed(1, 0, 1, checkpoint=None), gone)), Hold)


def test_nothing_is_proven_below_the_floor() -> None:
    decision = decide(replace(two_of_three(), min_epoch=3))
    assert decision == Hold("epoch-floor", decision.reason)


def test_a_pod_whose_container_never_starts_need_not_promise() -> None:
    """It can start nothing by itself, and is waited for no longer than a pod that is off."""
    facts = seen_by(crashed(1, 0, 1), crashed(0, 0, 1, seqno=9), busy(2, Phase.STARTING, was_synced=True))
    decision = decide(facts)
    assert decision == Bootstrap("last-view", decision.reason)
    assert find_unbound(facts, Promise(1, 1, "run-1")) == [0, 1]


def last_one_out(**changes: Any) -> Facts:
    return Facts(frozen(0, 12, safe=True, **changes), {1: SILENT, 2: SILENT}, last_one_out=True)


def test_the_last_one_out_starts_alone_where_that_is_allowed() -> None:
    decision = decide(last_one_out())
    assert decision == Bootstrap("last-one-out", decision.reason)
    assert isinstance(decide(replace(last_one_out(), last_one_out=False)), Wait)


NOT_LAST = {
    "was not the only member": replace(last_one_out(), own=frozen(0, 12, safe=False)),
    "was killed": replace(last_one_out(), own=frozen(0, 12, CRASHED, safe=True)),
    "is behind another one": replace(last_one_out(), peers={1: frozen(1, 13), 2: SILENT}),
    "reaches a pod that is reading its datadir": replace(
        last_one_out(), peers={1: busy(1, Phase.RECOVERING), 2: SILENT}
    ),
    "reaches another server": replace(last_one_out(), peers={1: running(1, status="non-Primary"), 2: SILENT}),
}


@pytest.mark.parametrize("facts", NOT_LAST.values(), ids=NOT_LAST)
def test_it_is_not_the_last_one_out_when_it(facts: Facts) -> None:
    assert not isinstance(decide(facts), Bootstrap)


def test_a_server_that_is_left_alone_is_stopped_where_that_completes_a_proof() -> None:
    """The third pod was lost before, and without a stop the two wait for it.  No server can bring this one back."""
    for third in (2, busy(2, Phase.STARTING), busy(2, Phase.RECOVERING)):
        decision = decide(seen_by(non_primary(0, 0, 1), crashed(1, 0, 1), third))
        assert decision == Stop("stuck-server", decision.reason, alone=True)
    waits = decide(seen_by(crashed(1, 0, 1), non_primary(0, 0, 1), 2))
    assert isinstance(waits, Wait)


def test_it_is_given_longer_while_another_member_of_the_last_view_lives() -> None:
    members = (0, 1, 3)
    facts = seen_by(non_primary(0, *members), non_primary(3, *members), crashed(1, *members), 2)
    decision = decide(facts)
    assert decision == Stop("stuck-server", decision.reason)


NOT_STOPPED = {
    "a member is silent": seen_by(non_primary(0, 0, 1), 1, 2),
    "the dead one was not in the last view": seen_by(non_primary(0, 0, 1), crashed(2, 0, 1, 2, number=4), 1),
    "no pod is dead": seen_by(non_primary(0, 0, 1), non_primary(1, 0, 1), 2),
    "no member of the last view is dead": seen_by(non_primary(0, 0, epoch=3), frozen(2, 9, epoch=2), 1),
    "what it has committed is not known": seen_by(non_primary(0, 0, 1, seqno=-1), crashed(1, 0, 1, seqno=7), 2),
    "the checkpoint is beyond what both have": seen_by(non_primary(0, 0, 1, seqno=7), crashed(1, 0, 1, seqno=7), 2),
    "a sole survivor might have been outnumbered": seen_by(non_primary(0, 0), crashed(1, 1), 2),
    "the dead one is of another branch": seen_by(after(non_primary(0, 0, 1), 5), crashed(1, 0, 1, seqno=7), 2),
    "what it has committed is not known, and the other one has come as far as the checkpoint": seen_by(
        non_primary(0, 0, 1, seqno=-1), crashed(1, 0, 1), 2
    ),
    "a peer joins": seen_by(non_primary(0, 0, 1), crashed(1, 0, 1), busy(2, Phase.JOINING)),
}


@pytest.mark.parametrize("facts", NOT_STOPPED.values(), ids=NOT_STOPPED)
def test_it_is_not_stopped_when(facts: Facts) -> None:
    assert not isinstance(decide(facts), Stop)


def test_what_a_snapshot_of_a_sole_member_has_proven_is_not_joined_by_the_newer_disk() -> None:
    """The journal was put back with the data, so nothing on that volume shows that others have joined it since."""
    both = frozenset({0, 1})
    put_back = crashed(0, 0, seqno=50, checkpoint=40, expected=both, epoch=1)
    decision = decide(seen_by(put_back, 1))
    assert isinstance(decision, Bootstrap)
    assert decision.rule == "last-view"

    journal = PersistentState("c", "galera-0", "volume-0", epoch=1, promise=Promise(2, 0, "run-0"))
    learnt = before_bootstrap(journal, put_back.disk, first=False, forced=False)
    alive = running(0, 950, size=1, expected=both, epoch=2, bootstraps=learnt.bootstraps)
    holds = decide(seen_by(frozen(1, 900, CRASHED, expected=both, epoch=1), alive))
    assert isinstance(holds, Hold)
    assert holds.rule == "other-branch"


def test_the_view_that_a_join_removed_comes_back_if_the_data_have_not_moved() -> None:
    disk = crashed(1, 0, 1).disk
    assert disk is not None
    lost = lost_by_join(disk)
    bare = disk._replace(view=None)
    assert with_lost_view(bare, lost) == disk._replace(join_attempted=True)
    assert with_lost_view(bare._replace(position=Position(A, 11)), lost).view is None
    assert lost_by_join(bare) is None
