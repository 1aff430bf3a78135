"""What people and monitoring see, exactly, and each condition of it by itself."""

import json

import pytest

from bootstrap.core.decision.decisions import Hold, Wait
from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.core.model.facts import Facts, Phase, Promise
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.status.counters import Counters, Failure, Round, add_failure, add_round, restrict_to
from bootstrap.core.status.events import Event, EventLogInvalidError, dump, load
from bootstrap.core.status.metrics.families import pod_metrics
from bootstrap.core.status.metrics.text_format import Family, render
from bootstrap.core.status.probes import Details, Readiness, find_readiness
from bootstrap.core.status.summary import Ahead, find_ahead, find_awaited
from bootstrap.core.system_tables.rules import Stage
from tests.support.bootstrap.records import A, B, blank, busy, crashed, frozen, running, seen_by
from tests.unit.bootstrap.core.status.test_probes import SYNCED, view

# Counters.


def test_the_first_round_counts_also_if_it_decides_as_an_agent_begins() -> None:
    first = add_round(Counters(), Round(10.0, "wait", "start", "down", frozenset(), {}))
    assert first == Counters("wait", "start", 10.0, "down", 10.0, {("wait", "start"): 1})
    assert add_round(first, Round(11.0, "wait", "start", "down", frozenset(), {})) == first
    hold = add_round(first, Round(12.0, "hold", "start", "healthy", frozenset(), {}))
    assert (hold.kind, hold.rule, hold.since) == ("hold", "start", 12.0)
    assert (hold.health, hold.health_since) == ("healthy", 12.0)


def test_failures_are_counted_for_one_container_after_the_other() -> None:
    first = add_failure(None, "bootstrap", "x", 5.0)
    assert first == Failure("bootstrap", "x", 1, 5.0)
    assert add_failure(first, "bootstrap", "y", 6.0) == Failure("bootstrap", "y", 2, 5.0)
    assert add_failure(first, "mysql", "y", 6.0) == Failure("mysql", "y", 1, 6.0)
    assert Counters().health == ""


def test_a_pod_that_is_expected_keeps_its_counts() -> None:
    counters = Counters(asked={1: 2, 2: 3}, failures={1: 1, 2: 2})
    assert restrict_to(counters, {1}) == Counters(asked={1: 2}, failures={1: 1})


# Events.

EVENT = {"n": 1, "time": "t", "kind": "agent", "text": "x"}


def test_the_log_is_utf_8_with_an_event_a_line() -> None:
    lines = dump((Event(1, "t", "agent", "\N{SNOWMAN}"), Event(2, "t", "hold", "y"))).decode().splitlines()
    assert lines[0] == '{"version": 1, "events": ['
    assert lines[1] == '{"n": 1, "time": "t", "kind": "agent", "text": "\N{SNOWMAN}"},'
    assert lines[-1] == "]}"
    full = Event(3, "t", "peer", "x", "silent", ("mysql-1",))
    assert dump((full,)).decode().splitlines()[1] == (
        '{"n": 3, "time": "t", "kind": "peer", "text": "x", "word": "silent", "pods": ["mysql-1"]}'
    )
    assert dump((Event(1, "t", "agent", ""),)).decode().splitlines()[1].endswith('"text": ""}')


@pytest.mark.parametrize("key", EVENT)
def test_an_event_of_the_wrong_shape_is_refused(key: str) -> None:
    assert load(json.dumps({"version": 1, "events": [EVENT]}).encode()) == (Event(1, "t", "agent", "x"),)
    with pytest.raises(EventLogInvalidError):
        load(json.dumps({"version": 1, "events": [EVENT | {key: ["x"]}]}).encode())


# Probes and metrics.


def test_an_old_answer_of_a_server_that_has_ended_does_not_count() -> None:
    assert view(lifecycle=Lifecycle(starter=True, server=SYNCED)).server is None
    assert view().server == SYNCED


def test_a_member_beside_others_of_its_history_is_ready() -> None:
    assert find_readiness(view(SYNCED, running(1, epoch=4), running(2, epoch=9))) is Readiness.READY


DETAILS = Details(
    "galera",
    "1.2.3",
    100.0,
    Counters(),
    7,
    is_promised=True,
    bytes_received=None,
    ended=0,
    failed_starts=0,
    has_journal_error=False,
    tables=Stage.CURRENT,
    failed_upgrades=0,
    has_dns=True,
)


def shown(lifecycle: Lifecycle, details: Details = DETAILS) -> dict[str, object]:
    families = pod_metrics(view(lifecycle=lifecycle), details)
    return {family.name: family.samples for family in families}


def waiting(disk: Disk | None) -> Lifecycle:
    return Lifecycle(starter=True, disk=disk)


def test_the_history_is_that_of_the_server_or_of_the_disk() -> None:
    live = view().lifecycle._replace(disk=Disk(DataClass.CLEAN, Position(B, 3)))
    assert shown(live)["cluster_info"] == (({"uuid": A}, 1.0),)
    assert shown(waiting(Disk(DataClass.CLEAN, Position(B, 0))))["cluster_info"] == (({"uuid": B}, 1.0),)
    assert shown(waiting(Disk(DataClass.CLEAN, Position(B, 0))))["position_seqno"] == (({}, 0),)
    for unknown in (waiting(Disk(DataClass.EMPTY)), waiting(None)):
        assert (shown(unknown)["cluster_info"], shown(unknown)["position_seqno"]) == ((), ())


def test_a_text_that_is_not_known_has_no_sample() -> None:
    details = DETAILS._replace(counters=Counters(rule=""))
    assert shown(waiting(None), details)["decision_info"] == ()
    assert shown(waiting(None))["decision_info"] == (({"kind": "wait", "rule": "start"}, 1.0),)


def test_labels_and_helps_are_escaped() -> None:
    family = Family("up", 'a \\ "b"\nc', (({"peer": 'x\\"y"\n'}, 1.0), ({}, 0.25)), "counter")
    assert render("p", [family]) == (
        '# HELP p_up a \\\\ "b"\\nc\n# TYPE p_up counter\np_up{peer="x\\\\\\"y\\"\\n"} 1\np_up 0.250\n'
    )


# The summary.


@pytest.mark.parametrize(
    ("facts", "ahead"),
    [
        (seen_by(frozen(0, 9), frozen(1, 8), 2), Ahead((0,), Position(A, 9), primary=False, sure=False)),
        (seen_by(frozen(0, 9), frozen(1, 9), blank(2)), Ahead((0, 1), Position(A, 9), primary=False, sure=True)),
        (seen_by(running(0, 9), running(1, 10), frozen(2, 99)), Ahead((1,), Position(A, 10), primary=True, sure=True)),
        (seen_by(running(0, 9), running(1, 9), 2), Ahead((0, 1), Position(A, 9), primary=True, sure=False)),
        (seen_by(running(0), running(1, uuid=B), frozen(2)), None),
        (seen_by(frozen(0), frozen(1, uuid=B), frozen(2)), None),
    ],
    ids=["one disk", "two disks", "a member", "two members", "two clusters", "two histories"],
)
def test_a_pod_is_ahead(facts: Facts, ahead: Ahead | None) -> None:
    assert find_ahead(facts) == ahead


WAIT = Wait("all-heard", "x")


def test_a_pod_waits_for_those_that_do_not_count_or_for_the_one_that_acts() -> None:
    assert find_awaited(seen_by(frozen(0), frozen(1), 2), WAIT) == {2: "unknown: silent"}
    assert find_awaited(seen_by(frozen(0, 5), frozen(1, 9), frozen(2)), WAIT) == {2: "it is the candidate"}
    assert find_awaited(seen_by(blank(1), blank(0), blank(2, DataClass.INITIALIZED)), WAIT) == {
        2: "it is the candidate"
    }
    made = [blank(o, DataClass.INITIALIZED) for o in (0, 1)]
    assert find_awaited(seen_by(blank(2), *made), WAIT) == {0: "it is the candidate"}
    assert find_awaited(seen_by(crashed(1, 0, 1), crashed(0, 0, 1), 2), WAIT) == {0: "it is the candidate"}
    assert find_awaited(seen_by(frozen(0, 99), frozen(1), frozen(2)), WAIT) == {}
    assert find_awaited(seen_by(busy(0, Phase.RECOVERING), 1, 2), WAIT) == {}
    assert find_awaited(seen_by(frozen(0), 1, 2), Hold("x", "y")) == {}


def test_a_pod_waits_for_the_candidate_only_where_it_waits_for_its_promise() -> None:
    promised = Wait("promised", "x")
    theirs, mine = Promise(3, 1, "run-1"), Promise(3, 0, "run-0")
    silent = {2: "unknown: silent"}
    assert find_awaited(seen_by(frozen(0, promise=theirs), frozen(1), 2), promised) == {
        1: "it is the candidate of term 3"
    }
    assert find_awaited(seen_by(frozen(0, promise=theirs), frozen(1), 2), WAIT) == silent
    assert find_awaited(seen_by(frozen(0, promise=mine), frozen(1), 2), promised) == silent
    assert find_awaited(seen_by(frozen(0), frozen(1), 2), promised) == silent
