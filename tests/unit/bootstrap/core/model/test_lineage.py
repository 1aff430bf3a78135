"""Which history contains which: chains of forks, forks that never began, and origins that contradict each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.model import lineage
from bootstrap.core.model.branches import Copy
from bootstrap.core.model.disk import Position
from bootstrap.core.model.facts import Fork
from tests.support.bootstrap.records import (
    A_TO_B,
    B_TO_C,
    A,
    B,
    C,
    after,
    blank,
    examples,
    forks,
    frozen,
    seqnos,
    uuids,
)

OTHER_ORIGIN = Fork(A, 7, 4, B)
"""Another origin of B."""

positions = st.builds(Position, uuids, seqnos)


def test_a_history_leads_back_to_the_first_one() -> None:
    assert lineage.ancestry((B_TO_C, A_TO_B), C) == (A_TO_B, B_TO_C)
    assert lineage.ancestry((B_TO_C, A_TO_B), B) == (A_TO_B,)
    assert lineage.ancestry((B_TO_C, A_TO_B), A) == ()


def test_two_origins_of_one_history_count_as_none() -> None:
    assert lineage.ancestry((A_TO_B, OTHER_ORIGIN, B_TO_C), C) == (B_TO_C,)
    assert lineage.ancestry((A_TO_B, A_TO_B), B) == (A_TO_B,)


def test_a_circle_ends() -> None:
    assert lineage.ancestry((A_TO_B, Fork(B, 1, 9, A)), B) == (Fork(B, 1, 9, A), A_TO_B)


@pytest.mark.parametrize(
    ("now", "other", "contained"),
    [
        (Position(A, 5), Position(A, 5), True),
        (Position(A, 5), Position(A, 6), False),
        (Position(B, 0), Position(A, 5), True),
        (Position(B, 99), Position(A, 6), False),
        (Position(C, 0), Position(A, 5), True),
        (Position(C, 0), Position(B, 3), True),
        (Position(C, 99), Position(B, 4), False),
        (Position(A, 99), Position(B, 0), False),
    ],
)
def test_a_fork_contains_its_parent_up_to_where_it_began(now: Position, other: Position, *, contained: bool) -> None:
    assert lineage.contains((A_TO_B, B_TO_C), Copy(now), Copy(other)) is contained


def test_another_history_is_accounted_for_only_if_a_fork_gave_it_up() -> None:
    assert lineage.accounts_for((A_TO_B,), Copy(Position(B, 0)), Copy(Position(A, 99)))
    assert not lineage.accounts_for((), Copy(Position(B, 0)), Copy(Position(A, 99)))
    assert not lineage.accounts_for((), Copy(Position(A, 5)), Copy(Position(A, 6)))


def test_pods_may_be_given_one_by_one() -> None:
    pods = [after(frozen(0, 9), 5), after(frozen(1, 8), 5, run="other")]
    assert lineage.leading_history(iter(pods)) is None
    assert lineage.leading_history(iter(pods[:1])) == A
    assert lineage.most_advanced(iter([frozen(0, 8), frozen(1, 9)])) == frozen(1, 9)


def test_without_a_known_fork_nothing_of_another_history_is_contained() -> None:
    assert lineage.reach((), Position(B, 99), A) is None
    assert not lineage.supersedes((), Position(B, 99), Position(A, 0))


@examples(200)
@given(st.lists(forks, max_size=4), positions, positions)
def test_what_is_contained_is_superseded(known: list[Fork], now: Position, other: Position) -> None:
    assert not lineage.contains(known, Copy(now), Copy(other)) or lineage.supersedes(known, now, other)


@examples(200)
@given(st.lists(forks, max_size=4), positions, st.permutations(range(4)))
def test_the_order_of_the_forks_does_not_matter(known: list[Fork], now: Position, order: list[int]) -> None:
    shuffled = [known[i] for i in order if i < len(known)]
    assert lineage.ancestry(known, now.uuid) == lineage.ancestry(shuffled, now.uuid)


def test_the_leading_history_is_the_one_that_all_others_led_to() -> None:
    new = frozen(1, 0, uuid=B, lineage=(A_TO_B,))
    assert lineage.leading_history([frozen(0, 99), new, blank(2)]) == B
    assert lineage.leading_history([frozen(0, 99), frozen(2, 1)]) == A
    assert lineage.leading_history([blank(0)]) is None
    assert lineage.leading_history([frozen(0), frozen(1, uuid=B)]) is None
    assert lineage.leading_history([new, frozen(2, uuid=C, lineage=(Fork(A, 5, 4, C),))]) is None
