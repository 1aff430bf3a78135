"""Who must be heard in an outage after the number of members has changed: real agents, one rule at a time."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from bootstrap.agent.agent import Agent
from bootstrap.core.decision.decisions import Bootstrap, Wait
from bootstrap.core.decision.streaks import DEAD_MEMBER_ROUNDS
from bootstrap.core.model.facts import Server
from tests.support.bootstrap.fleet import Fleet, Pod


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    made = Fleet()
    made.recover()
    rounds(made)
    yield made
    made.close()


def agent_of(pod: Pod) -> Agent:
    assert pod.agent is not None
    return pod.agent


def rounds(fleet: Fleet, count: int = 3) -> None:
    for _ in range(count):
        for pod in fleet.pods:
            fleet.round(pod)


def scaled_to(fleet: Fleet, replicas: int, *, last: int) -> None:
    """So many members are configured, the others are stopped in order, the highest ordinal first, and stay away."""
    for pod in reversed(fleet.pods[last:]):
        fleet.stop_server(pod)
        fleet.kill_pod(pod)
        fleet.off.add(pod)
        rounds(fleet, 1)
    for pod in fleet.pods[:last]:
        pod.settings = pod.settings._replace(replicas=replicas)
        agent = agent_of(pod)
        identity = agent.state.identity._replace(configured=frozenset(range(replicas)))
        agent.settings, agent.state = pod.settings, agent.state._replace(identity=identity)
    rounds(fleet, 2)


def outage(fleet: Fleet, *back: int) -> None:
    """All die at once; these come back."""
    fleet.power_cut()
    for ordinal in back:
        pod = fleet.pods[ordinal]
        fleet.restart_agent(pod)
        fleet.begin(pod)
        fleet.report(pod)
    rounds(fleet)


def test_a_member_that_has_left_is_not_awaited_in_a_later_outage(fleet: Fleet) -> None:
    scaled_to(fleet, 2, last=2)
    outage(fleet, 0, 1)
    decisions = [agent_of(pod).result.decision for pod in fleet.pods[:2]]
    assert sum(isinstance(decision, Bootstrap) for decision in decisions) == 1, decisions


def test_the_last_member_starts_alone_after_an_outage(fleet: Fleet) -> None:
    scaled_to(fleet, 1, last=1)
    outage(fleet, 0)
    decision = agent_of(fleet.pods[0]).result.decision
    assert isinstance(decision, Bootstrap), decision


def test_fewer_replicas_alone_excuse_nobody(fleet: Fleet) -> None:
    """The number was lowered while everything was down: nobody has seen the others leave."""
    fleet.power_cut()
    for pod in fleet.pods:
        pod.settings = pod.settings._replace(replicas=1)
    outage(fleet, 0)
    decision = agent_of(fleet.pods[0]).result.decision
    assert isinstance(decision, Wait), decision
    assert "galera-1 (unknown" in decision.reason
    assert "galera-2 (unknown" in decision.reason


def test_a_set_whose_ordinals_begin_later_awaits_no_lower_one() -> None:
    """`spec.ordinals.start`: there will never be a galera-0."""
    fleet = Fleet()
    for pod in fleet.pods:
        fleet.kill_agent(pod)
    for pod in fleet.pods[1:]:
        pod.settings = pod.settings._replace(replicas=2, ordinals_start=1)
        fleet.restart_agent(pod)
        fleet.begin(pod)
        fleet.report(pod)
    for _ in range(3):
        for pod in fleet.pods[1:]:
            fleet.round(pod)
    first, second = (agent_of(pod) for pod in fleet.pods[1:])
    assert first.state.expected == second.state.expected == {1, 2}
    assert isinstance(first.result.decision, Bootstrap), first.result
    assert first.result.decision.first
    assert isinstance(second.result.decision, Wait), second.result
    fleet.close()


def test_beside_an_arbitrator_nobody_is_forgotten(fleet: Fleet) -> None:
    """It has a vote and no ordinal: so the component's size does not say that all of its members are known by name."""
    for pod in fleet.pods:
        agent = agent_of(pod)
        agent.ports = agent.ports._replace(server_status=with_arbitrator(fleet, pod))
    scaled_to(fleet, 2, last=2)
    outage(fleet, 0, 1)
    for pod in fleet.pods[:2]:
        decision = agent_of(pod).result.decision
        assert isinstance(decision, Wait), decision
        assert "galera-2 (unknown" in decision.reason


def test_an_arbitrator_is_remembered_once_it_cannot_be_a_member_that_has_just_died(fleet: Fleet) -> None:
    first = fleet.pods[0]
    agent_of(first).ports = agent_of(first).ports._replace(server_status=with_arbitrator(fleet, first))
    rounds(fleet, DEAD_MEMBER_ROUNDS - 1)
    assert not agent_of(first).durable.has_foreign_members

    rounds(fleet, 1)
    assert agent_of(first).pod_state().has_foreign_members
    assert not agent_of(fleet.pods[1]).pod_state().has_foreign_members


def with_arbitrator(fleet: Fleet, pod: Pod) -> Callable[[], Server | str]:
    def told() -> Server | str:
        status = fleet.status(pod)
        return replace(status, size=status.size + 1) if isinstance(status, Server) else status

    return told
