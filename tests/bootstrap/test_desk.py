"""The agent's side of its socket: real agent, real socket, and starters and humans at the other end."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap import desk
from bootstrap.agent import Agent
from bootstrap.control import Client, Server
from bootstrap.decide import RULES
from bootstrap.desk import EXPLAIN_SCHEMA, MEMBER_KEYS, STATUS_SCHEMA, Desk
from bootstrap.errors import AgentUnreachableError, SettingInvalidError
from bootstrap.facts import DataClass, Disk, Phase, Record, Unknown
from bootstrap.promise import Prepare
from bootstrap.record import dump_disk
from bootstrap.world import Answer, World
from tests.bootstrap.fleet import settings_of
from tests.bootstrap.records import A, running

PATIENCE_S = 20.0


class Office:
    """An agent whose loop turns in a thread, and its socket."""

    def __init__(self, root: Path) -> None:
        self.settings = settings_of(root, 0)
        self.settings.run_dir.mkdir(parents=True)
        self.free = True
        self.peers: dict[str, Record | Unknown] = {}
        world = World(
            lock_is_free=lambda: self.free, server=lambda: "timed out", records=self.records, promises=self.promises,
            sync=str, stop=str, ordinals=frozenset, say=lambda _: None,
        )  # fmt: skip
        self.agent = Agent(self.settings, "cluster", world)
        self.server = Server(self.settings.agent_socket, Desk(self.agent).serve)
        self.clients: list[Client] = []
        self.over = False
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def records(self, names: list[str]) -> dict[str, Record | Unknown]:
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
            assert self.agent.changed.wait_for(lambda: self.agent.pod.phase is phase, PATIENCE_S)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.close()


def report(client: Client, data_class: DataClass = DataClass.EMPTY) -> None:
    client.ask("hello")
    client.ask("report", disk=dump_disk(Disk(data_class)), fingerprint="print")


def test_hello_tells_what_a_starter_needs_to_know(office: Office) -> None:
    told = office.client().ask("hello")
    assert told == {
        "ordinals": [0, 1, 2], "joining": False, "same_boot": False, "initialised": False, "disk": None,
        "fingerprint": "",
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
    assert told["disk"] == dump_disk(Disk(DataClass.EMPTY))
    assert told["fingerprint"] == "print"


def test_a_starter_waits_and_takes(office: Office) -> None:
    client = office.client()
    report(client)
    told = client.ask("await")
    assert (told["verdict"], told["action"], told["rule"]) == ("wait", None, "P3")
    office.peers["galera-1"] = running(1, 50)
    while not told["action"]:
        told = client.ask("await")
    assert (told["verdict"], told["rule"]) == ("join", "join")
    assert client.ask("take")["action"] == "join"
    assert office.agent.pod.phase is Phase.JOINING
    assert client.ask("take")["action"] is None


def test_who_has_not_said_hello_takes_nothing(office: Office) -> None:
    starter, stranger = office.client(), office.client()
    report(starter)
    office.peers["galera-1"] = running(1, 50)
    while not starter.ask("await")["action"]:
        pass
    assert stranger.ask("take")["action"] is None
    stranger.ask("report", disk=dump_disk(Disk(DataClass.UNKNOWN)), fingerprint="x")
    assert office.agent.pod.disk == Disk(DataClass.EMPTY)
    assert starter.ask("take")["action"] == "join"


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
    monkeypatch.setattr(desk, "PATIENCE_S", 0.5)
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
    assert office.agent.pod.phase is Phase.FROZEN
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
    while client.ask("await")["verdict"] != "join":
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
    while client.ask("await")["rule"] != "P3":
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
