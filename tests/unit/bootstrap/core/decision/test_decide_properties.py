"""What holds for every cluster, whatever its pods report."""

from dataclasses import replace
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap, Hold, Join, Stop, Wait
from bootstrap.core.model import branches, lineage
from bootstrap.core.model.branches import Copy
from bootstrap.core.model.disk import STARTABLE, DataClass, Position
from bootstrap.core.model.facts import Facts, Phase, PodState
from bootstrap.core.model.predicates import best_informed_member, bootstrap_position, position_to_keep, primaries
from bootstrap.core.model.unknown import Unknown
from tests.support.bootstrap.records import SILENT, clusters, examples, frozen, overrides, views


@examples(120)
@given(clusters())
def test_decide_answers_for_everything_and_gives_a_reason(pods: list[PodState]) -> None:
    for facts in views(pods):
        decision = decide(facts)
        assert isinstance(decision, Bootstrap | Join | Wait | Hold | Stop)
        assert decision.reason
        assert decision.reason.isprintable()


@examples(100)
@given(clusters(), st.randoms(use_true_random=False))
def test_the_order_in_which_peers_answered_does_not_matter(pods: list[PodState], random: Random) -> None:
    for facts in views(pods):
        peers = list(facts.peers.items())
        random.shuffle(peers)
        assert decide(Facts(facts.own, dict(peers))) == decide(facts)


@examples(200)
@given(clusters())
def test_of_all_pods_that_see_the_same_at_most_one_bootstraps(pods: list[PodState]) -> None:
    decisions = [decide(facts) for facts in views(pods)]
    assert sum(isinstance(d, Bootstrap) and not d.forced for d in decisions) <= 1


@examples(200)
@given(clusters(), st.data())
def test_an_override_never_starts_beside_a_live_server_or_without_a_pod_that_it_does_not_name(
    pods: list[PodState], data: st.DataObject
) -> None:
    for facts in views(pods):
        peers = {o: peer if data.draw(st.booleans()) else SILENT for o, peer in facts.peers.items()}
        base, override = bootstrap_position(facts.own), facts.own.override or data.draw(overrides)
        facts = Facts(replace(facts.own, override=override._replace(base=base, adopt=False)), peers)  # noqa: PLW2901
        decision = decide(facts)
        if not isinstance(decision, Bootstrap) or not decision.forced:
            continue
        assert facts.own.phase is Phase.FROZEN
        assert base is not None
        for ordinal in facts.expected - {facts.own.ordinal}:
            peer = facts.peer(ordinal)
            if isinstance(peer, Unknown):
                assert ordinal in override.unreachable
                continue
            assert peer.phase is Phase.FROZEN
            mine = position_to_keep(peer)
            # Any pod may know the fork: a joiner that was killed early does not know its own origin.
            known = lineage.forks_known_to(facts.states)
            theirs = None if mine is None else Copy(mine, peer.bootstraps)
            contained = theirs is None or lineage.contains(known, Copy(base, facts.own.bootstraps), theirs)
            assert contained or ordinal in override.accepted_ahead


@examples(120)
@given(clusters(), st.data())
def test_knowing_less_never_makes_a_pod_bootstrap(pods: list[PodState], data: st.DataObject) -> None:
    assume(len(pods) > 1)
    for facts in views(pods):
        ordinal = data.draw(st.sampled_from(sorted(facts.peers)))
        less = Facts(facts.own, facts.peers | {ordinal: SILENT})
        decision = decide(less)
        # An override excuses the pods that it names, and no others.
        override = facts.own.override
        forced = isinstance(decision, Bootstrap) and decision.forced
        forced = forced and override is not None and ordinal in override.unreachable
        assert forced or isinstance(decision, Wait | Hold | Join | Stop)


@examples(200)
@given(clusters())
def test_the_pod_that_bootstraps_is_at_or_above_every_disk_and_no_server_lives(pods: list[PodState]) -> None:
    for facts in views(pods):
        decision = decide(facts)
        if not isinstance(decision, Bootstrap) or decision.forced:
            continue
        assert facts.expected == {pod.ordinal for pod in pods}
        assert all(pod.phase is Phase.FROZEN and pod.primary_server is None for pod in pods)
        positions = [(p, pod.bootstraps) for pod in pods if (p := position_to_keep(pod))]
        own = bootstrap_position(facts.own)
        assert decision.first == (not positions)
        # The leading history is found by the forks of the pods with data; a blank pod may report another origin.
        known, with_data = lineage.forks_known_to(pods), lineage.forks_known_to(filter(bootstrap_position, pods))
        for position, bootstraps in positions:
            assert own is not None
            # The same numbers are the same commits, as far as is known.
            parted = branches.part_after(bootstraps, facts.own.bootstraps, position.uuid, position.seqno)
            assert position.uuid != own.uuid or parted is None
            # What a fork left behind was given up by an override; everything else must be contained.
            assert position.uuid != own.uuid or position.seqno <= own.seqno
            assert any(lineage.supersedes(forks, own, position) for forks in (known, with_data))


@examples(200)
@given(clusters())
def test_a_pod_that_joins_holds_nothing_that_the_primary_does_not(pods: list[PodState]) -> None:
    for facts in views(pods):
        if not isinstance(decide(facts), Join):
            continue
        own, alive = position_to_keep(facts.own), list(primaries(facts).values())
        assert alive
        known = [fork for pod in pods for fork in pod.lineage]
        now = [Position(s.uuid, s.last_committed) for s in alive]
        member = best_informed_member(facts.answers)
        if own is not None and len(known) < 2:
            assert member is not None
            mine = Copy(own, facts.own.bootstraps)
            assert any(lineage.contains(known, Copy(p, member.bootstraps), mine) for p in now)
        assert facts.own.promise is None or facts.own.promise.candidate == facts.own.ordinal


@examples(60)
@given(st.lists(st.tuples(st.sampled_from(sorted(STARTABLE)), st.integers(0, 4)), min_size=1, max_size=5))
def test_frozen_pods_with_one_history_always_have_a_candidate(disks: list[tuple[DataClass, int]]) -> None:
    everybody = frozenset(range(len(disks)))
    pods = [frozen(o, seqno, data_class, expected=everybody) for o, (data_class, seqno) in enumerate(disks)]
    assert sum(isinstance(decide(facts), Bootstrap) for facts in views(pods)) == 1
