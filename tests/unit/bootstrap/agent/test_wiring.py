"""How long an agent's loop rests."""

import time
from collections.abc import Iterator

import pytest

from bootstrap.agent import wiring
from bootstrap.agent.agent import Agent
from tests.support.bootstrap.fleet import Fleet


@pytest.fixture
def agent() -> Iterator[Agent]:
    fleet = Fleet()
    made = fleet.pods[0].agent
    assert made is not None
    made.wake.clear()
    yield made
    fleet.close()


def test_a_rest_ends_when_it_is_due_or_the_agent_is_woken(agent: Agent) -> None:
    began = time.monotonic()
    wiring.rest(agent, 0.2)
    assert time.monotonic() - began >= 0.2
    agent.wake.set()
    wiring.rest(agent, 3600)


def test_a_server_that_is_being_bootstrapped_is_looked_at_until_it_is_primary(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(wiring, "observe", lambda _agent: looks.append(1))
    monkeypatch.setattr(agent, "is_bootstrapping", lambda: len(looks) < 3)
    wiring.rest(agent, 3600)
    assert len(looks) == 3


def test_a_server_that_does_not_come_up_does_not_keep_the_agent_from_its_next_round(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "is_bootstrapping", lambda: True)
    looks: list[float] = []
    monkeypatch.setattr(wiring, "observe", lambda _agent: looks.append(time.monotonic()))
    began = time.monotonic()
    wiring.rest(agent, 0.2)
    assert looks
    assert looks[-1] - began < 0.2 + wiring.STARTING_S + 5
