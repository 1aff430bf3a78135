"""One round of the agent: observe the own pod, ask the peers, learn, decide, collect promises, publish."""

import time
from dataclasses import replace

from bootstrap.agent import promises
from bootstrap.agent.agent import Agent
from bootstrap.core.decision import override, quorum, streaks
from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap, Decision, Join, RoundResult
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import ViewCheckpoint
from bootstrap.core.model.facts import Phase, PodState, Server
from bootstrap.core.model.unknown import Unknown
from bootstrap.mariadb.client import STARTING

HELLO_S = 1.0
"""Seconds that may pass between a starter's lock and its Hello."""


def run_round(agent: Agent) -> None:
    """Observe, decide, and publish the result that starters get."""
    clock = next(agent.clock)
    agent.open_journal()
    observe(agent)
    peers = ask_peers(agent)
    is_transfer_synced = sync_transfer(agent)
    checkpoint = find_checkpoint(agent)
    with agent.changed:
        agent.peers = peers
        if checkpoint is not None:
            agent.persistence.keep(replace(agent.durable, view_checkpoint=checkpoint))
        if agent.lifecycle.disk is not None:
            agent.learn_from_disk(agent.lifecycle.disk)
        count_members(agent)
        agent.learn_from_round(durable=is_transfer_synced)
        promises.end_promise(agent, asked_at=clock)
        agent.streaks = streaks.after_answers(agent.streaks, agent.answered())
        facts = agent.facts()
        decision = decide(facts)
        agent.streaks = streaks.after_decision(agent.streaks, decision)
        if not isinstance(decision, Bootstrap) and not override.is_between_starters(facts.own):
            promises.abandon(agent, decision.reason)
        bound = agent.durable.promise
    if isinstance(decision, Bootstrap):
        result = promises.campaign(agent, facts, decision, clock)
    else:
        action = Action.JOIN if isinstance(decision, Join) else None
        result = RoundResult(decision, action, bound, clock)
    promises.publish(agent, result)
    agent.recorder.note_round(agent.facts(), agent.result, agent.ports.log)
    carry_out_stop(agent, decision)
    agent.pulse.looped_at = time.monotonic()


def observe(agent: Agent) -> None:
    """Probe the lock and, if something holds it, ask the server."""
    with agent.changed:
        if agent.lifecycle.starter:
            return
    held = not agent.ports.lock_is_free()
    if held and wait_for_hello(agent):
        return
    server = agent.ports.server_status() if held else None
    if isinstance(server, Server) and not server.is_primary:
        server = replace(server, view=agent.ports.last_view())
    report_silence(agent, server if isinstance(server, str) else "")
    with agent.changed:
        status = server if isinstance(server, Server) else None
        agent.update_lifecycle(agent.lifecycle.observed(held=held, server=status))
        agent.pulse.observed_at = time.monotonic()


def wait_for_hello(agent: Agent) -> bool:
    """Between `on-start` and `start` no starter is connected: wait a moment for the one that has just taken the lock.

    A starter takes the lock first and says hello then; it executes nothing in between, so the pod is frozen still.
    `inspect` and `restore` take the lock, too, and send no Hello.  If they release it within this time, the report
    stays valid: a starter compares it with the datadir before it starts a server.
    """
    with agent.changed:
        if agent.lifecycle.phase is not Phase.FROZEN:
            return False
        return agent.changed.wait_for(lambda: agent.lifecycle.starter, HELLO_S)


def report_silence(agent: Agent, reason: str) -> None:
    """Log why a live server cannot be asked; while it starts it does not listen yet, which is no news."""
    if not any(normal in reason for normal in STARTING):
        agent.announcer.report_trouble("the server does not answer the agent", reason)


def ask_peers(agent: Agent) -> dict[int, PodState | Unknown]:
    """Ask all expected peers for their states."""
    names = {agent.settings.pod_of(o): o for o in agent.expected() - {agent.settings.ordinal}}
    return {names[name]: state for name, state in agent.ports.ask_states(sorted(names)).items()}


def sync_transfer(agent: Agent) -> bool:
    """Make what a state transfer wrote durable before its joining mark is closed: rsync does not fsync.

    Returns whether it is durable, also where there was no transfer.
    """
    server = agent.pod_state().primary_server
    if not agent.durable.joining_boot_id or server is None or not server.has_complete_data:
        return True
    # This can take as long as writing a whole database; the liveness probe must not count it.
    agent.pulse.is_syncing = True
    failure = agent.ports.sync_volume()
    agent.pulse.looped_at = time.monotonic()
    agent.pulse.is_syncing = False
    agent.announcer.report_trouble("the state transfer cannot be made durable", failure)
    return not failure


def find_checkpoint(agent: Agent) -> ViewCheckpoint | None:
    """How far this volume has certainly come in a view that has no checkpoint yet (proof `last-view`, `quorum`).

    The view is read before and after the position.  If both are the same, the position includes the change to it.
    """
    server, known = agent.pod_state().primary_server, agent.durable.view_checkpoint
    if agent.durable.joining_boot_id or server is None or not server.has_complete_data:
        return None
    view = agent.ports.last_view()
    if view is None or (known is not None and (known.view, known.position.uuid) == (view.name, server.uuid)):
        return None
    applied = agent.ports.applied_position()
    if isinstance(applied, str) or agent.ports.last_view() != view:
        return None
    return ViewCheckpoint(view.name, applied)


def count_members(agent: Agent) -> None:
    """Record foreign members, once there have been more members than pods for long enough (R36)."""
    server = agent.pod_state().primary_server
    others = agent.expected() - {agent.settings.ordinal}
    peers = [agent.peers.get(ordinal) for ordinal in others]
    maybe_alive = sum(not isinstance(peer, PodState) or not peer.has_no_server for peer in peers)
    agent.streaks = streaks.after_members(agent.streaks, server, maybe_alive)
    if server is not None and agent.streaks.has_foreign_members:
        agent.persistence.keep(replace(agent.durable, has_foreign_members=True))


def carry_out_stop(agent: Agent, decision: Decision) -> None:
    """Stop a server that has been stuck for many rounds, and keep the view that it loses by that."""
    if not agent.streaks.is_stuck_long_enough(decision):
        return
    agent.streaks = streaks.after_stop(agent.streaks)
    with agent.changed:
        agent.persistence.keep(replace(agent.durable, lost_view=quorum.lost_by_stop(agent.lifecycle.server)))
    failure = agent.ports.stop_server()
    agent.ports.log(f"stopping the server: {failure or 'it ends'}")
    agent.recorder.note("stop", f"stopping the server: {decision.reason} [{decision.rule}]")
