"""How long to wait from one lookup to the next."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerfinder.pace import EAGER_SECONDS, Pace, pause


def asked(pace: Pace, until: float, *, waiting: bool, cost: float = 0.0) -> list[float]:
    """Give the times of the lookups while nothing happens."""
    times = [0.0]
    while times[-1] < until:
        times.append(times[-1] + pause(pace, times[-1], cost, 0, waiting=waiting))
    return times


def test_who_waits_for_the_first_hook_asks_often_at_first_and_never_loses_two_percent() -> None:
    times = asked(Pace(), 600, waiting=True)

    assert times[1] == pytest.approx(EAGER_SECONDS)
    assert all(later - now <= max(EAGER_SECONDS * 1.001, 0.0201 * now) for now, later in pairwise(times))
    assert len([time for time in times if time < 60]) < 200


@pytest.mark.parametrize(("interval", "mean"), [(1.0, 0.5), (5.0, 2.5)])
def test_the_steady_interval_bounds_the_questions_and_the_mean_delay(interval: float, mean: float) -> None:
    times = [time for time in asked(Pace(interval), 1000, waiting=False) if time > 100]
    gaps = [later - now for now, later in pairwise(times)]

    assert min(gaps) >= interval * 0.999
    assert sum(gap * gap for gap in gaps) / (2 * sum(gaps)) <= mean * 1.001


def test_after_a_change_others_are_looked_for_and_it_soon_is_quiet() -> None:
    times = asked(Pace(), 60, waiting=False)

    assert len([time for time in times if time < 1]) >= 5
    assert len(times) < 90


def test_with_a_slowest_pause_the_pause_grows_to_it_and_no_further() -> None:
    pace = Pace(1.0, 5.0)

    assert pause(pace, 50, 0, 0, waiting=False) == pytest.approx(1)
    assert pause(pace, 150, 0, 0, waiting=False) == pytest.approx(3)
    assert pause(pace, 1e6, 0, 0, waiting=False) == pytest.approx(5)


def test_failures_double_the_pause_up_to_the_interval() -> None:
    pauses = [pause(Pace(), 0, 0, failures, waiting=True) for failures in range(6)]

    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


def test_a_lookup_that_costs_much_is_rare() -> None:
    assert pause(Pace(), 0, 2.5, 0, waiting=True) >= 20


@given(
    st.builds(Pace, st.floats(0.1, 1e6), st.floats(0, 1e6)),
    st.floats(0, 1e9),
    st.floats(0, 100),
    st.integers(0, 10**9),
    st.booleans(),
)
def test_any_pause_is_bounded(pace: Pace, quiet: float, cost: float, failures: int, waiting: bool) -> None:
    found = pause(pace, quiet, cost, failures, waiting=waiting)

    assert EAGER_SECONDS <= found <= max(pace.interval, pace.slowest, cost * 9)
