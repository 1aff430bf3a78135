"""Promises as effects in their order: what is written before what, and what a failure leaves undone."""

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.core.decision.decisions import Bootstrap, Hold, RoundResult, Wait
from bootstrap.core.model.action import Action
from bootstrap.core.model.facts import Facts, Override, PodState, Promise
from bootstrap.core.model.messages import Prepare, PrepareReply, Refusal
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.participant import promises
from bootstrap.core.participant.effects import GrantPermission, Hurry, Note, Persist, Trouble, VoidPermission
from bootstrap.core.participant.orders import OverrideOutcome, OverrideState
from bootstrap.core.participant.participant import Freshness, Participant
from tests.support.bootstrap.participants import ALL_FRESH, DISK, FULL, KEEPING, MINE, THEIRS, member, play, waiting
from tests.support.bootstrap.records import SILENT, B, frozen, running, seen_by

ASKED = Promise(5, 1, "run-1")
DECISION = Bootstrap("most-advanced", "it has everything")
OVERRIDE = Override(4, DISK.position, frozenset({2}), history=B)


def prepare(**changes: Any) -> Prepare:
    return Prepare(ASKED, frozen(1), "run-0", DISK)._replace(**changes)


def bound(p: Participant, promise: Promise) -> Participant:
    """The same, just after it has promised."""
    wait = Wait("promised", f"term {promise.term} has just been promised")
    return p._replace(
        permission=0,
        freshness=Freshness(round_after_promise=False, round_after_report=True, result_after_report=False),
        result=RoundResult(wait),
    )


# Another pod asks.


@pytest.mark.parametrize(("highest", "then"), [(2, 5), (9, 9)], ids=["a new term", "a term that is not the highest"])
def test_a_promise_is_written_after_the_permission_is_taken_back(highest: int, then: int) -> None:
    p = waiting(highest_term=highest, override=OVERRIDE)._replace(permission=3)
    state = replace(p.durable, promise=ASKED, highest_term=then, volumes=((1, "volume-1"),), override=None)
    given = play(promises.answer(p, prepare()))
    assert given.answer is None
    assert given.effects == [VoidPermission(), Persist(state), Note("promise", "term 5 is promised to galera-1")]
    assert given.p == bound(p._replace(durable=state), ASKED).abandon_term(5)


def test_a_promise_that_cannot_be_written_is_refused() -> None:
    p = waiting()._replace(permission=3)
    refused = play(promises.answer(p, prepare()), Persist=FULL)
    assert refused.answer == Refusal(FULL)
    assert [type(effect) for effect in refused.effects] == [VoidPermission, Persist]
    assert refused.p == p._replace(permission=0, fault=FULL)


@pytest.mark.parametrize(
    ("p", "request_", "reason"),
    [
        (waiting()._replace(fault=FULL), prepare(), FULL),
        (waiting(), prepare(run_id="earlier"), "my agent or my datadir has changed since you decided"),
        (waiting(promise=ASKED), prepare(), None),
    ],
    ids=["the journal cannot be written", "the rules refuse it", "it is promised already"],
)
def test_nothing_is_written_if(p: Participant, request_: Prepare, reason: str | None) -> None:
    assert play(promises.answer(p, request_)) == (p, Refusal(reason) if reason else None, [])


# This pod asks.


def facts_of(p: Participant, *others: PodState | int) -> Facts:
    return seen_by(p.pod_state, *others)


def test_the_own_promise_is_written_before_any_other_pod_is_asked() -> None:
    p = waiting(override=OVERRIDE)
    state = replace(p.durable, promise=MINE._replace(term=1), highest_term=1, override=None)
    asking = play(promises.campaign(p, facts_of(p, frozen(1), frozen(2)), DECISION))
    assert [type(effect) for effect in asking.effects] == [VoidPermission, Persist, Note]
    assert asking.effects[1] == Persist(state)
    own = asking.p.pod_state
    assert own.promise == state.promise
    assert asking.answer == {f"galera-{o}": Prepare(MINE._replace(term=1), own, f"run-{o}", DISK) for o in (1, 2)}
    wait = Wait("most-advanced", "it has everything; asking galera-1, galera-2 for a promise")
    assert asking.p.result == RoundResult(wait, promise=state.promise, is_of_round=True)


def test_only_pods_that_are_missing_and_have_a_disk_are_asked() -> None:
    p = waiting(promise=MINE)
    others: list[PodState | int] = [frozen(1), frozen(2, promise=MINE), running(3), 4]
    asking = play(promises.campaign(p, facts_of(p, *others), DECISION))
    assert set(asking.answer) == {"galera-1"}
    assert "asking galera-1, galera-3, galera-4 for" in asking.p.result.decision.reason
    assert asking.effects == []


def test_a_sole_pod_is_permitted_by_its_own_promise_at_once() -> None:
    p = waiting()
    p = p._replace(identity=p.identity._replace(configured=frozenset({0})))
    alone = play(promises.campaign(p, facts_of(p), DECISION))
    mine = MINE._replace(term=1)
    assert [type(effect) for effect in alone.effects] == [VoidPermission, Persist, Note, GrantPermission]
    assert alone.effects[-1] == GrantPermission(1)
    assert alone.answer == {}
    assert alone.p.result == RoundResult(DECISION, Action.BOOTSTRAP, mine, is_of_round=True)
    assert alone.p.permission == 1


def test_all_bound_is_the_permission() -> None:
    p = waiting(promise=MINE)
    peers = [frozen(1, promise=MINE), frozen(2, promise=MINE)]
    permitted = play(promises.campaign(p, facts_of(p, *peers), DECISION))
    assert permitted.effects == [GrantPermission(4)]
    assert permitted.answer == {}
    assert permitted.p.result == RoundResult(DECISION, Action.BOOTSTRAP, MINE, is_of_round=True)


def test_a_pod_that_has_promised_to_another_one_asks_nobody() -> None:
    p = waiting(promise=THEIRS)
    wait = RoundResult(Wait("most-advanced", "another pod asked for a promise first"), is_of_round=True)
    assert play(promises.campaign(p, facts_of(p, frozen(1), frozen(2)), DECISION)) == (p._replace(result=wait), {}, [])


def test_a_candidacy_that_cannot_be_written_asks_nobody() -> None:
    p = waiting()
    failed = play(promises.campaign(p, facts_of(p, frozen(1), frozen(2)), DECISION), Persist=FULL)
    hold = RoundResult(Hold("journal", FULL), is_of_round=True)
    assert failed.answer == {}
    assert [type(effect) for effect in failed.effects] == [VoidPermission, Persist]
    assert failed.p == p._replace(fault=FULL, result=hold)


@pytest.mark.parametrize(
    ("p", "peer", "term"),
    [
        (waiting(epoch=7), frozen(1), 8),
        (waiting(), frozen(1, epoch=9), 10),
        (waiting(promise=MINE).abandon_term(4), frozen(1), 5),
        (waiting(promise=MINE).abandon_term(6), frozen(1), 7),
    ],
    ids=["the own epoch", "another pod's epoch", "the own term was given up", "a later one was given up"],
)
def test_a_candidacy_is_in_a_new_term_above(p: Participant, peer: PodState, term: int) -> None:
    opened = play(promises.open_candidacy(p, facts_of(p, peer)))
    assert opened.answer == ""
    assert opened.p.durable.promise == Promise(term, 0, "run-0")


@pytest.mark.parametrize(
    "p",
    [waiting(promise=MINE), waiting(promise=MINE).abandon_term(3), waiting(promise=THEIRS).abandon_term(9)],
    ids=["its candidacy is open", "an earlier term was given up", "it is bound to another pod"],
)
def test_no_candidacy_is_opened_if(p: Participant) -> None:
    assert play(promises.open_candidacy(p, facts_of(p, frozen(1)))) == (p, "", [])


# The others have answered.


def reply(ordinal: int, reason: str = "") -> PrepareReply:
    return PrepareReply(frozen(ordinal), Refusal(reason) if reason else None)


def test_a_refusal_ends_the_candidacy() -> None:
    p = waiting(promise=MINE)._replace(permission=4)
    p = p._replace(result=RoundResult(DECISION, Action.BOOTSTRAP, MINE, is_of_round=True))
    replies: dict[str, PrepareReply | Unknown] = {
        "galera-1": reply(1, "no"),
        "galera-2": reply(2),
        "galera-3": SILENT,
        "galera-4": reply(4, "never"),
    }
    ended = play(promises.collect(p, replies))
    reason = "term 4 is given up: refused by galera-1: no; galera-4: never"
    state = replace(p.durable, promise=None)
    assert ended.effects == [VoidPermission(), Persist(state), Trouble(KEEPING, ""), Note("promise", reason)]
    assert ended.p == p._replace(durable=state, permission=0).abandon_term(4).with_result(
        RoundResult(DECISION, Action.BOOTSTRAP, None, is_of_round=True)
    )


@pytest.mark.parametrize(
    ("replies", "effects"),
    [
        ({"galera-1": reply(1), "galera-2": reply(2)}, [Hurry()]),
        ({"galera-1": reply(1), "galera-2": SILENT}, []),
        ({"galera-1": SILENT, "galera-2": reply(2)}, []),
    ],
    ids=["all have", "the second one has not", "the first one has not"],
)
def test_the_next_round_begins_at_once_where_all_have_answered(
    replies: dict[str, PrepareReply | Unknown], effects: list[object]
) -> None:
    p = waiting(promise=MINE)
    assert play(promises.collect(p, replies)) == (p, None, effects)


# A promise ends.


STALE = ALL_FRESH._replace(round_after_promise=False)
PRIMARY = ((1, running(1, epoch=4)),)
FROZEN = ((1, frozen(1)),)


@pytest.mark.parametrize(
    "p",
    [
        waiting(promise=THEIRS, override=OVERRIDE)._replace(peers=PRIMARY),
        waiting(promise=MINE).abandon_term(4)._replace(peers=FROZEN),
        waiting(promise=MINE).abandon_term(4)._replace(peers=PRIMARY, freshness=STALE),
    ],
    ids=["its candidate is Primary", "this pod has given it up", "this pod has given it up, and answers are old"],
)
def test_a_promise_has_ended_when(p: Participant) -> None:
    state = replace(p.durable, promise=None, override=None)
    assert play(promises.end(p)) == (
        p._replace(durable=state),
        None,
        [Persist(state), Trouble(KEEPING, ""), Note("promise", "the promise of term 4 has ended"), Hurry()],
    )


@pytest.mark.parametrize(
    "p",
    [
        waiting()._replace(peers=PRIMARY),
        waiting(promise=THEIRS)._replace(peers=FROZEN),
        waiting(promise=THEIRS)._replace(peers=PRIMARY, freshness=STALE),
    ],
    ids=["there is none", "its candidate only waits", "its candidate was Primary before it was made"],
)
def test_no_promise_ends_when(p: Participant) -> None:
    assert play(promises.end(p)) == (p, None, [])


def test_the_end_of_a_promise_is_reported_when_it_is_written() -> None:
    p = waiting(promise=THEIRS)._replace(peers=PRIMARY)
    state = replace(p.durable, promise=None)
    failed = play(promises.end(p), Persist=FULL)
    assert failed == (p._replace(fault=FULL), None, [Persist(state), Trouble(KEEPING, FULL)])


def test_a_candidacy_is_given_up_after_its_permission_is_taken_back() -> None:
    p = waiting(promise=MINE)._replace(permission=4)
    state = replace(p.durable, promise=None)
    assert play(promises.abandon(p, "it is late")) == (
        p._replace(permission=0, durable=state).abandon_term(4),
        None,
        [VoidPermission(), Persist(state), Trouble(KEEPING, ""), Note("promise", "term 4 is given up: it is late")],
    )


def test_an_override_is_void_with_its_candidacy() -> None:
    p = waiting(promise=MINE, override=OVERRIDE)
    outcome = OverrideOutcome(4, OverrideState.VOID, "it is late")
    state = replace(p.durable, promise=None, override=None)
    assert play(promises.abandon(p, "it is late")).p == p._replace(durable=state).abandon_term(4).with_outcome(outcome)


def taken(p: Participant) -> Participant:
    return p._replace(lifecycle=p.lifecycle.took(Action.BOOTSTRAP, 4))


@pytest.mark.parametrize(
    "p",
    [waiting(), waiting(promise=THEIRS), taken(waiting(promise=MINE))],
    ids=["there is none", "it is another pod's", "the starter has taken its permission"],
)
def test_no_candidacy_is_given_up_if(p: Participant) -> None:
    assert play(promises.abandon(p, "it is late")) == (p, None, [])


# A result is published.


BOOTSTRAP = RoundResult(DECISION, Action.BOOTSTRAP, MINE, is_of_round=True)


def test_a_bootstrap_is_published_with_its_permission() -> None:
    p = waiting(promise=MINE)._replace(freshness=Freshness(round_after_report=True))
    after = p._replace(
        result=BOOTSTRAP, permission=4, freshness=Freshness(round_after_report=True, result_after_report=True)
    )
    assert play(promises.publish(p, BOOTSTRAP)) == (after, None, [GrantPermission(4)])


def test_a_permission_that_cannot_be_written_is_none() -> None:
    p = waiting(promise=MINE)
    hold = RoundResult(Hold("permission", FULL), is_of_round=True)
    failed = play(promises.publish(p, BOOTSTRAP), GrantPermission=FULL)
    assert failed == (p._replace(result=hold), None, [GrantPermission(4)])


def test_a_result_from_before_the_report_is_marked_so() -> None:
    p = waiting()._replace(freshness=ALL_FRESH._replace(round_after_report=False))
    assert not play(promises.publish(p, BOOTSTRAP)).p.freshness.result_after_report


@pytest.mark.parametrize(
    ("p", "result"),
    [
        (waiting(promise=MINE)._replace(permission=4), BOOTSTRAP),
        (taken(waiting(promise=MINE)), BOOTSTRAP),
        (member(promise=MINE), BOOTSTRAP),
        (waiting(promise=MINE), replace(BOOTSTRAP, promise=None)),
        (waiting(promise=MINE), replace(BOOTSTRAP, action=Action.JOIN)),
        (waiting(promise=MINE), replace(BOOTSTRAP, action=None)),
    ],
    ids=["it is there", "it was taken", "the server runs", "nothing is promised", "it is a join", "it is no action"],
)
def test_no_permission_is_written_if(p: Participant, result: RoundResult) -> None:
    assert play(promises.publish(p, result)) == (p._replace(result=result), None, [])
