"""What the pod's starters ask their agent for: arrive, report the datadir, wait, take the permission, leave."""

from dataclasses import replace

from bootstrap.agent.agent import Agent
from bootstrap.core.decision.decisions import RoundResult
from bootstrap.core.model.disk import Disk
from bootstrap.core.model.facts import Phase
from bootstrap.core.participant import starters


def arrive(agent: Agent, told: frozenset[int] | None = None) -> int:
    """A starter has connected, with the volume's lock in its hands; returns its number.  `told`: see `Hello`.

    The end of an earlier one's connection may be noticed only later: it must not be taken for the end of this one.
    """
    with agent.changed:
        agent.starter += 1
        agent.become(starters.arrive(agent.state, told))
        agent.wake.set()
        agent.changed.notify_all()
        return agent.starter


def leave(agent: Agent, starter: int) -> None:
    """A starter's connection has ended: it is gone, or it has become the server."""
    with agent.changed:
        if starter == agent.starter:
            # The next starter may hold a frozen pod's lock by now: the next observation tells.
            held = agent.lifecycle.phase is not Phase.FROZEN and not agent.ports.lock_is_free()
            agent.become(starters.leave(agent.state, held=held))
    agent.wake.set()


def report(agent: Agent, starter: int, disk: Disk, fingerprint: str) -> None:
    """A starter has read the datadir: only results from now on count."""
    with agent.changed:
        if starter == agent.starter:
            agent.step(starters.report, disk, fingerprint)
    agent.wake.set()


def wait_for_result(agent: Agent, seen: RoundResult | None, timeout: float) -> RoundResult:
    """Wait for a result that says something else than `seen`; after `timeout` seconds return the same one."""

    def is_news() -> bool:
        now = agent.result
        return now.is_of_round and (seen is None or (now.word, now.decision) != (seen.word, seen.decision))

    with agent.changed:
        agent.changed.wait_for(is_news, timeout)
        return agent.result


def take(agent: Agent, starter: int, timeout: float) -> RoundResult:
    """Give this starter the permission of a result that was found after this call, once.

    The result's action is None if there is none.
    """
    with agent.changed:
        if not agent.wait_for_round(timeout) or starter != agent.starter:
            return replace(agent.result, action=None)
        result = agent.step(starters.take)
        if result.action is not None:
            agent.recorder.note_permission(result)
        return result
