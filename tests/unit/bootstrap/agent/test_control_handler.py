"""The agent's side of its socket: real agent, real socket, and starters and humans at the other end."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.agent import control_handler, status_answers
from bootstrap.agent.agent import Agent
from bootstrap.agent.control_handler import REQUESTS, ControlHandler
from bootstrap.agent.ports import Answer, Ports
from bootstrap.agent.round import run_round
from bootstrap.control import (
    override_messages,
    pod_messages,
    starter_messages,
    status_messages,
    timeline_messages,
    upgrade_messages,
)
from bootstrap.control.channel import Client, Server
from bootstrap.control.override_messages import (
    Discard,
    Progress,
    RequestOverride,
)
from bootstrap.control.pod_messages import ExpectedPods, ExpectedPodsAnswer, Health, HealthAnswer, Leave
from bootstrap.control.request import Request
from bootstrap.control.starter_messages import (
    AgentDecision,
    AwaitDecision,
    Container,
    DecisionKind,
    Failed,
    Hello,
    HelloAnswer,
    Report,
    TakePermission,
)
from bootstrap.control.status_messages import EXPLAIN_SCHEMA, STATUS_SCHEMA, Events, Explain, MemberStatus, Status
from bootstrap.control.timeline_messages import Timeline
from bootstrap.control.upgrade_messages import AwaitUpgrade, Upgraded
from bootstrap.core.decision.decide import RULES
from bootstrap.core.decision.decisions import Rule
from bootstrap.core.model.action import Action
from bootstrap.core.model.codec import Json, dump
from bootstrap.core.model.disk import DataClass, Disk, JournalHints, Position
from bootstrap.core.model.facts import Phase, PodState
from bootstrap.core.model.messages import Prepare
from bootstrap.core.model.unknown import Unknown
from tests.support.bootstrap.fleet import settings_of
from tests.support.bootstrap.records import SILENT, A, frozen, running

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
            ask_promises=self.promises, sync_volume=str, last_view=lambda: None, live_view=lambda: None,
            remove_view=lambda _: "", applied_position=str, stop_server=str,
            dns_ordinals=frozenset, log=lambda _: None,
        )  # fmt: skip
        self.agent = Agent(self.settings, "cluster", world)
        self.server = Server(self.settings.agent_socket, ControlHandler(self.agent).serve)
        self.clients: list[Client] = []
        self.over = False
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def records(self, names: list[str]) -> dict[str, PodState | Unknown]:
        return {name: self.peers.get(name, SILENT) for name in names}

    def promises(self, asked: dict[str, Prepare]) -> dict[str, Answer]:
        return dict.fromkeys(asked, SILENT)

    def loop(self) -> None:
        while not self.over:
            run_round(self.agent)
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


def with_data(client: Client, seqno: int = 5) -> None:
    client.ask(Hello())
    client.ask(Report(Disk(DataClass.CRASHED, Position(A, seqno)), "print"))


def wait_for_action(client: Client) -> AgentDecision:
    while (decision := client.ask(AwaitDecision()).decision).action is None:
        pass
    return decision


def send(client: Client, message: Json) -> Json | None:
    """Send what is no request, and wait for the answer."""
    client.connection.send(message)
    return client.connection.receive()


MODULES = (
    starter_messages, pod_messages, status_messages, override_messages, upgrade_messages, timeline_messages,
)  # fmt: skip


def test_each_request_is_known_by_its_name() -> None:
    kinds = {
        kind
        for module in MODULES
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Request) and kind is not Request
    }
    known = REQUESTS | status_answers.REQUESTS
    assert set(known.values()) == kinds
    assert all(known[kind.op] is kind for kind in kinds)


@pytest.mark.parametrize(
    "request_",
    [
        Hello(), Report(Disk(DataClass.CLEAN, Position(A, 5)), "print"), AwaitDecision(), TakePermission(),
        ExpectedPods(),
        AwaitUpgrade(), Upgraded("as it failed"),
        Status(), Explain(), Events(), Timeline(), Health(), Leave(), Progress(), Discard(delete=True),
        RequestOverride(), RequestOverride(3, frozenset({"galera-1"}), frozenset({"galera-2"}), adopt=True),
    ],
    ids=lambda request_: str(request_.message()),
)  # fmt: skip
def test_a_request_arrives_as_it_was_sent(request_: Request[Any]) -> None:
    arrived = control_handler.read_request(request_.message())

    assert type(arrived) is type(request_)
    assert vars(arrived) == vars(request_)
    assert not isinstance(request_, tuple) or arrived == request_


def test_the_answer_to_a_hello_has_what_a_starter_needs_to_know(office: Office) -> None:
    assert office.client().ask(Hello()) == HelloAnswer(
        ordinals=frozenset({0, 1, 2}),
        addresses={},
        hints=JournalHints(),
        disk=None,
        fingerprint="",
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
    assert human.ask(ExpectedPods()) == ExpectedPodsAnswer(frozenset({0, 1, 2}))
    human.close()
    assert office.agent.starter == 0


def test_an_unknown_request_is_answered_by_an_error(office: Office) -> None:
    client = office.client()
    assert send(client, {"op": "bootstrap now"}) == {"error": "unknown request 'bootstrap now'"}
    assert send(client, {}) == {"error": "unknown request 'None'"}
    assert client.ask(ExpectedPods())


@pytest.mark.parametrize("disk", [None, {}, {"class": "CLEAN"}, [], "CLEAN"])
def test_an_invalid_report_ends_the_conversation_and_counts_for_nothing(disk: object, office: Office) -> None:
    client = office.client()
    client.ask(Hello())
    assert send(client, {"op": "report", "disk": disk, "fingerprint": ""}) is None
    office.until(Phase.STARTING)
    assert office.client().ask(ExpectedPods())


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
    assert rule.about
    assert not re.search(r"\bR\d", rule.about)


def fail(office: Office, container: Container, error: str) -> None:
    office.client().ask(Failed(container, error))


def failures(office: Office) -> tuple[str, str, int] | None:
    found = office.client().ask(Status()).failures
    return (found.container, found.error, found.times) if found else None


def test_a_starter_that_fails_again_and_again_is_counted_until_one_reports(office: Office) -> None:
    assert failures(office) is None
    for _ in range(3):
        fail(office, Container.BOOTSTRAP, "no mariadbd")
    assert failures(office) == ("bootstrap", "no mariadbd", 3)
    fail(office, Container.BOOTSTRAP, "no lock")
    assert failures(office) == ("bootstrap", "no lock", 4)
    texts = [event.text for event in office.client().ask(Events()).events if event.kind == "failure"]
    assert texts == ["bootstrap: no mariadbd", "bootstrap: no lock"]
    with_data(office.client())
    assert failures(office) is None


def test_a_report_of_bootstrap_is_no_cure_of_what_fails_after_it(office: Office) -> None:
    fail(office, Container.MYSQL, "the first database could not be created")
    with_data(office.client())
    assert failures(office) == ("mysql", "the first database could not be created", 1)
    fail(office, Container.BOOTSTRAP, "no lock")
    assert failures(office) == ("bootstrap", "no lock", 1)
