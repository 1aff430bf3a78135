"""Steps of a fleet of agents that several tests take, and the agent of a pod."""

from dataclasses import replace
from typing import Any

from bootstrap.agent.agent import Agent
from bootstrap.core.model.disk import DataClass
from tests.support.bootstrap.fleet import Fleet, Pod


def agent_of(pod: Pod) -> Agent:
    assert pod.agent is not None
    return pod.agent


def remember(agent: Agent, **changes: Any) -> None:
    """Let the agent remember something else than it does; its journal stays as it is."""
    agent.state = agent.state._replace(durable=replace(agent.durable, **changes))


def waiting(fleet: Fleet, *logs: int) -> None:
    """All pods crashed with so many commits on their disks, and have reported."""
    for pod, length in zip(fleet.pods, logs, strict=True):
        pod.log, pod.data_class = list(range(length)), DataClass.CRASHED if length else DataClass.EMPTY
        fleet.begin(pod)
        fleet.report(pod)


def rounds(fleet: Fleet, count: int = 3) -> None:
    for _ in range(count):
        for pod in fleet.pods:
            fleet.round(pod)


def alive(fleet: Fleet) -> list[Pod]:
    """A cluster of all pods."""
    fleet.recover()
    rounds(fleet, 2)
    return fleet.pods


def rounds_of(fleet: Fleet, pod: Pod, count: int) -> None:
    for _ in range(count):
        fleet.round(pod)


def die(fleet: Fleet, *pods: Pod) -> None:
    """Their servers are killed, and starters have reported what is left."""
    for pod in pods:
        fleet.kill_server(pod)
        fleet.begin(pod)
        fleet.report(pod)


def restart(fleet: Fleet, pod: Pod) -> Agent:
    fleet.kill_agent(pod)
    fleet.restart_agent(pod)
    return agent_of(pod)
