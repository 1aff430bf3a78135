"""What happened, and which part of the past is shown."""

import pytest

from bootstrap.core.status.timeline.lanes import LEAST_S, Span, State, draw_lanes
from bootstrap.core.status.timeline.story import EDGE, Moment, draw, find_outage, state_at
from tests.support.bootstrap.outage import FIRST, SECOND, SYNCED, THIRD, log

ALL = [FIRST, SECOND, THIRD]


def told(*logs: object, since: float | None = 0.0) -> list[tuple[float, str, str]]:
    picture = draw(logs or ALL, 40.0, since)  # type: ignore[arg-type]
    assert picture is not None
    return [(moment.at, moment.pod, moment.text) for moment in picture.moments]


def test_the_story_of_a_power_cut_has_its_five_parts() -> None:
    story = told()
    assert (10.0, "mysql-0", "is down: its last sign of life") in story
    assert (22.0, "mysql-0", "waits for mysql-1, mysql-2") in story
    assert (25.0, "mysql-1", "waits for mysql-2") in story
    assert (31.0, "mysql-0", "is permitted to bootstrap: bootstrap bootstrap") in story
    assert (32.0, "", "first Primary Component: mysql-0") in story
    assert (38.0, "", "all 3 are Synced") in story
    assert [at for at, _, _ in story] == sorted(at for at, _, _ in story)
    assert story[-1][2] == "all 3 are Synced"
    assert [at for at, _, text in story if text.startswith("all")] == [38.0]


def test_the_marks_are_those_of_the_cluster_and_of_the_permission() -> None:
    picture = draw(ALL, 40.0)
    assert picture is not None
    assert [(m.at, m.mark) for m in picture.moments if m.mark] == [(31.0, "B"), (32.0, "P"), (38.0, "S")]


def test_the_last_outage_is_shown_with_a_bit_before_and_after() -> None:
    edge = EDGE * 28.0
    picture = draw(ALL, 100.0)
    assert picture is not None
    assert (picture.start, picture.end) == (10.0 - edge, 38.0 + edge)
    assert [lane.spans[0].start for lane in picture.lanes] == [picture.start] * 3
    assert [lane.spans[-1].end for lane in picture.lanes] == [picture.end] * 3


def test_an_earlier_outage_is_shown_where_it_is_asked_for() -> None:
    again = log("mysql-0", *SYNCED, (20.0, "server", "non-Primary"), (21.0, "server", "Synced"),
                (60.0, "server", "non-Primary"), (62.0, "server", "Synced"))  # fmt: skip
    last = draw([again], 100.0)
    whole = draw([again], 100.0, since=5.0)
    assert last is not None
    assert whole is not None
    assert (last.start, last.end) == (59.5, 62.5)
    assert (whole.start, whole.end) == (5.0, 100.0)
    assert [m.text for m in whole.moments].count("is non-Primary") == 2


@pytest.mark.parametrize(("pause", "start"), [(2.9, 19.5), (3.0, 23.5), (3.1, 23.6)])
def test_a_moment_of_peace_is_no_end_of_an_outage(pause: float, start: float) -> None:
    back = 21.0 + pause
    flapping = log("mysql-0", *SYNCED, (20.0, "server", "non-Primary"), (21.0, "server", "Synced"),
                   (back, "server", "non-Primary"), (back + 1, "server", "Synced"))  # fmt: skip
    found, end = find_outage(draw_lanes([flapping], 100.0))
    assert found == pytest.approx(start, abs=0.05)
    assert end == pytest.approx(back + 1.5, abs=0.05)


def test_an_outage_that_goes_on_is_shown_up_to_now() -> None:
    picture = draw([log("mysql-0", *SYNCED, (20.0, "server", "non-Primary"))], 50.0)
    assert picture is not None
    assert picture.end == 50.0


def test_without_any_outage_everything_is_shown() -> None:
    picture = draw([log("mysql-0", *SYNCED)], 50.0)
    assert picture is not None
    assert (picture.start, picture.end) == (0.0 - EDGE * 50, 50.0)


def test_a_time_of_no_length_is_a_second() -> None:
    picture = draw([log("mysql-0", (5.0, "phase", "frozen"), (5.5, "phase", "frozen"))], 5.5)
    assert picture is not None
    assert picture.end - picture.start >= LEAST_S
    late = draw([log("mysql-0", *SYNCED)], 50.0, since=60.0)
    assert late is not None
    assert (late.start, late.end, late.lanes[0].spans) == (60.0, 61.0, ())


def test_without_events_there_is_no_picture() -> None:
    assert draw([], 5.0) is None


def test_a_pod_that_is_missing_is_no_end_of_an_outage_and_no_beginning_before_it_was_missed() -> None:
    witness = log("mysql-0", *SYNCED, (20.0, "peer", "silent", ("mysql-1",)))
    gone = log("mysql-1")
    picture = draw([witness, gone], 50.0)
    assert picture is not None
    assert 18.0 <= picture.start < 20.0
    assert "all" not in " ".join(moment.text for moment in picture.moments)


def test_a_second_member_is_no_first_primary_and_one_after_all_were_lost_is() -> None:
    one = log("mysql-0", *SYNCED, (20.0, "server", "gone"), (30.0, "server", "Synced"))
    two = log("mysql-1", *SYNCED, (10.0, "server", "non-Primary"), (31.0, "server", "Synced"))
    firsts = [(at, text) for at, _, text in told(one, two) if text.startswith("first")]
    assert firsts == [(0.0, "first Primary Component: mysql-0"), (30.0, "first Primary Component: mysql-0")]


def test_a_server_that_receives_its_data_is_not_the_first_primary() -> None:
    joiner = log("mysql-0", (0.0, "phase", "running"), (0.0, "server", "Joining: receiving"), (5.0, "server", "Synced"))
    assert (5.0, "", "first Primary Component: mysql-0") in told(joiner)


def test_a_short_wait_and_the_end_of_a_gift_are_not_told() -> None:
    story = [text for _, pod, text in told(THIRD, FIRST) if pod == "mysql-0"]
    assert story.count("is Synced") == 2  # in the beginning, and as the first Primary; not after its data were given
    quick = log("mysql-0", (0.0, "phase", "frozen"), (1.0, "decision", "wait", ("mysql-1",)),
                (1.1, "decision", "wait", ("mysql-2",)), (2.0, "phase", "joining"))  # fmt: skip
    assert [text for _, _, text in told(quick)] == ["waits for mysql-2", "joins"]


def test_orders_and_errors_are_told_in_their_own_words() -> None:
    told_of = log("mysql-0", (1.0, "override", ""), (2.0, "failure", ""), (3.0, "promise", ""), (4.0, "peer", ""))
    assert [text for _, _, text in told(told_of)] == ["override: override ", "failure: failure "]


def test_what_is_said_of_the_cluster_comes_last_at_its_moment() -> None:
    assert [m for m in told() if m[0] == 32.0][-1] == (32.0, "", "first Primary Component: mysql-0")
    assert Moment(1.0, "x") == Moment(1.0, "x", "", "")


def test_a_state_begins_with_its_moment() -> None:
    (lane,) = draw_lanes([FIRST], 40.0)
    assert [state_at(lane, moment) for moment in (9.9, 10.0, 40.0)] == [State.SYNCED, State.DOWN, State.UNKNOWN]


def test_what_happens_at_the_first_and_the_last_moment_is_shown() -> None:
    picture = draw([FIRST, SECOND, log("mysql-2", (38.0, "override", ""))], 38.0, since=32.0)
    assert picture is not None
    assert {m.at for m in picture.moments} >= {32.0, 38.0}
    assert picture.lanes[0].spans == (
        Span(32.0, 33.0, State.SYNCED), Span(33.0, 35.0, State.DONOR), Span(35.0, 38.0, State.SYNCED),
    )  # fmt: skip


def test_what_comes_after_an_outage_is_not_shown() -> None:
    later = log("mysql-0", *SYNCED, (20.0, "server", "non-Primary"), (30.0, "server", "Synced"),
                (80.0, "server", "Donor/Desynced"), (85.0, "server", "Synced"))  # fmt: skip
    picture = draw([later], 100.0)
    assert picture is not None
    assert [span.state for span in picture.lanes[0].spans] == [State.SYNCED, State.NON_PRIMARY, State.SYNCED]
    assert [m.text for m in picture.moments] == [
        "is non-Primary", "is Synced", "all 1 are Synced", "first Primary Component: mysql-0",
    ]  # fmt: skip


def test_what_begins_with_the_end_of_the_picture_is_not_shown() -> None:
    later = log("mysql-0", *SYNCED, (20.0, "server", "non-Primary"), (30.0, "server", "Synced"),
                (30.5, "server", "Donor/Desynced"), (85.0, "server", "Synced"))  # fmt: skip
    picture = draw([later], 100.0)
    assert picture is not None
    assert [span.state for span in picture.lanes[0].spans] == [State.SYNCED, State.NON_PRIMARY, State.SYNCED]


def test_a_gift_of_data_is_no_end_and_no_new_beginning_of_all_synced() -> None:
    giver = log("mysql-0", (0.0, "phase", "running"), (0.0, "server", "non-Primary"), (5.0, "server", "Synced"),
                (8.0, "server", "Donor/Desynced"), (9.0, "server", "non-Primary"))  # fmt: skip
    assert [(at, text) for at, _, text in told(giver) if text.startswith("all")] == [(5.0, "all 1 are Synced")]
    assert (9.0, "mysql-0", "is non-Primary") in told(giver)


def test_a_pod_of_which_nothing_is_known_any_more_is_an_outage() -> None:
    lost = log("mysql-0", *SYNCED, (20.0, "phase", "unknown"))
    assert find_outage(draw_lanes([lost], 100.0)) == (16.0, 100.0)


def test_all_synced_is_not_said_where_a_pod_is_not_heard() -> None:
    back = log("mysql-0", (0.0, "phase", "running"), (0.0, "server", "non-Primary"), (5.0, "server", "Synced"))
    assert [text for _, _, text in told(back, log("mysql-1")) if text.startswith("all")] == []


def test_no_first_primary_without_a_primary() -> None:
    alone = log("mysql-0", (0.0, "phase", "running"), (1.0, "server", "non-Primary"))
    assert [text for _, _, text in told(alone) if text.startswith("first")] == []


def test_a_member_that_is_left_keeps_the_next_one_from_being_the_first() -> None:
    stays = log("mysql-0", *SYNCED, (4.0, "peer", "silent", ("mysql-1",)), (4.5, "server", ""))
    goes = log("mysql-1", (1.0, "phase", "running"), (1.0, "server", "Synced"), (3.0, "server", "gone"),
               (5.0, "server", "Synced"))  # fmt: skip
    assert [at for at, _, text in told(stays, goes) if text.startswith("first")] == [0.0]


def test_a_pod_that_went_down_is_no_member_any_more() -> None:
    cut = log("mysql-0", *SYNCED, (9.0, "agent", "3"), (9.0, "phase", "starting"))
    other = log("mysql-1", (5.0, "phase", "running"), (5.0, "server", "Synced"))
    assert [at for at, _, text in told(cut, other) if text.startswith("first")] == [0.0, 5.0]


def test_a_wait_of_a_quarter_of_a_second_is_told() -> None:
    waits = log(
        "mysql-0", (0.0, "phase", "frozen"), (1.0, "decision", "wait", ("mysql-1",)), (1.25, "phase", "joining")
    )
    assert (1.0, "mysql-0", "waits for mysql-1") in told(waits)
