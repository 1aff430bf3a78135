"""The agent's side of its socket: real agent, real socket, and starters and humans at the other end."""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import control_handler
from bootstrap.agent.agent import Agent
from bootstrap.agent.control_handler import REQUESTS, ControlHandler
from bootstrap.agent.ports import Answer, Ports
from bootstrap.control import override_messages, pod_messages, starter_messages, status_messages
from bootstrap.control.channel import Client, Server
from bootstrap.control.override_messages import (
    Discard,
    OverrideAnswer,
    OverrideOutcome,
    OverrideState,
    Progress,
    RequestOverride,
)
from bootstrap.control.pod_messages import Health, HealthAnswer, Leave, Members, MembersAnswer
from bootstrap.control.request import Request
from bootstrap.control.starter_messages import (
    AgentDecision,
    AwaitDecision,
    DecisionKind,
    Hello,
    HelloAnswer,
    Order,
    Report,
    TakePermission,
)
from bootstrap.control.status_messages import EXPLAIN_SCHEMA, STATUS_SCHEMA, Events, Explain, MemberStatus, Status
from bootstrap.core.decision.decide import RULES, Rule
from bootstrap.core.model.codec import Json, dump
from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.core.model.facts import Fork, Override, Phase, PodState, Unknown
from bootstrap.core.model.lifecycle import Action
from bootstrap.core.model.messages import Prepare, PrepareReply, Refusal
from tests.support.bootstrap.fleet import settings_of
from tests.support.bootstrap.records import A, B, frozen, running

PATIENCE_S = 60.0


class Office:
    """An agent whose loop turns in a thread, and its socket."""

    def __init__(self, root: Path) -> None:
        self.settings = settings_of(root, 0)
        self.settings.run_dir.mkdir(parents=True)
        self.free = True
        self.peers: dict[str, PodState | Unknown] = {}
        world = Ports(
            lock_is_free=lambda: self.free, server_status=lambda: "timed out", ask_states=self.records,
            ask_promises=self.promises, sync_volume=str, last_view=lambda: None, applied_position=str, stop_server=str,
            dns_ordinals=frozenset, log=lambda _: None,
        )  # fmt: skip
        self.agent = Agent(self.settings, "cluster", world)
        self.server = Server(self.settings.agent_socket, ControlHandler(self.agent).serve)
        self.clients: list[Client] = []
        self.over = False
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def records(self, names: list[str]) -> dict[str, PodState | Unknown]:
        return {name: self.peers.get(name, Unknown("silent")) for name in names}

    def promises(self, asked: dict[str, Prepare]) -> dict[str, Answer]:
        return {name: Unknown("silent") for name in asked}

    def loop(self) -> None:
        while not self.over:
            self.agent.round()
            self.agent.wake.wait(0.02)
            self.agent.wake.clear()

    def client(self) -> Client:
        self.clients.append(Client(self.settings.agent_socket))
        return self.clients[-1]

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.over = True
        self.thread.join()
        self.server.close()

    def until(self, phase: Phase) -> None:
        with self.agent.changed:
            assert self.agent.changed.wait_for(lambda: self.agent.lifecycle.phase is phase, PATIENCE_S)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.close()


def report(client: Client, data_class: DataClass = DataClass.EMPTY) -> None:
    client.ask(Hello())
    client.ask(Report(Disk(data_class), "print"))


def wait_for_action(client: Client) -> AgentDecision:
    while (decision := client.ask(AwaitDecision()).decision).action is None:
        pass
    return decision


def send(client: Client, message: Json) -> Json | None:
    """Send what is no request, and wait for the answer."""
    client.connection.send(message)
    return client.connection.receive()


def test_each_request_is_known_by_its_name() -> None:
    kinds = {
        kind
        for module in (starter_messages, pod_messages, status_messages, override_messages)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Request) and kind is not Request
    }
    assert set(REQUESTS.values()) == kinds
    assert all(REQUESTS[kind.op] is kind for kind in kinds)


@pytest.mark.parametrize(
    "request_",
    [
        Hello(), Report(Disk(DataClass.CLEAN, Position(A, 5)), "print"), AwaitDecision(), TakePermission(), Members(),
        Status(), Explain(), Events(), Health(), Leave(), Progress(), Discard(delete=True), RequestOverride(),
        RequestOverride(3, frozenset({"galera-1"}), frozenset({"galera-2"}), adopt=True),
    ],
    ids=repr,
)  # fmt: skip
def test_a_request_arrives_as_it_was_sent(request_: Request[Any]) -> None:
    assert control_handler.read_request(request_.message()) == request_


def test_the_answer_to_a_hello_has_what_a_starter_needs_to_know(office: Office) -> None:
    assert office.client().ask(Hello()) == HelloAnswer(
        ordinals=frozenset({0, 1, 2}),
        addresses={},
        joining=False,
        same_boot=False,
        initialised=False,
        disk=None,
        fingerprint="",
        base=None,
    )


def test_a_probe_is_answered_without_the_loop_and_without_the_lock(office: Office) -> None:
    client = office.client()
    with office.agent.changed:
        office.over = True
        assert client.ask(Health()) == HealthAnswer(live=True, ready=False, readiness="stopped")


def test_a_report_is_offered_to_the_next_starter(office: Office) -> None:
    first = office.client()
    report(first)
    first.close()
    office.until(Phase.FROZEN)
    hello = office.client().ask(Hello())
    assert (hello.disk, hello.fingerprint) == (Disk(DataClass.EMPTY), "print")


def test_a_starter_waits_and_takes(office: Office) -> None:
    client = office.client()
    report(client)
    decision = client.ask(AwaitDecision()).decision
    assert (decision.kind, decision.action, decision.rule) == (DecisionKind.WAIT, None, "all-heard")
    office.peers["galera-1"] = running(1, 50)
    decision = wait_for_action(client)
    assert (decision.kind, decision.rule) == (DecisionKind.JOIN, "join")
    assert client.ask(TakePermission()).decision.action is Action.JOIN
    assert office.agent.lifecycle.phase is Phase.JOINING
    assert client.ask(TakePermission()).decision.action is None


def test_a_client_that_has_not_said_hello_takes_nothing(office: Office) -> None:
    starter, stranger = office.client(), office.client()
    report(starter)
    office.peers["galera-1"] = running(1, 50)
    wait_for_action(starter)
    assert stranger.ask(TakePermission()).decision.action is None
    stranger.ask(Report(Disk(DataClass.UNKNOWN), "x"))
    assert office.agent.lifecycle.disk == Disk(DataClass.EMPTY)
    assert starter.ask(TakePermission()).decision.action is Action.JOIN


def test_without_a_hello_there_is_no_starter_to_report_or_to_take(office: Office) -> None:
    """No starter holds the volume's lock then, so a report on its datadir proves nothing."""
    stranger = office.client()
    stranger.ask(Report(Disk(DataClass.EMPTY), "print"))
    office.peers["galera-1"] = running(1, 50)
    stranger.ask(AwaitDecision())
    assert office.agent.lifecycle.disk is None
    assert stranger.ask(TakePermission()).decision.action is None
    assert not office.agent.durable.joining_boot_id


def test_a_starter_that_goes_is_noticed(office: Office) -> None:
    client = office.client()
    report(client)
    office.free = False
    client.close()
    office.until(Phase.UNKNOWN)
    office.free = True
    office.until(Phase.STARTING)


def test_a_starter_that_was_killed_while_it_waited_does_not_unseat_the_next_one(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_handler, "PATIENCE_S", 0.5)
    killed = office.client()
    report(killed)
    killed.ask(AwaitDecision())
    killed.connection.send(AwaitDecision().message())  # the agent waits for a decision while the starter dies
    killed.close()
    office.free = False
    following = office.client()
    report(following)
    for _ in range(4):
        following.ask(AwaitDecision())
    assert office.agent.lifecycle.phase is Phase.FROZEN
    office.peers["galera-1"] = running(1, 50)
    wait_for_action(following)
    assert following.ask(TakePermission()).decision.action is Action.JOIN


def test_a_human_who_looks_is_no_starter(office: Office) -> None:
    human = office.client()
    human.ask(Status())
    human.ask(Explain())
    assert human.ask(Members()) == MembersAnswer(frozenset({0, 1, 2}))
    human.close()
    assert office.agent.starter == 0


def test_an_unknown_request_is_answered_by_an_error(office: Office) -> None:
    client = office.client()
    assert send(client, {"op": "bootstrap now"}) == {"error": "unknown request 'bootstrap now'"}
    assert send(client, {}) == {"error": "unknown request 'None'"}
    assert client.ask(Members())


@pytest.mark.parametrize("disk", [None, {}, {"class": "CLEAN"}, [], "CLEAN"])
def test_an_invalid_report_ends_the_conversation_and_counts_for_nothing(disk: object, office: Office) -> None:
    client = office.client()
    client.ask(Hello())
    assert send(client, {"op": "report", "disk": disk, "fingerprint": ""}) is None
    office.until(Phase.STARTING)
    assert office.client().ask(Members())


def test_status_has_the_same_keys_for_known_and_unknown_members(office: Office) -> None:
    office.peers["galera-1"] = running(1, 50)
    client = office.client()
    report(client)
    wait_for_action(client)
    status = client.ask(Status())
    assert (status.schema, status.pod) == (STATUS_SCHEMA, "galera-0")
    own, alive, silent = status.members
    assert [member.name for member in status.members] == ["galera-0", "galera-1", "galera-2"]
    assert [member.answer for member in status.members] == ["ok", "ok", "unknown: silent"]
    assert [member.is_known for member in status.members] == [True, True, False]
    assert (own.phase, own.data_class, own.seqno) == (Phase.FROZEN, DataClass.EMPTY, None)
    assert (alive.phase, alive.uuid, alive.seqno) == (Phase.RUNNING, A, 50)
    assert silent == MemberStatus("galera-2", 2, "unknown: silent")
    assert dump(own).keys() == dump(silent).keys()
    assert list(dump(silent))[:5] == ["name", "ordinal", "answer", "phase", "class"]


def test_explain_walks_the_rules_up_to_the_one_that_decides(office: Office) -> None:
    client = office.client()
    report(client)
    while client.ask(AwaitDecision()).decision.rule != "all-heard":
        pass
    explanation = client.ask(Explain())
    assert explanation.schema == EXPLAIN_SCHEMA
    names = [rule.name for rule in RULES]
    assert [rule.rule for rule in explanation.rules] == names[: len(explanation.rules)]
    assert all(rule.about.endswith((".", ":")) for rule in explanation.rules)
    assert all(rule.answer is None for rule in explanation.rules[:-1])
    assert "galera-1 (unknown: silent)" in str(explanation.rules[-1].answer)


def test_no_answer_has_the_number_of_a_race(office: Office) -> None:
    """They are for developers; users see the names of rules."""
    with_data(office.client())
    office.peers |= {"galera-1": frozen(1, 3), "galera-2": frozen(2, 4)}
    client = office.client()
    questions: list[Request[Any]] = [
        Status(),
        Explain(),
        Events(),
        RequestOverride(),
        Progress(),
        Discard(delete=False),
    ]
    for question in questions:
        assert not re.search(r"\bR\d", str(send(client, question.message())))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_explain_shows_of_a_rule_has_no_number_of_a_race(rule: Rule) -> None:
    about = control_handler.describe_rule(rule)
    assert about
    assert not re.search(r"\bR\d", about)


# Overrides.


def force(
    office: Office, epoch: int | None = None, without: frozenset[str] = frozenset(), ahead: frozenset[str] = frozenset()
) -> OverrideAnswer:
    return office.client().ask(RequestOverride(epoch, without, ahead))


def with_data(client: Client, seqno: int = 5) -> None:
    client.ask(Hello())
    client.ask(Report(Disk(DataClass.CRASHED, Position(A, seqno)), "print"))


def test_a_question_changes_nothing_and_shows_what_an_override_would_need(office: Office) -> None:
    with_data(office.client())
    office.peers["galera-1"] = frozen(1, 6)
    answer = force(office)
    survey = answer.survey
    assert survey is not None
    assert (answer.refusal, survey.pod, survey.epoch, survey.base) == ("", "galera-0", 1, f"{A}:5")
    assert (survey.unreachable, survey.ahead) == (("galera-2",), ("galera-1",))
    assert [member.name for member in survey.members] == ["galera-0", "galera-1", "galera-2"]
    assert office.agent.durable.override is None
    assert office.agent.durable.overrides == ()


ONE, TWO, BOTH = frozenset({"galera-1"}), frozenset({"galera-2"}), frozenset({"galera-1", "galera-2"})


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (RequestOverride(2), "epoch 2 is not the next one, 1"),
        (RequestOverride(1), "galera-2 does not answer and is not named"),
        (RequestOverride(1, TWO), "galera-1 may hold more and is not named"),
        (RequestOverride(1, frozenset(), ONE), "galera-2 does not answer and is not named"),
        (RequestOverride(1, BOTH, ONE), "galera-1 is named by --without"),
        (RequestOverride(1, TWO | {"mysql-7"}, ONE), "mysql-7 is named by --without"),
        (RequestOverride(1, TWO, BOTH), "galera-2 is named by --although"),
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

    office.agent.ports = replace(office.agent.ports, ask_promises=refuse)
    assert force(office, 1, TWO).refusal == ""
    outcome = wait_for_outcome(office)
    assert (outcome.state, outcome.epoch) == (OverrideState.VOID, 1)
    assert "refused by galera-1: no" in outcome.line
    assert [request.candidate.override for request in asked] == [Override(1, Position(A, 5), frozenset({2}))]
    with office.agent.changed:
        memory = office.agent.durable
    assert memory.override is None
    assert "force epoch 1" in memory.overrides[0]
    # The term has been used: the next override needs another one.
    survey = force(office).survey
    assert survey is not None
    assert survey.epoch == 2


def wait_for_outcome(office: Office) -> OverrideOutcome:
    client = office.client()
    while (outcome := client.ask(Progress()).override).state is OverrideState.PENDING:
        time.sleep(0.01)
    return outcome


def test_an_accepted_override_leaves_a_fork_and_is_used_once(office: Office) -> None:
    starter = office.client()
    with_data(starter)
    assert force(office, 1, BOTH).refusal == ""
    while (decision := starter.ask(TakePermission()).decision).action is None:
        pass
    assert (decision.action, decision.forced, decision.term) == (Action.BOOTSTRAP, True, 1)
    memory = office.agent.journal.read()
    assert memory is not None
    assert (memory.lineage, memory.override) == ((Fork(A, 5, 1),), None)
    assert starter.ask(TakePermission()).decision.action is None
    hello = office.client().ask(Hello())
    assert hello.base == Position(A, 5)


def test_nothing_is_forced_where_the_rules_find_an_answer(office: Office) -> None:
    with_data(office.client(), 5)
    office.peers |= {"galera-1": frozen(1, 3), "galera-2": frozen(2, 4)}
    assert "it is not needed" in force(office).refusal


def test_nothing_is_discarded_without_a_primary_or_by_a_pod_that_may_join(office: Office) -> None:
    with_data(office.client())
    client = office.client()
    assert "no Primary Component is known" in client.ask(Discard(delete=False)).refusal
    office.peers["galera-1"] = running(1, 50)
    assert "does not hold" in client.ask(Discard(delete=False)).refusal
    office.peers["galera-2"] = running(2, 50, uuid=B)
    assert "two clusters are alive" in client.ask(Discard(delete=False)).refusal
    assert office.agent.pending_order == ""


def test_the_starter_is_ordered_to_discard_and_takes_nothing_before_it_has(office: Office) -> None:
    starter = office.client()
    with_data(starter, 99)
    office.peers["galera-1"] = running(1, 50)
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
    office.peers["galera-1"] = running(1, 50)
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
