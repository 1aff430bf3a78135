"""Times of other machines on this machine's clock."""

import pytest

from bootstrap.core.status.events import Event, PodEvents
from bootstrap.core.status.timeline.clocks import HeardEvents, compare_clocks, place, shift_of


def event(n: int, time: str) -> Event:
    return Event(n, time, "phase", "x")


def test_the_clock_in_an_answer_belongs_to_the_middle_of_the_exchange() -> None:
    found = compare_clocks(PodEvents(1010.0, ()), asked=1000.0, answered=1001.0)
    assert found == HeardEvents((), 9.5, 0.5)
    assert compare_clocks(PodEvents(990.0, ()), asked=1000.0, answered=1001.0).ahead_s == -10.5


@pytest.mark.parametrize(("ahead", "within", "shift"), [(9.5, 0.5, 9.5), (-9.5, 0.5, -9.5), (0.5, 0.5, 0.0)])
def test_a_difference_that_the_exchange_explains_is_none(ahead: float, within: float, shift: float) -> None:
    assert shift_of(ahead, within) == shift


def read(text: str) -> float | None:
    """Seconds as they are; `?` is no time."""
    return float(text) if text and text != "?" else None


def test_events_are_placed_on_our_clock() -> None:
    placed = place([event(1, "11"), event(2, "12")], shift=10.0, read=read)
    assert [(one.moment, one.event.n) for one in placed] == [(1.0, 1), (2.0, 2)]


def test_a_clock_that_was_set_back_does_not_change_the_order() -> None:
    times = ["9", "5", "10"]
    placed = place([event(n, time) for n, time in enumerate(times)], 0.0, read)
    assert [one.moment for one in placed] == [9.0, 9.0, 10.0]


def test_an_event_without_a_time_is_placed_with_the_one_before_or_left_out() -> None:
    placed = place([event(1, "?"), event(2, "9"), event(3, "?")], 0.0, read)
    assert [(one.moment, one.event.n) for one in placed] == [(9.0, 2), (9.0, 3)]


def test_the_last_write_of_an_agents_start_is_a_time_of_that_pods_clock() -> None:
    started = [event(1, "12")._replace(kind="agent", word="11"), event(2, "13")._replace(word="11")]
    assert [one.written for one in place(started, 10.0, read)] == [1.0, None]
    assert [one.written for one in place([started[0]._replace(word="?")], 10.0, read)] == [None]


def test_differences_are_rounded_to_a_millisecond() -> None:
    assert compare_clocks(PodEvents(1.23416, ()), 0.0, 0.00321) == HeardEvents((), 1.233, 0.002)
    assert compare_clocks(PodEvents(1.2, ()), 0.0, 0.0031).within_s == 0.002
