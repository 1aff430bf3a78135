"""The order to upgrade system tables: given once, by a fresh round, and what becomes of it is counted and shown."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bootstrap.agent import system_tables
from bootstrap.agent.agent import Agent
from bootstrap.agent.control_handler import ControlHandler
from bootstrap.agent.round import run_round
from bootstrap.control.channel import Client, Server
from bootstrap.control.upgrade_messages import AwaitUpgrade, Upgraded, UpgradeOrder
from bootstrap.core.model.disk import NO_VERSIONS, Versions
from bootstrap.core.system_tables.rules import Attempts, Stage
from tests.support.bootstrap.agents import agent_of, alive, rounds
from tests.support.bootstrap.fleet import Fleet, Pod, Turns
from tests.support.bootstrap.machine import until

BEHIND, DONE = Versions((11, 8), (10, 11)), Versions((11, 8), (11, 8))


def runs(pod: Pod, versions: Versions) -> Agent:
    agent = agent_of(pod)
    agent.ports = agent.ports._replace(versions=lambda: versions)
    return agent


@pytest.fixture
def pods(fleet: Fleet) -> list[Pod]:
    """A cluster of the new series whose tables are still old."""
    members = alive(fleet)
    for pod in members:
        runs(pod, BEHIND)
    rounds(fleet)
    return members


class Loop(Turns):
    """A wait that lets the agent's loop run one round, but not for what is true already."""

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:  # type: ignore[override]
        return predicate() or super().wait_for(predicate, timeout)


def ask(fleet: Fleet, pod: Pod) -> UpgradeOrder:
    """Ask as the program beside the server does, while the agent's loop turns."""
    agent = agent_of(pod)
    agent.changed = Loop(lambda: fleet.round(pod))
    return system_tables.await_order(agent, 0)


def upgrade_events(agent: Agent) -> list[str]:
    return [event.text for event in agent.recorder.log if event.kind == "upgrade"]


def test_one_member_is_upgraded_after_the_other(fleet: Fleet, pods: list[Pod]) -> None:
    done: list[int] = []
    while len(done) < 3:
        orders = {pod.ordinal: ask(fleet, pod) for pod in pods if pod.ordinal not in done}
        running = [ordinal for ordinal, order in orders.items() if order is UpgradeOrder.RUN]
        assert running == [len(done)]
        system_tables.end(runs(pods[running[0]], DONE), "")
        rounds(fleet)
        done += running
    assert [ask(fleet, pod) for pod in pods] == [UpgradeOrder.END] * 3
    for pod in pods:
        assert upgrade_events(agent_of(pod)) == [
            "upgrading the system tables from MariaDB 10.11 to MariaDB 11.8",
            "the system tables are upgraded",
        ]


def test_nothing_is_ordered_while_a_member_runs_the_older_series(fleet: Fleet, pods: list[Pod]) -> None:
    runs(pods[2], Versions((10, 11), (10, 11)))
    rounds(fleet)
    assert [ask(fleet, pod) for pod in pods] == [UpgradeOrder.WAIT, UpgradeOrder.WAIT, UpgradeOrder.END]
    assert agent_of(pods[0]).upgrade.finding.stage is Stage.WAITING
    assert "runs MariaDB 10.11" in str(pods[0].said)


def test_an_order_rests_on_a_round_that_began_after_the_question(fleet: Fleet, pods: list[Pod]) -> None:
    """The last round found all members on the new series; one of them has become silent since."""
    fleet.isolated.add(pods[2])
    assert agent_of(pods[0]).upgrade.finding.stage is Stage.DUE
    assert ask(fleet, pods[0]) is UpgradeOrder.WAIT
    fleet.isolated.clear()
    fleet.round(pods[0])
    agent_of(pods[0]).changed = Loop(lambda: None)  # no round comes
    assert system_tables.await_order(agent_of(pods[0]), 0) is UpgradeOrder.WAIT
    assert upgrade_events(agent_of(pods[0])) == []


def test_two_programs_at_once_get_one_order(fleet: Fleet, pods: list[Pod]) -> None:
    assert ask(fleet, pods[0]) is UpgradeOrder.RUN
    assert agent_of(pods[0]).upgrade.finding.stage is Stage.RUNNING
    assert ask(fleet, pods[0]) is UpgradeOrder.WAIT
    fleet.round(pods[0])
    assert agent_of(pods[0]).upgrade.finding.stage is Stage.RUNNING


def test_a_failed_upgrade_is_tried_again_after_a_pause(fleet: Fleet, pods: list[Pod]) -> None:
    agent = agent_of(pods[0])
    assert ask(fleet, pods[0]) is UpgradeOrder.RUN
    system_tables.end(agent, "the disk is full")
    rounds(fleet)
    assert agent.upgrade.attempts == Attempts(failures=1, error="the disk is full")
    assert agent.upgrade.finding.stage is Stage.FAILED
    assert upgrade_events(agent)[-1] == (
        "the system tables are not upgraded, and that is tried again in 60 s: the disk is full"
    )
    assert 50 < agent.upgrade.due_at - time.monotonic() <= 60
    assert [ask(fleet, pod) for pod in pods] == [UpgradeOrder.WAIT] * 3
    agent.upgrade.due_at = time.monotonic()
    assert ask(fleet, pods[0]) is UpgradeOrder.RUN


def test_switched_off_the_program_ends(fleet: Fleet, pods: list[Pod]) -> None:
    agent = agent_of(pods[0])
    agent.settings = agent.settings._replace(upgrade_tables=False)
    fleet.round(pods[0])
    assert ask(fleet, pods[0]) is UpgradeOrder.END
    assert "a human upgrades them" in str(pods[0].said)


def test_what_a_volume_shows_counts_for_a_member_only(fleet: Fleet, pods: list[Pod]) -> None:
    assert agent_of(pods[0]).pod_state().versions == BEHIND
    fleet.kill_server(pods[0])
    fleet.round(pods[0])
    assert agent_of(pods[0]).state.versions == NO_VERSIONS
    assert agent_of(pods[0]).upgrade.finding.stage is Stage.UNKNOWN


# Over the socket.


@pytest.fixture
def client(fleet: Fleet, pods: list[Pod], tmp_path: Path) -> Iterator[Client]:
    """A connection to the agent of the first member, whose loop turns whenever something waits for it."""
    agent = agent_of(pods[0])
    agent.changed = Turns(lambda: run_round(agent))
    server = Server(tmp_path / "agent.sock", ControlHandler(agent).serve)
    made = Client(tmp_path / "agent.sock", 60)
    yield made
    made.close()
    server.close()
    del fleet


def test_an_upgrade_whose_program_goes_away_has_failed(pods: list[Pod], client: Client) -> None:
    agent = agent_of(pods[0])
    assert client.ask(AwaitUpgrade()).order is UpgradeOrder.RUN
    client.close()
    until(lambda: agent.upgrade.attempts.failures, "the failure")
    assert agent.upgrade.attempts.error == "the server or its container has ended meanwhile"


@pytest.mark.parametrize("error", ["", "as it failed"])
def test_a_result_counts_once(pods: list[Pod], client: Client, error: str) -> None:
    agent = agent_of(pods[0])
    client.ask(AwaitUpgrade())
    client.ask(Upgraded(error))
    client.ask(Upgraded("without an order"))
    client.close()
    assert agent.upgrade.attempts == Attempts(failures=int(bool(error)), error=error)
    assert len(upgrade_events(agent)) == 2


def test_a_result_without_an_order_counts_for_nothing(pods: list[Pod], client: Client) -> None:
    client.ask(Upgraded("made up"))
    assert agent_of(pods[0]).upgrade.attempts == Attempts()
