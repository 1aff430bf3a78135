"""What holds of the proof `last-view` for every outage: only the members of the last view prove it, all together."""

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap
from bootstrap.core.decision.election import find_unbound
from bootstrap.core.decision.quorum import find_proof
from bootstrap.core.model.disk import DataClass
from bootstrap.core.model.facts import Facts, Phase, PodState, Promise
from bootstrap.core.model.predicates import bootstrap_position, disk_of, is_frozen
from bootstrap.core.model.unknown import Unknown
from tests.support.bootstrap.records import SILENT, blank, busy, examples, frozen, in_view, member, seen_by

Outage = tuple[list[PodState | int], frozenset[int]]


@st.composite
def pods(draw: st.DrawFn, ordinal: int, members: frozenset[int], everybody: frozenset[int]) -> PodState | int:
    """A member of the view that was killed, with or without a checkpoint; or another pod of any kind, often silent."""
    seqno, epoch = draw(st.integers(0, 4)), draw(st.integers(1, 2))
    if ordinal in members:
        pod = member(ordinal, seqno + 3, DataClass.CRASHED, expected=everybody, epoch=2)
        return in_view(pod, *sorted(members), checkpoint=draw(st.none() | st.integers(0, 6)))
    old: dict[str, Any] = {"expected": everybody, "epoch": epoch}
    kinds: list[PodState | int] = [
        *(ordinal, ordinal, ordinal),
        frozen(ordinal, seqno, **old),
        member(ordinal, seqno, **old),
        in_view(member(ordinal, seqno, DataClass.CRASHED, **old), *everybody, number=4),
        blank(ordinal, expected=everybody),
        blank(ordinal, expected=everybody, volume_id="new"),
        blank(ordinal, DataClass.UNKNOWN, expected=everybody),
        busy(ordinal, Phase.RECOVERING, expected=everybody),
    ]
    return draw(st.sampled_from(kinds))


@st.composite
def outages(draw: st.DrawFn) -> Outage:
    """Two to five pods, and which of them were members of one view."""
    everybody = frozenset(range(draw(st.integers(2, 5))))
    members = draw(st.frozensets(st.sampled_from(sorted(everybody)), min_size=1))
    return [draw(pods(o, members, everybody)) for o in sorted(everybody)], members


def seen_by_each(pods: list[PodState | int]) -> Iterable[Facts]:
    """The outage as every pod sees it that answers."""
    for own in pods:
        if isinstance(own, PodState):
            yield seen_by(own, *(other for other in pods if other is not own))


def is_proven(facts: Facts) -> bool:
    decision = decide(facts)
    return isinstance(decision, Bootstrap) and decision.rule == "last-view"


def with_peer(facts: Facts, ordinal: int, peer: PodState | Unknown) -> Facts:
    return replace(facts, peers={**facts.peers, ordinal: peer})


@examples(200)
@given(outages())
def test_the_pod_that_starts_by_the_last_view_is_its_most_advanced_member_and_has_all_answers(outage: Outage) -> None:
    pods, members = outage
    starters = [facts for facts in seen_by_each(pods) if is_proven(facts)]
    assert len(starters) <= 1
    for facts in starters:
        own = bootstrap_position(facts.own)
        assert own is not None
        assert facts.own.ordinal in members
        positions = {pod.ordinal: bootstrap_position(pod) for pod in facts.states if pod.phase is Phase.FROZEN}
        assert members <= positions.keys()
        assert all(position is None or position <= own for position in positions.values())
        assert [pod for pod in facts.states if pod.view_checkpoint and pod.view_checkpoint.position <= own]
        # Every pod that answers with a position must promise; only those that can start nothing are excused.
        promise = Promise(1, facts.own.ordinal, facts.own.run_id)
        assert set(positions) - {p.ordinal for p in facts.states if not is_frozen(p)} <= set(
            find_unbound(facts, promise)
        )
        assert all(pod.has_no_server for pod in pods if isinstance(pod, PodState))
        # An empty volume, and one of which nothing is known, is counted with the silent pods: they may have gone on.
        vouched = {pod.ordinal for pod in facts.states if pod.was_synced}
        assert len(pods) - len(members | vouched) <= len(members) // 2 + 1


@examples(200)
@given(outages(), st.data())
def test_without_one_member_or_with_one_that_knows_a_newer_view_nothing_is_proven(
    outage: Outage, data: st.DataObject
) -> None:
    pods, members = outage
    for facts in seen_by_each(pods):
        if not is_proven(facts) or len(members) < 2:
            continue
        ordinal = data.draw(st.sampled_from(sorted(members - {facts.own.ordinal})))
        peer = facts.peer(ordinal)
        assert isinstance(peer, PodState)
        disk = disk_of(peer)
        assert disk.view is not None
        newer = disk._replace(view=disk.view._replace(view_seq=disk.view.view_seq + 1))
        for other in (SILENT, replace(peer, disk=newer), replace(peer, disk=disk._replace(view=None))):
            assert find_proof(with_peer(facts, ordinal, other)) is None
        assert not isinstance(decide(with_peer(facts, ordinal, SILENT)), Bootstrap)


@examples(100)
@given(outages(), st.randoms(use_true_random=False))
def test_the_order_of_answers_and_of_members_does_not_matter(outage: Outage, random: Random) -> None:
    for facts in seen_by_each(outage[0]):
        peers = list(facts.peers.items())
        random.shuffle(peers)
        assert decide(replace(facts, peers={o: shuffled(peer, random) for o, peer in peers})) == decide(facts)


def shuffled(peer: PodState | Unknown, random: Random) -> PodState | Unknown:
    """The same pod, with its view's members in another order."""
    if isinstance(peer, Unknown) or peer.disk is None or peer.disk.view is None:
        return peer
    view = peer.disk.view
    members = tuple(random.sample(view.members, len(view.members)))
    return replace(peer, disk=peer.disk._replace(view=view._replace(members=members)))


def test_some_of_these_outages_are_proven() -> None:
    """So that the properties are about something."""
    facts = seen_by(
        in_view(frozen(0, 5, DataClass.CRASHED, epoch=2), 0, 1, checkpoint=3),
        in_view(frozen(1, 4, DataClass.CRASHED, epoch=2), 0, 1),
        2,
    )
    assert is_proven(facts)
