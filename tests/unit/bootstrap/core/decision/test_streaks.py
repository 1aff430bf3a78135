"""For how many rounds in a row a server is stuck, has a member too many, or is waited for."""

from bootstrap.core.decision.decisions import Decision, Join, Stop, Wait
from bootstrap.core.decision.streaks import (
    DEAD_MEMBER_ROUNDS,
    STUCK_ALL_ROUNDS,
    STUCK_ALONE_ROUNDS,
    STUCK_ROUNDS,
    Patience,
    Streaks,
    after_decision,
    after_members,
    after_stop,
)
from tests.support.bootstrap.records import running

STOP, STOP_ALONE = Stop("stuck-server", "x"), Stop("stuck-server", "x", alone=True)
STOP_ALL = Stop("stuck-server", "x", all_live=True)
QUORUM, JOIN, OTHER = Wait("quorum", "x"), Join("join", "x"), Wait("all-heard", "x")


def after_rounds(rounds: int, decision: Decision, streaks: Streaks | None = None) -> Streaks:
    """The counts after so many more rounds with this decision."""
    counted = streaks or Streaks()
    for _ in range(rounds):
        counted = after_decision(counted, decision)
    return counted


def test_a_server_is_stopped_after_many_rounds_in_a_row_and_sooner_when_it_is_alone() -> None:
    for decision, rounds in ((STOP, STUCK_ROUNDS), (STOP_ALONE, STUCK_ALONE_ROUNDS), (STOP_ALL, STUCK_ALL_ROUNDS)):
        before = after_rounds(rounds - 1, decision)
        assert not before.is_stuck_long_enough(decision, Patience())
        assert after_decision(before, decision).is_stuck_long_enough(decision, Patience())
        assert not after_decision(before, decision).is_stuck_long_enough(OTHER, Patience())


def test_the_rounds_of_a_stuck_server_are_counted_over_both_kinds_of_stop() -> None:
    counted = after_rounds(STUCK_ALONE_ROUNDS - 1, STOP)
    assert after_decision(counted, STOP_ALONE).is_stuck_long_enough(STOP_ALONE, Patience())


def test_another_decision_or_a_stop_begins_the_count_of_a_stuck_server_again() -> None:
    counted = after_rounds(STUCK_ROUNDS, STOP)
    for begun in (after_decision(counted, OTHER), after_stop(counted)):
        assert begun.stuck_rounds == 0
        assert not after_rounds(STUCK_ROUNDS - 1, STOP, begun).is_stuck_long_enough(STOP, Patience())


def test_a_lost_quorum_is_waited_for_only_so_long() -> None:
    before = after_rounds(DEAD_MEMBER_ROUNDS - 1, QUORUM)
    assert not before.has_waited_for_quorum_loss(Patience())
    assert after_decision(before, QUORUM).has_waited_for_quorum_loss(Patience())


def test_the_join_that_follows_the_wait_for_a_lost_quorum_does_not_begin_it_again() -> None:
    waited = after_rounds(DEAD_MEMBER_ROUNDS, QUORUM)
    assert after_rounds(3, JOIN, waited) == waited
    assert after_decision(waited, OTHER).lost_quorum_rounds == 0
    assert after_decision(waited, STOP) == Streaks(stuck_rounds=1)


def test_a_member_too_many_is_no_pod_once_it_has_been_there_for_long() -> None:
    server, counted = running(0, size=4).server, Streaks()
    for _ in range(DEAD_MEMBER_ROUNDS):
        assert not counted.has_foreign_members(Patience())
        counted = after_members(counted, server, others_maybe_alive=2)
    assert counted.has_foreign_members(Patience())
    assert not after_members(counted, server, others_maybe_alive=3).has_foreign_members(Patience())


def test_without_a_primary_server_the_count_of_members_stays() -> None:
    counted = after_members(Streaks(), running(0, size=4).server, others_maybe_alive=2)
    assert after_members(counted, None, others_maybe_alive=2) == counted == Streaks(extra_member_rounds=1)


def test_stops_and_members_are_counted_apart() -> None:
    counted = after_members(after_rounds(2, STOP), running(0, size=4).server, others_maybe_alive=2)
    assert counted == Streaks(stuck_rounds=2, extra_member_rounds=1)


def test_where_galera_takes_longer_so_do_we() -> None:
    patience = Patience().stretch(4)
    assert not after_rounds(4 * DEAD_MEMBER_ROUNDS - 1, QUORUM).has_waited_for_quorum_loss(patience)
    assert after_rounds(4 * DEAD_MEMBER_ROUNDS, QUORUM).has_waited_for_quorum_loss(patience)
    assert not after_rounds(4 * STUCK_ROUNDS - 1, STOP).is_stuck_long_enough(STOP, patience)
    assert after_rounds(4 * STUCK_ROUNDS, STOP).is_stuck_long_enough(STOP, patience)
