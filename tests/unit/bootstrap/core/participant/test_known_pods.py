"""Which pods there may be: each source only adds, and a member forgets what peer-finder and questions have shown."""

from dataclasses import replace

import pytest

from bootstrap.core.participant.known_pods import KnownPods, remember
from tests.support.bootstrap.participants import STATE

ONE, TWO, THREE = frozenset({1}), frozenset({2}), frozenset({3})


@pytest.mark.parametrize(
    ("known", "has_answered", "ordinals"),
    [
        (KnownPods(), False, frozenset()),
        (KnownPods(asked=THREE), False, THREE),
        (KnownPods(shown=frozenset()), True, frozenset()),
        (KnownPods(told=frozenset()), True, frozenset()),
        (KnownPods(shown=ONE, told=TWO, asked=THREE), True, ONE | TWO | THREE),
    ],
    ids=["nothing", "a question alone", "DNS shows nothing", "peer-finder shows nothing", "all three"],
)
def test_it_is_known_which_pods_there_are(known: KnownPods, *, has_answered: bool, ordinals: frozenset[int]) -> None:
    assert known.has_answered is has_answered
    assert known.ordinals == ordinals


def test_a_lookup_without_an_answer_changes_nothing() -> None:
    known = KnownPods(ONE, TWO, THREE)
    assert known.after_lookup(None) == known
    assert known.after_lookup(THREE) == KnownPods(THREE, TWO, THREE)
    assert known.after_lookup(frozenset()) == KnownPods(frozenset(), TWO, THREE)


def test_a_member_relies_on_dns_as_soon_as_dns_has_answered() -> None:
    assert KnownPods(ONE, TWO, THREE).after_member_round() == KnownPods(ONE)
    assert KnownPods(frozenset(), TWO, THREE).after_member_round() == KnownPods(frozenset())
    assert KnownPods(None, TWO, THREE).after_member_round() == KnownPods(None, TWO, THREE)


def test_new_pods_are_remembered_in_order_and_without_a_volume() -> None:
    state = replace(STATE, volumes=((2, "volume-2"),))
    assert remember(state, frozenset({0, 1, 2, 3}), 0) == replace(state, volumes=((1, ""), (2, "volume-2"), (3, "")))
    assert remember(state, frozenset({2}), 0) == state
