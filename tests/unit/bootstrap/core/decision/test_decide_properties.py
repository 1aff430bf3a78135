"""What holds for every cluster, whatever its pods say."""

from dataclasses import replace
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap, Hold, Join, Stop, Wait
from bootstrap.core.model import lineage
from bootstrap.core.model.disk import DataClass, Position
from bootstrap.core.model.facts import Facts, Phase, PodState, Unknown
from bootstrap.core.model.predicates import STARTABLE, bootstrap_position, position_to_keep, primaries
from tests.support.bootstrap.records import clusters, examples, frozen, views, words


@examples(120)
@given(clusters())
def test_decide_answers_for_everything_and_says_why(records: list[PodState]) -> None:
    for facts in views(records):
        decision = decide(facts)
        assert isinstance(decision, Bootstrap | Join | Wait | Hold | Stop)
        assert decision.reason
        assert decision.reason.isprintable()


@examples(100)
@given(clusters(), st.randoms(use_true_random=False))
def test_the_order_in_which_peers_answered_does_not_matter(records: list[PodState], random: Random) -> None:
    for facts in views(records):
        peers = list(facts.peers.items())
        random.shuffle(peers)
        assert decide(Facts(facts.own, dict(peers))) == decide(facts)


@examples(200)
@given(clusters())
def test_of_all_pods_that_see_the_same_at_most_one_bootstraps(records: list[PodState]) -> None:
    decisions = [decide(facts) for facts in views(records)]
    assert sum(isinstance(d, Bootstrap) and not d.forced for d in decisions) <= 1


@examples(200)
@given(clusters(), st.data())
def test_an_operators_word_never_goes_past_somebody_alive_or_somebody_who_was_not_named(
    records: list[PodState], data: st.DataObject
) -> None:
    for facts in views(records):
        heard = {o: r if data.draw(st.booleans()) else Unknown("silent") for o, r in facts.peers.items()}
        base, word = bootstrap_position(facts.own), facts.own.override or data.draw(words)
        facts = Facts(replace(facts.own, override=replace(word, base=base, adopt=False)), heard)  # noqa: PLW2901
        decision = decide(facts)
        if not isinstance(decision, Bootstrap) or not decision.forced:
            continue
        assert facts.own.phase is Phase.FROZEN
        assert base is not None
        for ordinal in facts.expected - {facts.own.ordinal}:
            peer = facts.peer(ordinal)
            if isinstance(peer, Unknown):
                assert ordinal in word.unreachable
                continue
            assert peer.phase is Phase.FROZEN
            mine = position_to_keep(peer)
            # The fork may be known from anybody: a joiner that was killed early does not know its origin.
            told = lineage.forks_known_to(facts.states)
            assert mine is None or lineage.contains(told, base, mine) or ordinal in word.accepted_ahead


@examples(120)
@given(clusters(), st.data())
def test_knowing_less_never_makes_anybody_bootstrap(records: list[PodState], data: st.DataObject) -> None:
    assume(len(records) > 1)
    for facts in views(records):
        ordinal = data.draw(st.sampled_from(sorted(facts.peers)))
        less = Facts(facts.own, facts.peers | {ordinal: Unknown("silent")})
        decision = decide(less)
        # A word excuses whom it names, and nobody else.
        word = facts.own.override
        forced = isinstance(decision, Bootstrap) and decision.forced
        forced = forced and word is not None and ordinal in word.unreachable
        assert forced or isinstance(decision, Wait | Hold | Join | Stop)


@examples(200)
@given(clusters())
def test_who_bootstraps_is_at_or_above_every_disk_and_nobody_lives(records: list[PodState]) -> None:
    for facts in views(records):
        decision = decide(facts)
        if not isinstance(decision, Bootstrap) or decision.forced:
            continue
        assert facts.expected == {r.ordinal for r in records}
        assert all(r.phase is Phase.FROZEN and r.primary_server is None for r in records)
        positions = [p for r in records if (p := position_to_keep(r))]
        own = bootstrap_position(facts.own)
        assert decision.first == (not positions)
        told = [fork for r in records for fork in r.lineage]
        for position in positions:
            assert own is not None
            # What a fork left behind was given up by a word that is on record; everything else must be contained.
            assert position.uuid != own.uuid or position.seqno <= own.seqno
            assert lineage.supersedes(told, own, position)


@examples(200)
@given(clusters())
def test_who_joins_holds_nothing_that_the_primary_does_not(records: list[PodState]) -> None:
    for facts in views(records):
        if not isinstance(decide(facts), Join):
            continue
        own, alive = position_to_keep(facts.own), list(primaries(facts).values())
        assert alive
        told = [fork for r in records for fork in r.lineage]
        now = [Position(s.uuid, s.last_committed) for s in alive]
        assert own is None or any(lineage.contains(told, p, own) for p in now) or len(told) > 1
        assert facts.own.promise is None or facts.own.promise.candidate == facts.own.ordinal


@examples(60)
@given(st.lists(st.tuples(st.sampled_from(sorted(STARTABLE)), st.integers(0, 4)), min_size=1, max_size=5))
def test_frozen_pods_with_one_history_always_have_a_winner(told: list[tuple[DataClass, int]]) -> None:
    everybody = frozenset(range(len(told)))
    records = [frozen(o, seqno, data_class, expected=everybody) for o, (data_class, seqno) in enumerate(told)]
    assert sum(isinstance(decide(facts), Bootstrap) for facts in views(records)) == 1
