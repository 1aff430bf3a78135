"""What each pod was doing, from the events of all pods."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.model.facts import Phase
from bootstrap.core.status.events import KINDS
from bootstrap.core.status.timeline.lanes import Lane, Log, Span, State, draw_lanes
from tests.support.bootstrap.outage import FIRST, SECOND, SYNCED, THIRD, log, written
from tests.support.bootstrap.records import examples


def states(lane: Lane) -> list[tuple[float, State]]:
    return [(span.start, span.state) for span in lane.spans]


def test_a_power_cut_and_the_way_back() -> None:
    lane, _, _ = draw_lanes([FIRST, SECOND, THIRD], 40.0)
    assert lane.spans == (
        Span(0.0, 10.0, State.SYNCED),
        Span(10.0, 20.0, State.DOWN),
        Span(20.0, 22.0, State.STARTING),
        Span(22.0, 25.0, State.WAITING, ("mysql-1", "mysql-2")),
        Span(25.0, 31.0, State.WAITING, ("mysql-2",)),
        Span(31.0, 32.0, State.BOOTSTRAPPING),
        Span(32.0, 33.0, State.SYNCED),
        Span(33.0, 35.0, State.DONOR),
        Span(35.0, 40.0, State.SYNCED),
    )


def test_without_events_there_is_no_lane() -> None:
    assert draw_lanes([], 5.0) == ()
    assert draw_lanes([log("mysql-0")], 5.0) == ()


def test_all_lanes_begin_with_the_first_event_and_end_with_the_last_at_least() -> None:
    late = log("mysql-0", (7.0, "phase", "frozen"), (9.0, "phase", "joining"))
    early = log("mysql-1", (3.0, "phase", "frozen"))
    assert draw_lanes([late, early], 5.0) == (
        Lane("mysql-0", (Span(3, 7, State.UNKNOWN), Span(7, 9, State.WAITING)), has_log=True),
        Lane("mysql-1", (Span(3, 9, State.WAITING),), has_log=True),
    )
    assert draw_lanes([early], 3.0)[0].spans == (Span(3, 4, State.WAITING),)


def test_an_agent_that_finds_its_server_alive_was_no_outage() -> None:
    again = log("mysql-0", *SYNCED, (10.0, "agent", written(9)), (11.0, "phase", "running"), (11.0, "server", "Synced"))
    (lane,) = draw_lanes([again], 20.0)
    assert lane.spans == (Span(0.0, 20.0, State.SYNCED),)


def test_what_a_surviving_agent_says_before_its_phase_does_not_matter() -> None:
    again = log("mysql-0", *SYNCED, (9.0, "agent", ""), (9.5, "decision", "wait"), (10.0, "phase", "running"))
    assert draw_lanes([again], 20.0)[0].spans == (Span(0.0, 20.0, State.SYNCED),)


def test_an_agent_that_has_said_nothing_yet_was_down_before() -> None:
    (lane,) = draw_lanes([log("mysql-0", *SYNCED, (10.0, "agent", written(4)))], 20.0)
    assert states(lane) == [(0.0, State.SYNCED), (4.0, State.DOWN), (10.0, State.STARTING)]


def test_a_first_start_had_nothing_before() -> None:
    (lane,) = draw_lanes([log("mysql-0", (5.0, "agent", written(2)), (6.0, "phase", "frozen"))], 20.0)
    assert states(lane) == [(5.0, State.STARTING), (6.0, State.WAITING)]


def test_an_agent_that_was_killed_again_at_once_has_found_nothing() -> None:
    twice = log("mysql-0", *SYNCED, (10.0, "agent", ""), (12.0, "agent", ""), (13.0, "phase", "running"))
    (lane,) = draw_lanes([twice], 20.0)
    assert (10.0, State.STARTING) in states(lane)


@pytest.mark.parametrize(
    ("word", "down"),
    [
        ("", 0.0),
        (written(7), 7.0),
        (written(10), 0.0),  # not before the agent's start: another clock, or another volume
        (written(12), 0.0),
    ],
)
def test_a_pod_is_down_from_its_last_sign_of_life_on(word: str, down: float) -> None:
    (lane,) = draw_lanes([log("mysql-0", *SYNCED, (10.0, "agent", word), (10.0, "phase", "starting"))], 20.0)
    assert (down, State.DOWN) in states(lane)
    assert (10.0, State.STARTING) in states(lane)


def test_a_pod_that_was_up_all_the_time_knows_when_it_no_longer_heard_another() -> None:
    lost = log("mysql-0", *SYNCED, (10.0, "agent", written(3)), (10.0, "phase", "starting"))
    witness = log("mysql-1", *SYNCED, (5.0, "peer", "silent", ("mysql-0",)))
    assert (5.0, State.DOWN) in states(draw_lanes([lost, witness], 20.0)[0])


def test_a_pod_that_was_down_itself_is_no_witness() -> None:
    lost = log("mysql-0", *SYNCED, (10.0, "agent", written(3)), (10.0, "phase", "starting"))
    started = log("mysql-1", *SYNCED, (4.0, "agent", ""), (5.0, "peer", "silent", ("mysql-0",)))
    assert (3.0, State.DOWN) in states(draw_lanes([lost, started], 20.0)[0])
    at_once = log("mysql-1", *SYNCED, (3.0, "agent", ""), (5.0, "peer", "silent", ("mysql-0",)))
    assert (5.0, State.DOWN) in states(draw_lanes([lost, at_once], 20.0)[0])
    too_late = log("mysql-1", *SYNCED, (10.0, "peer", "silent", ("mysql-0",)))
    assert (3.0, State.DOWN) in states(draw_lanes([lost, too_late], 20.0)[0])
    other = log("mysql-1", *SYNCED, (5.0, "peer", "silent", ("mysql-2",)), (6.0, "peer", "answers", ("mysql-0",)))
    assert (3.0, State.DOWN) in states(draw_lanes([lost, other], 20.0)[0])


def test_the_first_witness_counts() -> None:
    lost = log("mysql-0", *SYNCED, (10.0, "agent", written(3)), (10.0, "phase", "starting"))
    late = log("mysql-1", *SYNCED, (6.0, "peer", "silent", ("mysql-0",)))
    early = log("mysql-2", *SYNCED, (5.0, "peer", "silent", ("mysql-0",)))
    assert (5.0, State.DOWN) in states(draw_lanes([lost, late, early], 20.0)[0])


def test_a_pod_that_does_not_answer_is_shown_as_the_others_saw_it() -> None:
    gone = log("mysql-2")
    witness = log(
        "mysql-0", *SYNCED, (5.0, "peer", "silent", ("mysql-2",)), (8.0, "peer", "answers", ("mysql-2",)),
        (8.5, "peer", "silent", ("mysql-1",)), (9.0, "peer", "silent", ("mysql-2",)),
        (9.5, "decision", "wait", ("mysql-2",)),
    )  # fmt: skip
    _, lane = draw_lanes([witness, gone], 20.0)
    assert not lane.has_log
    assert states(lane) == [(0.0, State.UNKNOWN), (5.0, State.DOWN), (8.0, State.UNKNOWN), (9.0, State.DOWN)]
    later = log("mysql-1", *SYNCED, (6.0, "peer", "silent", ("mysql-2",)), (8.5, "peer", "answers", ("mysql-2",)))
    both = draw_lanes([witness, later, gone], 20.0)[2]
    assert states(both) == states(lane)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ((("phase", "frozen"), ("hold", "hold")), State.HOLDING),
        ((("phase", "frozen"), ("decision", "wait")), State.WAITING),
        ((("phase", "frozen"),), State.WAITING),
        ((("phase", "running"), ("server", "non-Primary")), State.NON_PRIMARY),
        ((("phase", "running"), ("server", "Joined")), State.JOINING),
        ((("phase", "running"), ("server", "Synced"), ("phase", "starting"), ("server", "gone")), State.STARTING),
        ((("phase", "joining"), ("phase", "running")), State.JOINING),
        ((("phase", "bootstrapping"), ("phase", "running")), State.BOOTSTRAPPING),
        ((("phase", "bootstrapping"), ("server", "gone"), ("phase", "running")), State.BOOTSTRAPPING),
        ((("phase", "running"), ("server", "Synced"), ("server", "")), State.SYNCED),
        ((("phase", "running"), ("server", "Synced"), ("peer", "silent")), State.SYNCED),
        ((("phase", "running"), ("server", "Synced"), ("phase", "unknown")), State.UNKNOWN),
        ((("promise", ""),), State.UNKNOWN),
        ((("phase", "joining"), ("phase", "unknown")), State.UNKNOWN),
        ((("phase", "of tomorrow"),), State.UNKNOWN),
    ],
)
def test_a_state_is_what_phase_server_and_decision_say(said: tuple[tuple[str, str], ...], state: State) -> None:
    (lane,) = draw_lanes([log("mysql-0", *((float(n), *one) for n, one in enumerate(said)))], 20.0)
    assert lane.spans[-1].state is state


def test_only_a_wait_names_pods() -> None:
    held = log("mysql-0", (0.0, "phase", "frozen"), (1.0, "hold", "hold", ("mysql-1",)))
    joined = log("mysql-1", (0.0, "phase", "frozen"), (1.0, "decision", "join", ("mysql-1",)))
    assert [lane.spans[-1].pods for lane in draw_lanes([held, joined], 9.0)] == [(), ()]


said = st.tuples(
    st.floats(0, 100),
    st.sampled_from(list(KINDS)),
    st.sampled_from([*Phase, "wait", "hold", "Synced", "gone", "silent", "answers", ""]),
    st.lists(st.sampled_from(["mysql-0", "mysql-1"]), max_size=2).map(tuple),
)


@given(st.lists(st.lists(said, max_size=12), max_size=3))
@examples(300)
def test_whatever_is_said_each_lane_is_whole(logs: list[list[tuple[float, str, str, tuple[str, ...]]]]) -> None:
    known: list[Log] = [log(f"mysql-{n}", *sorted(one, key=lambda s: s[0])) for n, one in enumerate(logs)]
    lanes = draw_lanes(known, 50.0)
    assert len(lanes) in (0, len(known))
    for lane in lanes:
        assert lane.spans[0].start == lanes[0].spans[0].start
        assert lane.spans[-1].end == lanes[0].spans[-1].end >= 50.0
        for before, after in pairwise(lane.spans):
            assert before.end == after.start
            assert (before.state, before.pods) != (after.state, after.pods)
        assert all(span.start < span.end for span in lane.spans)
