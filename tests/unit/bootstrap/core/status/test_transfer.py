"""How far a state transfer has come."""

import pytest

from bootstrap.core.model.facts import Facts
from bootstrap.core.status.transfer import SETTLED_S, WINDOW_S, Sample, Transfer, add_sample, describe_transfer
from tests.support.bootstrap.records import frozen, running, seen_by


def seen(donor_bytes: int | None, state: str = "Donor/Desynced") -> Facts:
    """The facts of a pod beside a member that gives data."""
    return seen_by(frozen(0), running(1, state=state, data_bytes=donor_bytes))


def test_without_a_join_there_is_no_transfer() -> None:
    assert add_sample((Sample(1.0, 5),), 2.0, None) == ()
    assert describe_transfer((), seen(7)) is None


def test_the_rate_is_that_of_the_last_minute() -> None:
    samples: tuple[Sample, ...] = ()
    for second in range(0, 205, 5):
        samples = add_sample(samples, float(second), 10 * second if second <= 100 else 1000 + 2 * (second - 100))
    found = describe_transfer(samples, seen(3000))
    assert found is not None
    assert (found.written_bytes, found.whole_bytes) == (1200, 3000)
    assert found.bytes_per_second == 2.0
    assert found.seconds_left == 900.0
    assert samples[-1].at - samples[0].at <= WINDOW_S + 5


def test_one_measurement_is_no_rate() -> None:
    assert describe_transfer((Sample(1.0, 5),), seen(10)) == Transfer(5, 10, None, ("galera-1",), None)


def test_what_stands_still_has_no_end() -> None:
    samples = add_sample(add_sample((), 1.0, 5), 6.0, 5)
    assert describe_transfer(samples, seen(10)) == Transfer(5, 10, 0.0, ("galera-1",), None)


def test_what_is_not_known_is_not_made_up() -> None:
    samples = add_sample(add_sample((), 1.0, 5), 6.0, 10)
    assert describe_transfer(samples, seen(None, "Synced")) == Transfer(10, None, 1.0, (), None)


def test_more_than_the_whole_leaves_nothing() -> None:
    samples = add_sample(add_sample((), 1.0, 5), 31.0, 95)
    assert describe_transfer(samples, seen(10)) == Transfer(95, 10, 3.0, ("galera-1",), 0.0)


def test_how_long_the_rest_takes_is_said_once_the_rate_means_something() -> None:
    early = describe_transfer((Sample(100.0, 0), Sample(100 + SETTLED_S - 1, 190)), seen(1000))
    later = describe_transfer((Sample(100.0, 0), Sample(100 + SETTLED_S, 200)), seen(1000))
    still = describe_transfer((Sample(100.0, 7), Sample(100 + SETTLED_S, 7)), seen(1000))
    assert early == Transfer(190, 1000, 10.0, ("galera-1",), None)
    assert later == Transfer(200, 1000, 10.0, ("galera-1",), 80.0)
    assert still == Transfer(7, 1000, 0.0, ("galera-1",), None)
    unknown = describe_transfer((Sample(0.0, 0), Sample(SETTLED_S, 200)), seen(None))
    assert unknown == Transfer(200, None, 10.0, ("galera-1",), None)


@pytest.mark.parametrize(("written", "kept"), [(4, 1), (5, 2)])
def test_fewer_bytes_than_before_are_a_transfer_that_began_again(written: int, kept: int) -> None:
    assert len(add_sample((Sample(1.0, 5),), 6.0, written)) == kept


def test_a_measurement_at_the_edge_of_the_minute_is_kept_and_one_before_it() -> None:
    old = (Sample(0.0, 1), Sample(1.0, 2), Sample(2.0, 3), Sample(3.0, 4))
    assert add_sample(old, 2.0 + WINDOW_S, 9) == (Sample(1.0, 2), *old[2:], Sample(2.0 + WINDOW_S, 9))


def test_figures_are_rounded_to_a_tenth() -> None:
    assert describe_transfer((Sample(0.0, 0), Sample(30.0, 70)), seen(83)) == Transfer(70, 83, 2.3, ("galera-1",), 5.6)


def test_a_pod_without_a_server_gives_nothing() -> None:
    found = describe_transfer((Sample(0.0, 1),), seen_by(frozen(0), frozen(1)))
    assert found == Transfer(1, None, None, (), None)
