"""Which pods are ahead, missing or waited for, and since when; for any cluster, and for those that people meet."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.agent.recorder import Recorder, describe_moment
from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Hold, RoundResult, Wait
from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.core.model.facts import Facts, Phase, PodState, Promise
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.status.counters import Counters, Round, add_round, restrict_to
from bootstrap.core.status.health import describe_health
from bootstrap.core.status.place import Place
from bootstrap.core.status.steps import find_steps
from bootstrap.core.status.summary import Ahead, find_ahead, find_awaited, find_missing
from tests.support.bootstrap.records import A, B, blank, busy, clusters, examples, frozen, running, seen_by

HERE = Place("db", "galera", "galera")


def waits(facts: Facts) -> dict[int, str]:
    return find_awaited(facts, decide(facts))


@given(clusters(), st.frozensets(st.integers(0, 4)))
@examples(300)
def test_every_cluster_can_be_described(cluster: list[PodState], silent: frozenset[int]) -> None:
    own, *others = cluster
    facts = seen_by(own, *(r.ordinal if r.ordinal in silent else r for r in others))
    decision = decide(facts)
    found = find_ahead(facts)
    assert found is None or not (found.sure and find_missing(facts))
    assert isinstance(decision, Wait) or not find_awaited(facts, decision)
    if isinstance(decision, Hold):
        assert find_steps(facts, decision, HERE)
    assert describe_health(facts, decision).line
    recorder = Recorder()
    faults: list[str] = []
    recorder.note_round(facts, RoundResult(decision), faults.append)
    recorder.note_round(facts, RoundResult(decision), faults.append)
    assert faults == []


def test_the_newest_disk_is_ahead_and_not_for_sure_while_a_pod_is_silent() -> None:
    assert find_ahead(seen_by(frozen(0, 5), frozen(1, 9), frozen(2, 9))) == Ahead((1, 2), Position(A, 9), False, True)
    assert find_ahead(seen_by(frozen(0, 5), frozen(1, 4), 2)) == Ahead((0,), Position(A, 5), False, False)


@pytest.mark.parametrize(
    "other",
    [
        blank(1, DataClass.UNKNOWN),
        replace(frozen(1), disk=Disk(DataClass.SST_INTERRUPTED, transfer_may_be_complete=True)),
        blank(1, was_synced=True),
        frozen(1, 5, volume_id="new"),
    ],
    ids=["unreadable", "a transfer that may have ended", "emptied", "another volume"],
)
def test_the_newest_disk_is_not_so_for_sure_beside_one_of_which_that_is_not_known(other: PodState) -> None:
    remembers = frozen(0, 9, volumes=((1, "volume-1"),))
    found = find_ahead(seen_by(remembers, other, frozen(2, 5)))
    assert found == Ahead((0,), Position(A, 9), primary=False, sure=False)
    assert find_ahead(seen_by(remembers, frozen(1, 5), frozen(2, 5))) == found._replace(sure=True)
    lives = find_ahead(seen_by(running(0, 9), other, running(2, 9)))
    assert lives is not None
    assert lives.sure


def test_a_primary_member_is_ahead_of_every_disk() -> None:
    assert find_ahead(seen_by(frozen(0, 50), running(1, 9), running(2, 8))) == Ahead((1,), Position(A, 9), True, True)
    assert find_ahead(seen_by(running(0, 9), 1, 2)) == Ahead((0,), Position(A, 9), True, False)


def test_no_pod_is_ahead_where_no_pod_has_data_or_the_histories_differ() -> None:
    assert find_ahead(seen_by(blank(0), blank(1), blank(2))) is None
    assert find_ahead(seen_by(frozen(0), frozen(1, uuid=B), 2)) is None
    assert find_ahead(seen_by(running(0), running(1, uuid=B))) is None


def test_a_pod_waits_for_pods_that_are_silent_or_busy() -> None:
    facts = seen_by(frozen(0), busy(1, Phase.RECOVERING), 2)
    assert waits(facts) == {1: "recovering", 2: "unknown: silent"}
    assert find_missing(facts) == {2: "silent"}


def test_a_pod_waits_for_the_candidate() -> None:
    assert waits(seen_by(frozen(0, 5), frozen(1, 9), frozen(2, 5))) == {1: "it is the candidate"}
    assert waits(seen_by(blank(1), blank(0), blank(2))) == {0: "it is the candidate"}
    assert waits(seen_by(frozen(1, 9), frozen(0, 5), frozen(2, 5))) == {}


def test_a_bound_pod_waits_for_the_candidate_of_its_promise() -> None:
    bound = replace(frozen(0), promise=Promise(3, 2, "run-2"))
    assert waits(seen_by(bound, frozen(1), 2)) == {2: "it is the candidate of term 3"}


def test_a_pod_with_a_live_server_or_one_that_holds_waits_for_no_other() -> None:
    assert waits(seen_by(running(0), 1, 2)) == {}
    assert waits(seen_by(frozen(0, uuid=B), frozen(1), frozen(2))) == {}


# Since when, how often.


def turn(counters: Counters, now: float, *silent: int, kind: str = "wait", rule: str = "all-heard") -> Counters:
    answered = {o: o not in silent for o in (1, 2)}
    return add_round(counters, Round(now, kind, rule, "down", frozenset(silent), answered))


def test_a_wait_is_counted_once_and_its_time_goes_on_while_the_awaited_pods_change() -> None:
    counters = turn(turn(turn(Counters(), 10.0, 1, 2), 11.0, 2), 12.0, 1, 2)
    assert (counters.since, counters.decisions) == (10.0, {("wait", "all-heard"): 1})
    assert (counters.awaited, counters.silent) == ({1: 12.0, 2: 10.0}, {1: 12.0, 2: 10.0})
    assert (counters.asked, counters.failures) == ({1: 3, 2: 3}, {1: 2, 2: 3})


def test_another_decision_starts_a_new_time_and_the_first_one_counts_again_when_it_comes_back() -> None:
    counters = turn(turn(turn(Counters(), 10.0, 1), 11.0, kind="hold", rule="own-disk"), 12.0, 1)
    assert counters.since == 12.0
    assert counters.decisions == {("wait", "all-heard"): 2, ("hold", "own-disk"): 1}


def test_a_pod_that_is_no_longer_expected_leaves_no_count_behind() -> None:
    counters = restrict_to(turn(Counters(), 1.0, 2), {0, 1})
    assert (counters.asked, counters.failures) == ({1: 1}, {})


def test_a_moment_is_shown_in_utc_and_in_seconds() -> None:
    time, seconds = describe_moment(0.0)
    assert time.endswith("Z")
    assert isinstance(seconds, float)
    assert seconds >= 0


# Events of rounds.


def rounds(*views: Facts) -> list[tuple[str, str]]:
    recorder, faults = Recorder(), list[str]()
    for facts in views:
        recorder.note_round(facts, RoundResult(decide(facts)), faults.append)
    assert faults == []
    return [(event.kind, event.text) for event in recorder.log]


def test_a_peer_that_falls_silent_and_answers_again_is_two_events() -> None:
    answering, silent = seen_by(frozen(0), frozen(1), frozen(2)), seen_by(frozen(0), frozen(1), 2)
    assert rounds(silent, silent) == []  # it has never answered: nothing has happened
    assert rounds(answering, silent, silent, answering) == [
        ("peer", "galera-2 does not answer: silent"),
        ("peer", "galera-2 answers after 0 s"),
    ]


def test_commits_are_no_events_and_a_change_of_the_component_is_one() -> None:
    smaller = replace(running(0, 12), server=replace(running(0, 12).server, size=2))  # type: ignore[type-var]
    found = rounds(*(seen_by(own) for own in (running(0, 10), running(0, 11), smaller, frozen(0))))
    assert found == [
        ("server", f"Synced, Primary with 3 members, history {A}"),
        ("server", f"Synced, Primary with 2 members, history {A}"),
        ("server", "no server answers, this pod is frozen"),
    ]


def test_a_fault_in_the_summary_stops_nothing_else() -> None:
    logged: list[str] = []
    facts = seen_by(frozen(0), 1)
    broken = replace(facts, peers={1: Unknown(7)})  # type: ignore[arg-type]
    object.__setattr__(broken, "own", None)
    Recorder().note_round(broken, RoundResult(Wait("all-heard", "x")), logged.append)
    assert len(logged) == 1
    assert logged[0].startswith("this round is not counted: ")
