"""For how many rounds in a row a server is stuck, has a member too many, or the same Primary has been heard."""

import pytest

from bootstrap.core.decision.decisions import Decision, Stop, Wait
from bootstrap.core.decision.streaks import (
    DEAD_MEMBER_ROUNDS,
    STUCK_ALL_ROUNDS,
    STUCK_ALONE_ROUNDS,
    STUCK_ROUNDS,
    Patience,
    Streaks,
    after_answers,
    after_decision,
    after_members,
    after_stop,
)
from bootstrap.core.model.facts import PodState
from tests.support.bootstrap.records import B, frozen, running

STOP, STOP_ALONE = Stop("stuck-server", "x"), Stop("stuck-server", "x", alone=True)
STOP_ALL = Stop("stuck-server", "x", all_live=True)
OTHER = Wait("all-heard", "x")


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


CLUSTER = (running(0, 5, size=2), running(1, 6, size=2))


def after_answers_of(rounds: int, *answers: PodState, streaks: Streaks | None = None) -> Streaks:
    """The counts after so many more rounds with these answers."""
    counted = streaks or Streaks()
    for _ in range(rounds):
        counted = after_answers(counted, answers)
    return counted


def test_a_primary_is_confirmed_by_the_second_round_that_hears_the_same_one() -> None:
    once = after_answers_of(1, *CLUSTER)
    assert not once.is_primary_confirmed
    further = (running(0, 50, size=2), running(1, 60, size=2), frozen(2))
    assert after_answers(once, further).is_primary_confirmed


@pytest.mark.parametrize(
    "answers",
    [
        (running(0), running(1)), CLUSTER[:1], (CLUSTER[0], running(2, size=2)), (running(0, size=2, uuid=B),),
        (CLUSTER[0], running(1, size=2, status="non-Primary")),
    ],
    ids=["another size", "fewer members", "another member", "another history", "one has lost it"],
)  # fmt: skip
def test_another_primary_is_counted_from_the_beginning(answers: tuple[PodState, ...]) -> None:
    counted = after_answers_of(5, *CLUSTER)
    assert counted.is_primary_confirmed
    assert not after_answers(counted, answers).is_primary_confirmed
    assert after_answers(after_answers(counted, answers), CLUSTER).primary_rounds == 1


def test_no_primary_is_never_confirmed() -> None:
    counted = after_answers_of(DEAD_MEMBER_ROUNDS + 2, frozen(0), frozen(1), streaks=after_answers_of(5, *CLUSTER))
    assert not counted.is_primary_confirmed
    assert not counted.has_primary_kept_quorum(Patience())


def test_a_lost_quorum_is_waited_for_only_so_long() -> None:
    before, patience = after_answers_of(DEAD_MEMBER_ROUNDS, running(0, size=2)), Patience()
    assert not before.has_primary_kept_quorum(patience)
    longer = after_answers(before, [running(0, 99, size=2)])
    assert longer.has_primary_kept_quorum(patience)
    assert not longer.has_primary_kept_quorum(patience.stretch(2))
    assert not after_answers(before, [running(0, size=1)]).has_primary_kept_quorum(patience)


def test_what_is_decided_does_not_change_what_has_been_heard() -> None:
    heard = after_answers_of(5, *CLUSTER)
    for decision in (STOP, OTHER):
        assert after_decision(heard, decision).primary_rounds == 5


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
    assert not after_rounds(4 * STUCK_ROUNDS - 1, STOP).is_stuck_long_enough(STOP, patience)
    assert after_rounds(4 * STUCK_ROUNDS, STOP).is_stuck_long_enough(STOP, patience)
