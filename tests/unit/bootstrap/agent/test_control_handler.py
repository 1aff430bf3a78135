"""The agent's side of its socket: real agent, real socket, and starters and humans at the other end."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.agent import control_handler
from bootstrap.agent.agent import Agent
from bootstrap.agent.control_handler import EXPLAIN_SCHEMA, MEMBER_KEYS, STATUS_SCHEMA, ControlHandler
from bootstrap.agent.ports import Answer, Ports
from bootstrap.agent.round import run_round
from bootstrap.control.channel import Client, Server
from bootstrap.core.decision.decide import RULES
from bootstrap.core.model.codec import dump
from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.core.model.facts import Fork, Override, Phase, PodState, Unknown
from bootstrap.core.model.messages import Prepare, PrepareReply, Refusal
from bootstrap.errors import AgentUnreachableError, SettingInvalidError
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
    client.ask("hello")
    client.ask("report", disk=dump(Disk(data_class)), fingerprint="print")


def test_hello_tells_what_a_starter_needs_to_know(office: Office) -> None:
    told = office.client().ask("hello")
    assert told == {
        "ordinals": [0, 1, 2], "addresses": {}, "joining": False, "same_boot": False, "initialised": False,
        "disk": None, "fingerprint": "", "base": None,
    }  # fmt: skip


def test_a_probe_is_answered_without_the_loop_and_without_the_lock(office: Office) -> None:
    client = office.client()
    with office.agent.changed:
        office.over = True
        assert client.ask("health") == {"live": True, "ready": False, "word": "stopped"}


def test_a_report_is_offered_to_the_next_starter(office: Office) -> None:
    first = office.client()
    report(first)
    first.close()
    office.until(Phase.FROZEN)
    told = office.client().ask("hello")
    assert told["disk"] == dump(Disk(DataClass.EMPTY))
    assert told["fingerprint"] == "print"


def test_a_starter_waits_and_takes(office: Office) -> None:
    client = office.client()
    report(client)
    told = client.ask("await")
    assert (told["kind"], told["action"], told["rule"]) == ("wait", None, "all-heard")
    office.peers["galera-1"] = running(1, 50)
    while not told["action"]:
        told = client.ask("await")
    assert (told["kind"], told["rule"]) == ("join", "join")
    assert client.ask("take")["action"] == "join"
    assert office.agent.lifecycle.phase is Phase.JOINING
    assert client.ask("take")["action"] is None


def test_who_has_not_said_hello_takes_nothing(office: Office) -> None:
    starter, stranger = office.client(), office.client()
    report(starter)
    office.peers["galera-1"] = running(1, 50)
    while not starter.ask("await")["action"]:
        pass
    assert stranger.ask("take")["action"] is None
    stranger.ask("report", disk=dump(Disk(DataClass.UNKNOWN)), fingerprint="x")
    assert office.agent.lifecycle.disk == Disk(DataClass.EMPTY)
    assert starter.ask("take")["action"] == "join"


def test_without_a_hello_there_is_no_starter_to_report_or_to_take(office: Office) -> None:
    """Nobody holds the volume's lock then, so nothing that is said of its datadir can be frozen."""
    stranger = office.client()
    stranger.ask("report", disk=dump(Disk(DataClass.EMPTY)), fingerprint="print")
    office.peers["galera-1"] = running(1, 50)
    stranger.ask("await")
    assert office.agent.lifecycle.disk is None
    assert stranger.ask("take")["action"] is None
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
    killed.ask("await")
    killed.connection.send({"op": "await"})  # the agent thinks about it while the starter dies
    killed.close()
    office.free = False
    following = office.client()
    report(following)
    for _ in range(4):
        following.ask("await")
    assert office.agent.lifecycle.phase is Phase.FROZEN
    office.peers["galera-1"] = running(1, 50)
    while not following.ask("await")["action"]:
        pass
    assert following.ask("take")["action"] == "join"


def test_a_human_who_looks_is_no_starter(office: Office) -> None:
    human = office.client()
    human.ask("status")
    human.ask("explain")
    assert human.ask("members") == {"ordinals": [0, 1, 2]}
    human.close()
    assert office.agent.starter == 0


def test_what_there_is_not_is_told(office: Office) -> None:
    client = office.client()
    with pytest.raises(SettingInvalidError, match="unknown request 'bootstrap now'"):
        client.ask("bootstrap now")
    assert client.ask("members")


@pytest.mark.parametrize("disk", [None, {}, {"class": "CLEAN"}, [], "CLEAN"])
def test_a_report_that_is_none_ends_the_conversation_and_counts_for_nothing(disk: object, office: Office) -> None:
    client = office.client()
    client.ask("hello")
    with pytest.raises(AgentUnreachableError):
        client.ask("report", disk=disk)
    office.until(Phase.STARTING)
    assert office.client().ask("members")


def test_status_tells_the_same_of_known_and_unknown_members(office: Office) -> None:
    office.peers["galera-1"] = running(1, 50)
    client = office.client()
    report(client)
    while client.ask("await")["kind"] != "join":
        pass
    told = client.ask("status")
    assert told["schema"] == STATUS_SCHEMA
    assert told["self"] == "galera-0"
    members = told["members"]
    assert isinstance(members, list)
    assert [m["name"] for m in members] == ["galera-0", "galera-1", "galera-2"]
    assert all(m.keys() == {"name", "ordinal", "answer", *MEMBER_KEYS} for m in members)
    assert [m["answer"] for m in members] == ["ok", "ok", "unknown: silent"]
    assert (members[0]["phase"], members[0]["class"], members[0]["seqno"]) == ("frozen", "EMPTY", None)
    assert (members[1]["phase"], members[1]["uuid"], members[1]["seqno"]) == ("running", A, 50)


def test_explain_walks_the_rules_up_to_the_one_that_decides(office: Office) -> None:
    client = office.client()
    report(client)
    while client.ask("await")["rule"] != "all-heard":
        pass
    told = client.ask("explain")
    assert told["schema"] == EXPLAIN_SCHEMA
    rules = told["rules"]
    assert isinstance(rules, list)
    names = [rule.name for rule in RULES]
    assert [rule["rule"] for rule in rules] == names[: len(rules)]
    assert all(rule["about"].endswith((".", ".)")) or rule["about"] for rule in rules)
    assert all(rule["answer"] is None for rule in rules[:-1])
    assert "galera-1 (unknown: silent)" in rules[-1]["answer"]


# The operator's word.


def force(office: Office, **said: object) -> dict[str, object]:
    return office.client().ask("force", **{"epoch": None, "without": [], "although": [], **said})


def with_data(client: Client, seqno: int = 5) -> None:
    client.ask("hello")
    disk = Disk(DataClass.CRASHED, Position(A, seqno))
    client.ask("report", disk=dump(disk), fingerprint="print")


def test_looking_changes_nothing_and_tells_what_a_word_would_need(office: Office) -> None:
    with_data(office.client())
    office.peers["galera-1"] = frozen(1, 6)
    told = force(office)
    assert (told["refusal"], told["epoch"], told["base"]) == ("", 1, f"{A}:5")
    assert (told["unheard"], told["ahead"]) == (["galera-2"], ["galera-1"])
    assert office.agent.durable.override is None
    assert office.agent.durable.overrides == ()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"epoch": 2}, "epoch 2 is not the next one, 1"),
        ({"epoch": 1}, "galera-2 does not answer and is not named"),
        ({"epoch": 1, "without": ["galera-2"]}, "galera-1 may hold more and is not named"),
        ({"epoch": 1, "although": ["galera-1"]}, "galera-2 does not answer and is not named"),
        ({"epoch": 1, "without": ["galera-2", "galera-1"], "although": ["galera-1"]}, "galera-1 is named by --without"),
        ({"epoch": 1, "without": ["galera-2", "mysql-7"], "although": ["galera-1"]}, "mysql-7 is named by --without"),
        (
            {"epoch": 1, "without": ["galera-2"], "although": ["galera-1", "galera-2"]},
            "galera-2 is named by --although",
        ),
    ],
)
def test_a_word_that_does_not_fit_what_is_known_now_is_refused(
    office: Office, said: dict[str, object], why: str
) -> None:
    with_data(office.client())
    office.peers["galera-1"] = frozen(1, 6)
    assert why in str(force(office, **said)["refusal"])
    assert office.agent.durable.override is None
    assert office.agent.durable.promise is None


def test_a_word_is_durable_before_anybody_is_asked_and_void_when_a_pod_refuses(office: Office) -> None:
    with_data(office.client())
    office.peers["galera-1"] = frozen(1, 3)
    asked: list[Prepare] = []

    def refuse(requests: dict[str, Prepare]) -> dict[str, Answer]:
        written = office.agent.persistence.journal.read()
        assert written is not None
        assert written.override is not None
        assert written.promise is not None
        asked.extend(requests.values())
        return {name: PrepareReply(frozen(1, 3), Refusal("no")) for name in requests}

    office.agent.ports = replace(office.agent.ports, ask_promises=refuse)
    assert force(office, epoch=1, without=["galera-2"])["refusal"] == ""
    client = office.client()
    while (fate := client.ask("fate"))["state"] == "pending":
        time.sleep(0.01)
    assert (fate["state"], fate["epoch"]) == ("void", 1)
    assert "refused by galera-1: no" in str(fate["line"])
    assert [request.candidate.override for request in asked] == [Override(1, Position(A, 5), frozenset({2}))]
    with office.agent.changed:
        memory = office.agent.durable
    assert memory.override is None
    assert "force epoch 1" in memory.overrides[0]
    # The term has been used: the next word needs another one.
    assert force(office)["epoch"] == 2


def test_a_taken_word_leaves_a_fork_and_is_used_up(office: Office) -> None:
    starter = office.client()
    with_data(starter)
    assert force(office, epoch=1, without=["galera-1", "galera-2"])["refusal"] == ""
    while (told := starter.ask("take"))["action"] is None:
        pass
    assert (told["action"], told["forced"], told["term"]) == ("bootstrap", True, 1)
    memory = office.agent.persistence.journal.read()
    assert memory is not None
    assert (memory.lineage, memory.override) == ((Fork(A, 5, 1),), None)
    assert starter.ask("take")["action"] is None


def test_nothing_is_forced_where_the_rules_find_an_answer(office: Office) -> None:
    with_data(office.client(), 5)
    office.peers |= {"galera-1": frozen(1, 3), "galera-2": frozen(2, 4)}
    assert "it is not needed" in str(force(office)["refusal"])


def test_nothing_is_discarded_without_a_primary_or_by_a_pod_that_may_join(office: Office) -> None:
    with_data(office.client())
    client = office.client()
    assert "no Primary Component is known" in str(client.ask("discard", delete=False)["refusal"])
    office.peers["galera-1"] = running(1, 50)
    assert "does not hold" in str(client.ask("discard", delete=False)["refusal"])
    office.peers["galera-2"] = running(2, 50, uuid=B)
    assert "two clusters are alive" in str(client.ask("discard", delete=False)["refusal"])
    assert office.agent.orders.pending == ""


def test_the_starter_is_told_to_discard_and_takes_nothing_before_it_has(office: Office) -> None:
    starter = office.client()
    with_data(starter, 99)
    office.peers["galera-1"] = running(1, 50)
    assert office.client().ask("discard", delete=True)["refusal"] == ""
    memory = office.agent.persistence.journal.read()
    assert memory is not None
    assert memory.joining_boot_id
    assert "discard CRASHED" in memory.overrides[0]
    while starter.ask("await")["errand"] != "delete":
        pass
    assert starter.ask("take")["action"] is None
    report(starter, DataClass.SST_INTERRUPTED)
    while not starter.ask("await")["action"]:
        pass
    assert starter.ask("take")["action"] == "join"


def test_a_discard_that_was_not_done_is_told(office: Office) -> None:
    starter = office.client()
    with_data(starter, 99)
    office.peers["galera-1"] = running(1, 50)
    for data_class, undone in ((DataClass.CRASHED, "discard"), (DataClass.SST_INTERRUPTED, "")):
        assert office.client().ask("discard", delete=False)["refusal"] == ""
        disk = Disk(data_class, Position(A, 99) if undone else None)
        starter.ask("report", disk=dump(disk), fingerprint="print")
        fate = office.client().ask("fate")
        assert (fate["errand"], fate["undone"]) == ("", undone)


@pytest.mark.parametrize("message", [{"epoch": "1"}, {"epoch": True}, {"without": "galera-1"}, {"although": None}])
def test_half_a_word_is_none(office: Office, message: dict[str, object]) -> None:
    with_data(office.client())
    with pytest.raises((AgentUnreachableError, SettingInvalidError)):
        force(office, **message)
    assert office.agent.durable.override is None
