"""Which hook is due, over any course of answers."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerfinder.core.watch import (
    Due,
    Rules,
    Wait,
    Watch,
    choose_own,
    observe,
    record_delivery,
    record_failure,
    record_gone,
)

OWN = "a"


@dataclass
class Course:
    """Plays answers against the rules; every due hook runs well and at once."""

    rules: Rules
    state: Watch = field(default_factory=Watch)
    now: float = 100.0
    at: dict[str, str] = field(default_factory=dict)
    """Addresses of peers, where hooks get those."""

    def see(self, peers: str, after: float = 1.0) -> Due | Wait:
        """Let *after* seconds pass, then see these peers, a letter each."""
        self.now += after
        self.state, outcome = observe(
            self.state, self.rules, {peer: self.at.get(peer, peer) for peer in peers}, self.now
        )
        if isinstance(outcome, Due):
            self.state = record_delivery(self.state, outcome.peers, self.now)
        return outcome

    def fail(self, after: float = 1.0) -> None:
        self.now += after
        self.state = record_failure(self.state)

    def find_none(self, after: float = 1.0) -> None:
        """Let *after* seconds pass, then get the answer that there are no records."""
        self.now += after
        self.state = record_gone(self.state)


def due(peers: str) -> Due:
    return Due({peer: peer for peer in peers})


def test_the_first_hook_is_due_when_our_own_name_is_there() -> None:
    course = Course(Rules(own=(OWN,)))

    assert course.see("bc") is Wait.SELF_MISSING
    assert course.see("abc") == due("abc")
    assert course.see("abc") is Wait.STEADY


def test_without_the_requirement_our_own_name_may_be_missing() -> None:
    assert Course(Rules()).see("bc") == due("bc")


def test_a_change_is_relative_to_what_a_hook_got_last() -> None:
    course = Course(Rules(own=(OWN,)))
    course.see("ab")

    assert course.see("abc") == due("abc")
    assert course.see("ac") == due("ac")
    assert course.see("ac") is Wait.STEADY


def test_our_own_name_gone_suspends_changes_and_its_return_delivers_them() -> None:
    course = Course(Rules(own=(OWN,)))
    course.see("ab")

    assert course.see("bc") is Wait.SELF_MISSING
    assert course.see("abc") == due("abc")


def test_our_own_name_counts_only_when_seen_now() -> None:
    course = Course(Rules(own=(OWN,), remove_after=60))
    course.see("ab")

    assert course.see("bc") is Wait.SELF_MISSING


def test_too_few_peers_hold_the_first_hook_only() -> None:
    course = Course(Rules(own=(OWN,), min_peers=2))

    assert course.see("a") is Wait.TOO_FEW
    assert course.see("ab") == due("ab")
    assert course.see("a") == due("a")


def test_a_set_settles_before_a_change_but_not_before_the_start() -> None:
    course = Course(Rules(own=(OWN,), settle_min=3))

    assert course.see("a") == due("a")
    assert course.see("ab") is Wait.SETTLING
    assert course.see("ab", after=2.9) is Wait.SETTLING
    assert course.see("ab", after=0.2) == due("ab")


def test_a_set_that_never_settles_is_delivered_at_the_maximum() -> None:
    course = Course(Rules(own=(OWN,), settle_min=3, settle_max=5))
    course.see("a")

    outcomes = [course.see("ab" if n % 2 else "abc") for n in range(8)]

    assert outcomes.index(due("ab")) == 5


def test_a_set_that_returns_to_the_old_one_starts_no_hook() -> None:
    course = Course(Rules(own=(OWN,), settle_min=3))
    course.see("ab")
    course.see("abc")

    assert course.see("ab", after=10) is Wait.STEADY


def test_a_peer_is_gone_only_after_it_was_unseen_long_enough() -> None:
    course = Course(Rules(own=(OWN,), remove_after=5))
    course.see("abc")

    assert course.see("ab") is Wait.STEADY
    assert course.see("ab", after=4.9) is Wait.STEADY
    assert course.see("ab", after=0.2) == due("ab")


def test_two_servers_that_disagree_start_no_storm_of_hooks() -> None:
    course = Course(Rules(own=(OWN,), remove_after=5))
    course.see("abc")

    assert {course.see("ab" if n % 2 else "abc") for n in range(60)} == {Wait.STEADY}


def test_what_is_unknown_is_not_time_unseen() -> None:
    course = Course(Rules(own=(OWN,), remove_after=5))
    course.see("abc")
    course.see("ab")
    course.fail(after=60)

    assert course.see("ab") is Wait.STEADY
    assert course.see("ab", after=5) == due("ab")


def test_a_new_address_of_a_peer_is_a_change_when_the_old_one_is_unseen_long_enough() -> None:
    course = Course(Rules(own=(OWN,), remove_after=5), at={"b": "10.0.0.1"})
    assert course.see("ab") == Due({"a": "a", "b": "10.0.0.1"})
    course.at["b"] = "10.0.0.2"

    assert course.see("ab") is Wait.STEADY
    assert course.see("ab", after=5) == Due({"a": "a", "b": "10.0.0.2"})


def test_two_servers_that_disagree_about_an_address_start_no_storm_of_hooks() -> None:
    course = Course(Rules(own=(OWN,), remove_after=5), at={"b": "10.0.0.1"})
    course.see("ab")

    outcomes = set()
    for n in range(60):
        course.at["b"] = f"10.0.0.{1 + n % 2}"
        outcomes.add(course.see("ab"))
    assert outcomes == {Wait.STEADY}


def test_a_peer_that_returns_with_another_address_has_the_new_one() -> None:
    course = Course(Rules(own=(OWN,), remove_after=5), at={"b": "10.0.0.1"})
    course.see("ab")
    course.see("a")
    course.at["b"] = "10.0.0.2"

    assert course.see("ab", after=4) is Wait.STEADY
    assert course.see("ab", after=1) == Due({"a": "a", "b": "10.0.0.2"})


def test_a_peer_that_was_just_seen_at_another_address_is_not_gone() -> None:
    course = Course(Rules(own=(OWN,), remove_after=5), at={"b": "10.0.0.1"})
    course.see("ab")
    course.at["b"] = "10.0.0.2"
    course.see("ab")
    course.see("ab", after=4)

    assert course.see("a", after=1) is Wait.STEADY
    assert course.see("a", after=4.9) is Wait.STEADY
    assert course.see("a", after=0.2) == due("a")


def test_a_new_address_is_taken_although_its_peer_comes_and_goes() -> None:
    course = Course(Rules(own=(OWN,), remove_after=5), at={"b": "10.0.0.1"})
    course.see("ab")
    course.at["b"] = "10.0.0.2"

    outcomes = [course.see("ab" if n % 2 else "a") for n in range(8)]

    assert outcomes == [Wait.STEADY] * 5 + [Due({"a": "a", "b": "10.0.0.2"})] + [Wait.STEADY] * 2


def test_what_a_hook_gets_is_sorted_and_each_address_once() -> None:
    course = Course(Rules(), at={"a": "10.0.0.2", "b": "10.0.0.10", "c": "10.0.0.2"})

    outcome = course.see("abc")

    assert isinstance(outcome, Due)
    assert outcome.values == ("10.0.0.10", "10.0.0.2")


ANSWERS = st.none() | st.sets(st.sampled_from("abcd"), min_size=1).map(lambda peers: "".join(sorted(peers)))
RULES = st.builds(
    Rules,
    own=st.sampled_from([(), (OWN,), ("x", OWN)]),
    min_peers=st.integers(1, 3),
    settle_min=st.sampled_from([0.0, 2.0]),
    settle_max=st.sampled_from([0.0, 4.0]),
    remove_after=st.sampled_from([0.0, 3.0]),
    min_gap=st.sampled_from([0.0, 4.0]),
    repeat_after_gone=st.booleans(),
)


@settings(max_examples=500)
@given(RULES, st.lists(st.tuples(ANSWERS, st.floats(0, 5)), max_size=40))
def test_in_any_course(rules: Rules, answers: list[tuple[str | None, float]]) -> None:
    course = Course(rules)
    before: tuple[str, ...] = ()
    ever: set[str] = set()
    for peers, after in answers:
        if peers is None:
            course.fail(after)
            continue
        ever |= set(peers)
        outcome = course.see(peers, after)
        if isinstance(outcome, Due):
            assert outcome.peers, "never an empty set"
            assert outcome.values != before, "never the same set again"
            assert not rules.own or set(rules.own) & set(peers), "never without our own name"
            assert set(peers) <= set(outcome.peers) <= ever, "never a name that was not seen"
            assert before or len(peers) >= rules.min_peers, "never too few at the start"
            before = outcome.values


@given(RULES, st.sampled_from(["ab", "abc", "abcd"]))
def test_a_set_that_stays_is_delivered_in_bounded_time(rules: Rules, peers: str) -> None:
    course = Course(rules)
    course.see("abcd")
    for _ in range(10):
        course.see(peers)

    assert "".join(sorted(course.state.delivered)) == peers or len(peers) < rules.min_peers


def test_with_a_gap_a_lone_change_is_due_at_once_and_the_next_one_after_it() -> None:
    course = Course(Rules(min_gap=30))

    assert course.see("ab") == due("ab")
    assert course.see("abc", after=40) == due("abc"), "the last hook is long ago"
    assert course.see("ab", after=1) is Wait.SETTLING
    assert course.see("abd", after=28.5) is Wait.SETTLING
    assert course.see("abd", after=1) == due("abd"), "the newest peers, once"
    assert course.see("abd", after=60) is Wait.STEADY


def test_a_change_that_is_undone_within_the_gap_is_none() -> None:
    course = Course(Rules(min_gap=30))
    course.see("ab")

    assert course.see("abc", after=1) is Wait.SETTLING
    assert course.see("ab", after=1) is Wait.STEADY
    assert course.see("ab", after=60) is Wait.STEADY


def test_peers_that_were_gone_and_are_back_are_news_only_if_asked_for() -> None:
    for repeat in (False, True):
        course = Course(Rules(min_gap=30, repeat_after_gone=repeat))
        course.find_none()
        course.see("ab")
        course.find_none(after=20)
        assert course.see("ab", after=5) is (Wait.SETTLING if repeat else Wait.STEADY)
        assert course.see("ab", after=10) == (due("ab") if repeat else Wait.STEADY)
        course.fail(after=40)
        assert course.see("ab") is Wait.STEADY, "silence is not the answer that there are none"


def test_our_name_may_be_the_host_name_or_pod_name() -> None:
    course = Course(Rules(own=("x", OWN)))

    assert course.see("bc") is Wait.SELF_MISSING
    assert course.see("abc") == due("abc")
    assert [choose_own(("x", OWN), dict.fromkeys(seen, "")) for seen in ("bc", "abc", "axc")] == ["x", OWN, "x"]


@pytest.mark.parametrize("wait", Wait)
def test_every_reason_to_wait_is_a_sentence(wait: Wait) -> None:
    assert " " in wait.value
