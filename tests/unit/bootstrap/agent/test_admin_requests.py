"""Overrides: a real agent on a real socket, and a human at the other end."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.agent import admin_requests
from bootstrap.agent.ports import Answer
from bootstrap.control.override_messages import (
    Discard,
    OverrideAnswer,
    Progress,
    RequestOverride,
)
from bootstrap.control.starter_messages import AwaitDecision, Hello, Report, TakePermission
from bootstrap.control.status_messages import Status
from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Hold
from bootstrap.core.decision.override import survey_pods
from bootstrap.core.model.action import Action
from bootstrap.core.model.codec import Json
from bootstrap.core.model.disk import FULL, DataClass, Disk, Obstacle, ObstacleKind, Position
from bootstrap.core.model.facts import Facts, Fork, Override, Phase, Promise
from bootstrap.core.model.messages import Prepare, PrepareReply, Refusal
from bootstrap.core.participant.orders import Order, OverrideOutcome, OverrideState
from bootstrap.core.participant.promises import bind
from tests.support.bootstrap.records import (
    NOT_ASKED,
    REFUSING,
    STRANGE,
    A,
    B,
    blank,
    busy,
    frozen,
    running,
    seen_by,
)
from tests.unit.bootstrap.agent.test_control_handler import Office, report, send, wait_for_action, with_data


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.close()


FIRST = 1_000_000_000_000
"""The first epoch of an override in pod 0."""


def force(
    office: Office, epoch: int | None = None, without: frozenset[str] = frozenset(), ahead: frozenset[str] = frozenset()
) -> OverrideAnswer:
    return office.client().ask(RequestOverride(epoch, without, ahead))


def test_a_question_changes_nothing_and_shows_what_an_override_would_need(office: Office) -> None:
    with_data(office.client())
    office.peers["galera-1"] = frozen(1, 6)
    answer = force(office)
    survey = answer.survey
    assert survey is not None
    assert (answer.refusal, survey.pod, survey.epoch, survey.base) == ("", "galera-0", FIRST, f"{A}:5")
    assert (survey.unreachable, survey.ahead) == (("galera-2",), ("galera-1",))
    assert [member.name for member in survey.members] == ["galera-0", "galera-1", "galera-2"]
    assert office.agent.durable.override is None
    assert office.agent.durable.overrides == ()


ONE, TWO, BOTH = frozenset({"galera-1"}), frozenset({"galera-2"}), frozenset({"galera-1", "galera-2"})


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (RequestOverride(1), f"epoch 1 is not the next one, {FIRST}"),
        (RequestOverride(FIRST), "galera-2 does not answer and is not named"),
        (RequestOverride(FIRST, TWO), "galera-1 may hold more and is not named"),
        (RequestOverride(FIRST, frozenset(), ONE), "galera-2 does not answer and is not named"),
        (RequestOverride(FIRST, BOTH, ONE), "galera-1 is named by --without"),
        (RequestOverride(FIRST, TWO | {"mysql-7"}, ONE), "mysql-7 is named by --without"),
        (RequestOverride(FIRST, TWO, BOTH), "galera-2 is named by --although"),
    ],
)
def test_an_override_that_does_not_fit_what_is_known_now_is_refused(
    office: Office, request_: RequestOverride, why: str
) -> None:
    with_data(office.client())
    office.peers["galera-1"] = frozen(1, 6)
    assert why in office.client().ask(request_).refusal
    assert office.agent.durable.override is None
    assert office.agent.durable.promise is None


def test_an_override_is_durable_before_any_pod_is_asked_and_void_when_a_pod_refuses(office: Office) -> None:
    with_data(office.client())
    office.peers["galera-1"] = frozen(1, 3)
    asked: list[Prepare] = []

    def refuse(requests: dict[str, Prepare]) -> dict[str, Answer]:
        written = office.agent.journal.read()
        assert written is not None
        assert written.override is not None
        assert written.promise is not None
        asked.extend(requests.values())
        return {name: PrepareReply(frozen(1, 3), Refusal("no")) for name in requests}

    office.agent.ports = office.agent.ports._replace(ask_promises=refuse)
    assert force(office, FIRST, TWO).refusal == ""
    outcome = wait_for_outcome(office)
    assert (outcome.state, outcome.epoch) == (OverrideState.VOID, FIRST)
    assert "refused by galera-1: no" in outcome.line
    (given,) = (request.candidate.override for request in asked)
    assert given is not None
    assert given.history not in (A, "")
    assert given._replace(history="") == Override(FIRST, Position(A, 5), frozenset({2}))
    with office.agent.changed:
        memory = office.agent.durable
    assert memory.override is None
    assert f"force epoch {FIRST} " in memory.overrides[0]
    # The term has been used: the next override needs another one.
    survey = force(office).survey
    assert survey is not None
    assert survey.epoch == 2 * FIRST


def wait_for_outcome(office: Office) -> OverrideOutcome:
    client = office.client()
    while (outcome := client.ask(Progress()).override).state is OverrideState.PENDING:
        time.sleep(0.01)
    return outcome


def test_an_accepted_override_leaves_a_fork_and_is_used_once(office: Office) -> None:
    starter = office.client()
    with_data(starter)
    assert force(office, FIRST, BOTH).refusal == ""
    while (decision := starter.ask(TakePermission()).decision).action is None:
        pass
    assert (decision.action, decision.forced, decision.term) == (Action.BOOTSTRAP, True, FIRST)
    memory = office.agent.journal.read()
    assert memory is not None
    assert (memory.lineage, memory.override) == ((Fork(A, 5, FIRST, decision.history),), None)
    assert memory.pending_history == decision.history != A
    assert starter.ask(TakePermission()).decision.action is None
    hello = office.client().ask(Hello())
    assert (hello.hints.base, hello.hints.history) == (Position(A, 5), decision.history)


def test_nothing_is_forced_where_the_rules_find_an_answer(office: Office) -> None:
    with_data(office.client(), 5)
    office.peers |= {"galera-1": frozen(1, 3), "galera-2": frozen(2, 4)}
    assert "it is not needed" in force(office).refusal


def test_nothing_is_discarded_without_a_primary_or_by_a_pod_that_may_join(office: Office) -> None:
    with_data(office.client())
    client = office.client()
    assert "no Primary Component is known" in client.ask(Discard(delete=False)).refusal
    office.peers["galera-1"] = running(1, 50, size=1)
    assert "does not hold" in client.ask(Discard(delete=False)).refusal
    office.peers["galera-2"] = running(2, 50, uuid=B)
    assert "two clusters are alive" in client.ask(Discard(delete=False)).refusal
    assert office.agent.state.orders.pending == ""


AHEAD = frozen(0, 99)


def confirmed(facts: Facts) -> Facts:
    return replace(facts, is_primary_confirmed=True)


NOT_DISCARDED: dict[str, tuple[Facts, str]] = {
    "no Primary is known": (seen_by(AHEAD, frozen(1), 2), "no Primary Component is known"),
    "one of two members is heard": (
        confirmed(seen_by(AHEAD, running(1, size=2), 2)),
        "galera-1 is Primary with 2 members, 1 of them heard: it may have lost its quorum; the data here may be the",
    ),
    "one of two members is heard, and my datadir cannot be read": (
        confirmed(seen_by(blank(0, DataClass.UNKNOWN), running(1, size=2), 2)), "it may have lost its quorum"),
    "half of the members are heard": (
        confirmed(seen_by(AHEAD, running(1, size=4), running(2, size=4), 3, 4)), "with 4 members, 2 of them heard"),
    "the round before has heard another Primary": (
        seen_by(AHEAD, running(1, size=1), 2), "the Primary Component of galera-1 has just changed"),
    "two clusters": (confirmed(seen_by(AHEAD, running(1), running(2, uuid=B))), "two clusters are alive"),
    "a pod refuses our key": (
        confirmed(seen_by(AHEAD, running(1, size=1), unknown={2: STRANGE})), "galera-2 answers, but it does"),
    "a pod could not be asked": (
        confirmed(seen_by(AHEAD, running(1, size=1), unknown={2: NOT_ASKED})), "galera-2 is not known to be silent"),
    "this pod joins": (confirmed(seen_by(frozen(0, 5), running(1, 50, size=1), 2)), "this pod does not hold"),
    "my server runs": (confirmed(seen_by(running(0), running(1), 2)), "this pod is running, it does not hold"),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "why"), NOT_DISCARDED.values(), ids=NOT_DISCARDED.keys())
def test_nothing_is_discarded_unless_a_cluster_certainly_lives(facts: Facts, why: str) -> None:
    assert admin_requests.why_not_discardable(facts).partition(why)[1] == why


DISCARDED: dict[str, Facts] = {
    "the only member is heard": seen_by(AHEAD, running(1, size=1), 2),
    "most members are heard": seen_by(AHEAD, running(1), running(2), 3),
    "one of two has been Primary for long": replace(
        seen_by(AHEAD, running(1, size=2), 2), has_primary_kept_quorum=True
    ),
    "my datadir cannot be read": seen_by(blank(0, DataClass.UNKNOWN), running(1, size=1), 2),
}


@pytest.mark.parametrize("facts", DISCARDED.values(), ids=DISCARDED.keys())
def test_what_holds_beside_a_cluster_that_certainly_lives_may_be_discarded(facts: Facts) -> None:
    assert admin_requests.why_not_discardable(confirmed(facts)) == ""


FULL_VOLUME = Disk(DataClass.UNKNOWN, detail=f"recovery ended; {FULL}: make room")
NO_ROOM = Disk(DataClass.CLEAN, Position(A, 5), obstacle=Obstacle(ObstacleKind.ROOM, "42 MiB are missing"))


@pytest.mark.parametrize("disk", [FULL_VOLUME, NO_ROOM])
def test_without_room_for_two_datadirs_nothing_is_put_aside_but_it_may_be_deleted(disk: Disk) -> None:
    facts = confirmed(seen_by(replace(blank(0), disk=disk), running(1, 50, size=1), 2))
    assert isinstance(decide(facts), Hold)
    assert "there is no room for a full copy beside it: make room first" in admin_requests.why_not_discardable(facts)
    assert admin_requests.why_not_discardable(facts, delete=True) == ""


def test_a_discard_ends_only_a_promise_to_another_pod_that_is_silent() -> None:
    bound = frozen(0, promise=Promise(4, 2, "run-2"))
    assert admin_requests.is_promised_to_silent_pod(seen_by(bound, frozen(1), 2))
    assert admin_requests.is_promised_to_silent_pod(seen_by(bound, frozen(1), unknown={2: REFUSING}))
    for answering in (seen_by(bound, frozen(1), frozen(2)), seen_by(bound, frozen(1), busy(2, Phase.BOOTSTRAPPING))):
        assert not admin_requests.is_promised_to_silent_pod(answering)
    for unclear in (STRANGE, NOT_ASKED):
        assert not admin_requests.is_promised_to_silent_pod(seen_by(bound, frozen(1), unknown={2: unclear}))
    assert not admin_requests.is_promised_to_silent_pod(seen_by(frozen(0), 1, 2))
    assert not admin_requests.is_promised_to_silent_pod(seen_by(frozen(0, promise=Promise(4, 0, "run-0")), 1, 2))


def test_a_discard_leaves_a_promise_to_a_pod_that_answers(office: Office) -> None:
    """What holds this pod is its own datadir, and the candidate may be about to start."""
    starter = office.client()
    report(starter, DataClass.UNKNOWN)
    promise = Promise(7, 2, "run-2")
    with office.agent.changed:
        assert office.agent.step(bind, promise, office.agent.durable) == ""
    office.peers |= {"galera-1": running(1, 50, size=1), "galera-2": busy(2, Phase.BOOTSTRAPPING, run_id="run-2")}
    assert office.client().ask(Discard(delete=False)).refusal == ""
    with office.agent.changed:
        assert office.agent.durable.promise == promise


def test_an_epoch_that_another_candidate_has_used_meanwhile_is_not_used_again(office: Office) -> None:
    """While the human's request waits for its round, this pod promises that very term to another pod."""
    with_data(office.client())
    epoch = force(office).survey.epoch  # type: ignore[union-attr]
    with office.agent.changed:
        facts = office.agent.facts()
        found = survey_pods(facts)
        office.agent.step(bind, Promise(epoch, 1, "run-1"), office.agent.durable)
        refusal = admin_requests.accept_override(office.agent, facts, found, adopt=False)
        assert refusal == f"epoch {epoch} has been used meanwhile: look again"
        assert office.agent.durable.promise == Promise(epoch, 1, "run-1")
        assert office.agent.durable.override is None


def test_no_override_is_accepted_beside_agents_with_another_key(office: Office) -> None:
    with_data(office.client())
    office.peers |= {"galera-1": STRANGE, "galera-2": STRANGE}
    answer = force(office)
    assert answer.refusal.startswith("galera-1 answers, but it does not accept our key or our cluster id")
    assert answer.survey is not None
    assert answer.survey.unreachable == ()
    assert "galera-1 answers, but" in force(office, answer.survey.epoch, BOTH).refusal
    assert office.agent.durable.override is None
    status = office.client().ask(Status())
    assert any("galera-2 answers, but" in step.text for step in status.steps)
    assert not any("force" in command for step in status.steps for command in step.commands)
    assert status.avoid.startswith("force or discard anything: galera-1, galera-2 may live")


def test_an_override_is_void_when_a_pod_that_it_gives_up_answers_and_is_not_understood(office: Office) -> None:
    with_data(office.client())
    office.peers["galera-1"] = frozen(1, 3)  # it does not answer requests for a promise
    survey = force(office).survey
    assert survey is not None
    assert force(office, survey.epoch, TWO).refusal == ""
    office.peers["galera-2"] = STRANGE
    outcome = wait_for_outcome(office)
    assert (outcome.state, outcome.epoch) == (OverrideState.VOID, survey.epoch)
    assert "galera-2 answers, but" in outcome.line


def test_the_starter_is_ordered_to_discard_and_takes_nothing_before_it_has(office: Office) -> None:
    starter = office.client()
    with_data(starter, 99)
    office.peers["galera-1"] = running(1, 50, size=1)
    answer = office.client().ask(Discard(delete=True))
    assert (answer.refusal, answer.line) == ("", f"discard CRASHED {A}:99, deleted")
    memory = office.agent.journal.read()
    assert memory is not None
    assert memory.joining_boot_id
    assert "discard CRASHED" in memory.overrides[0]
    while starter.ask(AwaitDecision()).order is not Order.DELETE:
        pass
    assert starter.ask(TakePermission()).decision.action is None
    report(starter, DataClass.SST_INTERRUPTED)
    wait_for_action(starter)
    assert starter.ask(TakePermission()).decision.action is Action.JOIN


def test_a_discard_that_was_not_done_is_reported(office: Office) -> None:
    starter = office.client()
    with_data(starter, 99)
    office.peers["galera-1"] = running(1, 50, size=1)
    for data_class, failed in ((DataClass.CRASHED, Order.DISCARD), (DataClass.SST_INTERRUPTED, Order.NONE)):
        assert office.client().ask(Discard(delete=False)).refusal == ""
        starter.ask(Report(Disk(data_class, Position(A, 99) if failed else None), "print"))
        progress = office.client().ask(Progress())
        assert (progress.pending_order, progress.failed_order) == (Order.NONE, failed)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epoch": "1"}, {"epoch": True}, {"epoch": -1}, {"without": "galera-1"}, {"although_ahead": None}, {"adopt": 1},
        {"without": [1]},
    ],
)  # fmt: skip
def test_an_invalid_override_is_no_override(office: Office, wrong: Json) -> None:
    with_data(office.client())
    assert send(office.client(), {**RequestOverride(1, BOTH).message(), **wrong}) is None
    assert office.agent.durable.override is None
