"""Times of other machines on this machine's clock."""

import pytest

from bootstrap.core.status.events import Event, PodEvents
from bootstrap.core.status.timeline.clocks import HeardEvents, compare_clocks, place, read_time, shift_of


def event(n: int, time: str) -> Event:
    return Event(n, time, "phase", "x")


def test_the_clock_in_an_answer_belongs_to_the_middle_of_the_exchange() -> None:
    found = compare_clocks(PodEvents(1010.0, ()), asked=1000.0, answered=1001.0)
    assert found == HeardEvents((), 9.5, 0.5)
    assert compare_clocks(PodEvents(990.0, ()), asked=1000.0, answered=1001.0).ahead_s == -10.5


@pytest.mark.parametrize(("ahead", "within", "shift"), [(9.5, 0.5, 9.5), (-9.5, 0.5, -9.5), (0.5, 0.5, 0.0)])
def test_a_difference_that_the_exchange_explains_is_none(ahead: float, within: float, shift: float) -> None:
    assert shift_of(ahead, within) == shift


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:01.500Z", 1.5),
        ("1970-01-01T01:00:01+01:00", 1.0),
        ("1970-01-01T00:00:01", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_time_without_a_zone_is_none(text: str, moment: float | None) -> None:
    assert read_time(text) == moment


def test_events_are_placed_on_our_clock_in_the_order_of_their_numbers() -> None:
    placed = place([event(2, "1970-01-01T00:00:12Z"), event(1, "1970-01-01T00:00:11Z")], shift=10.0)
    assert [(one.moment, one.event.n) for one in placed] == [(1.0, 1), (2.0, 2)]


def test_a_clock_that_was_set_back_does_not_change_the_order() -> None:
    times = ["1970-01-01T00:00:09Z", "1970-01-01T00:00:05Z", "1970-01-01T00:00:10Z"]
    placed = place([event(n, time) for n, time in enumerate(times)], 0.0)
    assert [one.moment for one in placed] == [9.0, 9.0, 10.0]


def test_an_event_without_a_time_is_placed_with_the_one_before_or_left_out() -> None:
    placed = place([event(1, "?"), event(2, "1970-01-01T00:00:09Z"), event(3, "?")], 0.0)
    assert [(one.moment, one.event.n) for one in placed] == [(9.0, 2), (9.0, 3)]
