"""How often in a row a server has ended before it was Synced."""

from bootstrap.core.status.counters import ServerEnds, after_observation, after_permission


def turn(ends: ServerEnds, now: float) -> ServerEnds:
    """A start that fails: it is permitted, it runs, it is gone; what is gone is seen more than once."""
    ends = after_observation(after_permission(ends), now, is_gone=False, is_synced=False)
    for moment in (now + 1, now + 2):
        ends = after_observation(ends, moment, is_gone=True, is_synced=False)
    return ends


def test_each_start_that_fails_is_counted_once_and_the_first_one_s_end_stays() -> None:
    ends = ServerEnds()
    for number in (1, 2, 3):
        ends = turn(ends, 10.0 * number)
        assert (ends.times, ends.since, ends.is_loop) == (number, 11.0, number > 1)


def test_a_server_that_was_synced_ends_the_count_and_its_later_end_is_none() -> None:
    ends = after_permission(turn(turn(ServerEnds(), 10.0), 20.0))
    ends = after_observation(ends, 30.0, is_gone=False, is_synced=True)
    assert ends == ServerEnds()
    assert after_observation(ends, 40.0, is_gone=True, is_synced=False) == ServerEnds()


def test_a_pod_that_waits_without_a_permission_counts_nothing() -> None:
    assert after_observation(ServerEnds(), 5.0, is_gone=True, is_synced=False) == ServerEnds()
