"""What holds for every cluster, whatever its pods say."""

from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from bootstrap.decide import CANDIDATES, Bootstrap, Hold, Join, Stop, Wait, candidate, decide, held, primaries
from bootstrap.facts import DataClass, Facts, Phase, Record, Unknown
from tests.bootstrap.records import clusters, examples, frozen, views


@examples(120)
@given(clusters())
def test_decide_answers_for_everything_and_says_why(records: list[Record]) -> None:
    for facts in views(records):
        decision = decide(facts)
        assert isinstance(decision, Bootstrap | Join | Wait | Hold | Stop)
        assert decision.reason
        assert decision.reason.isprintable()


@examples(100)
@given(clusters(), st.randoms(use_true_random=False))
def test_the_order_in_which_peers_answered_does_not_matter(records: list[Record], random: Random) -> None:
    for facts in views(records):
        peers = list(facts.peers.items())
        random.shuffle(peers)
        assert decide(Facts(facts.own, dict(peers))) == decide(facts)


@examples(200)
@given(clusters())
def test_of_all_pods_that_see_the_same_at_most_one_bootstraps(records: list[Record]) -> None:
    assert sum(isinstance(decide(facts), Bootstrap) for facts in views(records)) <= 1


@examples(120)
@given(clusters(), st.data())
def test_knowing_less_never_makes_anybody_bootstrap(records: list[Record], data: st.DataObject) -> None:
    assume(len(records) > 1)
    for facts in views(records):
        ordinal = data.draw(st.sampled_from(sorted(facts.peers)))
        less = Facts(facts.own, facts.peers | {ordinal: Unknown("silent")})
        assert not isinstance(decide(less), Bootstrap)
        assert isinstance(decide(less), Wait | Hold | Join)


@examples(200)
@given(clusters())
def test_who_bootstraps_is_at_or_above_every_disk_and_nobody_lives(records: list[Record]) -> None:
    for facts in views(records):
        decision = decide(facts)
        if not isinstance(decision, Bootstrap):
            continue
        assert facts.expected == {r.ordinal for r in records}
        assert all(r.phase is Phase.FROZEN and r.primary is None for r in records)
        positions = [p for r in records if (p := held(r))]
        own = candidate(facts.own)
        assert decision.first == (not positions)
        assert all(own is not None and p.uuid == own.uuid and p.seqno <= own.seqno for p in positions)


@examples(200)
@given(clusters())
def test_who_joins_holds_nothing_that_the_primary_does_not(records: list[Record]) -> None:
    for facts in views(records):
        if not isinstance(decide(facts), Join):
            continue
        own, alive = held(facts.own), list(primaries(facts).values())
        assert alive
        assert own is None or any(s.uuid == own.uuid and s.last_committed >= own.seqno for s in alive)
        assert facts.own.promise is None or facts.own.promise.winner == facts.own.ordinal


@examples(60)
@given(st.lists(st.tuples(st.sampled_from(sorted(CANDIDATES)), st.integers(0, 4)), min_size=1, max_size=5))
def test_frozen_pods_with_one_history_always_have_a_winner(told: list[tuple[DataClass, int]]) -> None:
    everybody = frozenset(range(len(told)))
    records = [frozen(o, seqno, data_class, expected=everybody) for o, (data_class, seqno) in enumerate(told)]
    assert sum(isinstance(decide(facts), Bootstrap) for facts in views(records)) == 1
