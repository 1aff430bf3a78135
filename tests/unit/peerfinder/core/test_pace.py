"""How long to wait from one lookup to the next."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerfinder.core.pace import PAUSE_MIN, Pace, Situation, compute_pause


def list_lookup_times(pace: Pace, until: float, *, waiting: bool, cost: float = 0.0) -> list[float]:
    """Return the times of the lookups while nothing happens, with all kinds of luck in turn."""
    times = [0.0]
    while times[-1] < until:
        random_share = (len(times) * 7 + 5) % 11 / 10
        times.append(
            times[-1] + compute_pause(pace, Situation(times[-1], cost, waiting=waiting, random_share=random_share))
        )
    return times


def test_before_the_first_hook_questions_are_frequent_and_no_wait_is_two_percent_too_long() -> None:
    times = list_lookup_times(Pace(), 600, waiting=True)

    assert times[1] == pytest.approx(PAUSE_MIN)
    assert all(later - now <= max(PAUSE_MIN * 1.026, 0.0206 * now) for now, later in pairwise(times))
    assert len([time for time in times if time < 60]) < 200


@pytest.mark.parametrize(("interval", "mean"), [(1.0, 0.5), (5.0, 2.5)])
def test_the_steady_interval_bounds_the_questions_and_the_mean_delay(interval: float, mean: float) -> None:
    times = [time for time in list_lookup_times(Pace(interval), 1000, waiting=False) if time > 100]
    gaps = [later - now for now, later in pairwise(times)]

    assert max(gaps) - min(gaps) == pytest.approx(interval * 0.05), "pods started together would ask together"
    assert sum(gaps) / len(gaps) >= interval * 0.999
    assert sum(gap * gap for gap in gaps) / (2 * sum(gaps)) <= mean * 1.001


def test_after_a_change_lookups_are_frequent_for_a_short_time() -> None:
    times = list_lookup_times(Pace(), 60, waiting=False)

    assert len([time for time in times if time < 1]) >= 5
    assert len(times) < 90


def test_a_lookup_happens_when_an_unseen_peer_would_count_as_gone() -> None:
    assert compute_pause(Pace(5), Situation(1e6, removal=1.5)) == 1.5
    assert compute_pause(Pace(5), Situation(1e6, removal=-1)) == PAUSE_MIN
    assert compute_pause(Pace(5), Situation(1e6, cost=1, removal=1.5)) == 9


def test_with_a_slowest_pause_the_pause_grows_to_it_and_no_further() -> None:
    pace = Pace(1.0, 5.0)

    assert compute_pause(pace, Situation(50)) == pytest.approx(1)
    assert compute_pause(pace, Situation(150)) == pytest.approx(3)
    assert compute_pause(pace, Situation(1e6)) == pytest.approx(5)


def test_failures_double_the_pause_up_to_the_interval() -> None:
    pauses = [compute_pause(Pace(), Situation(0, failures=failures, waiting=True)) for failures in range(6)]

    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


def test_a_lookup_that_costs_much_is_rare() -> None:
    assert compute_pause(Pace(), Situation(0, cost=2.5, waiting=True)) >= 20


@given(
    st.builds(Pace, st.floats(0.1, 1e6), st.floats(0, 1e6)),
    st.builds(
        Situation,
        quiet=st.floats(0, 1e9),
        cost=st.floats(0, 100),
        failures=st.integers(0, 10**9),
        removal=st.floats(allow_nan=False),
        random_share=st.floats(0, 1),
    ),
)
def test_any_pause_is_bounded(pace: Pace, moment: Situation) -> None:
    longest = max(pace.interval, pace.interval_max) * 1.025

    assert PAUSE_MIN <= compute_pause(pace, moment) <= max(longest, moment.cost * 9)
