"""What a human orders is written before anything rests on it, and one order does not outlive a failed write."""

from dataclasses import replace

import pytest

from bootstrap.core.decision.decisions import RoundResult, Wait
from bootstrap.core.model.facts import Override, Promise
from bootstrap.core.participant.effects import Hurry, Note, Persist, Trouble, VoidPermission
from bootstrap.core.participant.human_orders import KEPT, accept_override, add_note, order_discard
from bootstrap.core.participant.orders import Order, Orders, OverrideOutcome, OverrideState
from tests.support.bootstrap.participants import ALL_FRESH, DISK, FULL, MINE, STATE, THEIRS, play, waiting
from tests.support.bootstrap.records import B

OVERRIDE = Override(9, DISK.position, frozenset({2}), history=B)
PROMISE = Promise(9, 0, "run-0")


def test_an_override_is_written_with_this_pods_promise_to_itself() -> None:
    p = waiting(promise=THEIRS, overrides=("an earlier one",))
    state = replace(
        p.durable, promise=PROMISE, highest_term=9, override=OVERRIDE, overrides=("an earlier one", "at noon: do it")
    )
    accepted = play(accept_override(p, OVERRIDE, "do it", "at noon: do it"))
    assert accepted.answer == ""
    assert accepted.effects == [
        VoidPermission(),
        Persist(state),
        Note("promise", "term 9 is promised to galera-0"),
        Note("override", "do it"),
        Hurry(),
    ]
    assert accepted.p == p._replace(
        durable=state,
        freshness=ALL_FRESH._replace(round_after_promise=False, result_after_report=False),
        result=RoundResult(Wait("promised", "term 9 has just been promised")),
        orders=Orders(outcome=OverrideOutcome(9, OverrideState.PENDING)),
    )


def test_an_override_ends_the_candidacy_before_it() -> None:
    p = waiting(promise=MINE)
    accepted = play(accept_override(p, OVERRIDE, "do it", "at noon: do it"))
    assert accepted.effects[:4] == [
        VoidPermission(),
        Persist(replace(p.durable, promise=None)),
        Trouble("what was seen is not remembered", ""),
        Note("promise", "term 4 is given up: a human has given an override"),
    ]
    assert accepted.p.durable.promise == PROMISE
    assert accepted.p.lifecycle.abandoned_term == 4


@pytest.mark.parametrize("used", [9, 10])
def test_an_override_of_a_term_that_was_used_meanwhile_is_refused(used: int) -> None:
    p = waiting(promise=Promise(used, 1, "run-1"))
    assert play(accept_override(p, OVERRIDE, "do it", "at noon")) == (
        p,
        "epoch 9 has been used meanwhile: look again",
        [],
    )


def test_an_override_that_cannot_be_written_has_no_effect() -> None:
    p = waiting()
    failed = play(accept_override(p, OVERRIDE, "do it", "at noon"), Persist=FULL)
    assert (failed.p, failed.answer) == (p._replace(fault=FULL), FULL)
    assert [type(effect) for effect in failed.effects] == [VoidPermission, Persist]


@pytest.mark.parametrize("ends", [True, False])
def test_a_discard_is_an_order_to_the_starter_and_marks_the_disk(*, ends: bool) -> None:
    p = waiting(promise=THEIRS, override=OVERRIDE)
    state = replace(p.durable, joining_boot_id="kernel-0", overrides=("at noon: put it aside",))
    if ends:
        state = replace(state, promise=None, override=None)
    line, note = "put it aside", "at noon: put it aside"
    ordered = play(order_discard(p, Order.DISCARD, line, note, ends_promise=ends))
    assert ordered.answer == ""
    assert ordered.effects == [Persist(state), Note("override", "put it aside")]
    assert ordered.p == p._replace(
        durable=state,
        orders=Orders(pending=Order.DISCARD),
        result=RoundResult(Wait("order", "a human has ordered: discard"), is_of_round=True),
        freshness=ALL_FRESH._replace(result_after_report=False),
    )


def test_a_discard_that_cannot_be_written_is_not_ordered() -> None:
    p = waiting()
    failed = play(order_discard(p, Order.DELETE, "delete it", "at noon", ends_promise=False), Persist=FULL)
    assert (failed.p, failed.answer) == (p._replace(fault=FULL), FULL)
    assert [type(effect) for effect in failed.effects] == [Persist]


def test_the_journal_keeps_the_newest_twenty_overrides() -> None:
    assert KEPT == 20
    notes = tuple(str(number) for number in range(20))
    assert add_note(replace(STATE, overrides=notes), "new").overrides == (*notes[1:], "new")
    assert add_note(STATE, "new").overrides == ("new",)
