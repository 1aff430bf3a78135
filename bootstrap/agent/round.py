"""One round of the agent: observe the own pod, ask the peers, learn, decide, collect promises."""

import time
from dataclasses import replace

from bootstrap.agent import system_tables
from bootstrap.agent.agent import Agent
from bootstrap.core.decision.decisions import Decision
from bootstrap.core.model.disk import NO_VERSIONS
from bootstrap.core.model.facts import Phase, PodState, Server
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.participant import promises, rounds
from bootstrap.core.participant.views import Seen, is_contradicted, needs_checkpoint, settled_server
from bootstrap.mariadb.client import STARTING

HELLO_S = 1.0
"""Seconds that may pass between a starter's lock and its Hello."""


def run_round(agent: Agent) -> None:
    """Observe, ask, decide; the result is published for starters before other pods are asked for promises."""
    with agent.changed:
        agent.counts.begun += 1
    agent.open_journal()
    agent.step(rounds.begin)
    observe(agent)
    look_at_versions(agent)
    peers = ask_peers(agent)
    if agent.lifecycle.primary_server is not None:
        # What the peers have answered shows a living cluster only if this server has outlived the answers.
        observe(agent)
    heard = rounds.Heard(
        peers,
        shown=agent.ports.dns_ordinals(),
        is_transfer_durable=sync_transfer(agent),
        view=see_view(agent),
    )
    outcome = agent.step(rounds.conclude, heard)
    if outcome.requests:
        agent.step(promises.collect, agent.ports.ask_promises(dict(outcome.requests)))
    announce(agent)
    system_tables.judge_tables(agent)
    agent.recorder.note_round(agent.facts(), agent.result, agent.ports.log)
    agent.announcer.report_trouble("looking up the other pods in DNS", agent.ports.dns_trouble())
    if outcome.must_stop:
        stop_server(agent, outcome.decision)
    with agent.changed:
        agent.counts.ended = agent.counts.begun
        agent.changed.notify_all()
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
        agent.become(rounds.observe(agent.state, held=held, server=status))
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


def look_at_versions(agent: Agent) -> None:
    """Look which series a member is of, before its peers are asked, and ask it."""
    versions = agent.ports.versions() if agent.lifecycle.primary_server else NO_VERSIONS
    with agent.changed:
        if versions != agent.state.versions:
            agent.become(agent.state._replace(versions=versions))


def report_silence(agent: Agent, reason: str) -> None:
    """Log and keep why a live server cannot be asked; while it starts it does not listen yet, which is no news."""
    is_starting = any(normal in reason for normal in STARTING)
    agent.recorder.unheard = "" if is_starting else reason
    if not is_starting:
        agent.announcer.report_trouble("the server does not answer the agent", reason)


def ask_peers(agent: Agent) -> dict[int, PodState | Unknown]:
    """Ask all expected peers for their states."""
    names = {agent.settings.pod_of(o): o for o in agent.expected() - {agent.settings.ordinal}}
    return {names[name]: state for name, state in agent.ports.ask_states(sorted(names)).items()}


def sync_transfer(agent: Agent) -> bool:
    """Make what a state transfer wrote durable before its joining mark is closed: rsync does not fsync.

    Returns whether it is durable, also where there was no transfer.
    """
    server = agent.lifecycle.primary_server
    if not agent.durable.joining_boot_id or server is None or not server.has_complete_data:
        return True
    # This can take as long as writing a whole database; the liveness probe must not count it.
    agent.pulse.is_syncing = True
    failure = agent.ports.sync_volume()
    agent.pulse.looped_at = time.monotonic()
    agent.pulse.is_syncing = False
    agent.announcer.report_trouble("the state transfer cannot be made durable", failure)
    return not failure


def see_view(agent: Agent) -> Seen:
    """Look at the view of the own server, and, where it has no checkpoint yet, how far this volume has come in it.

    The view is read before and after the position.  If both are the same, the position includes the change to it.
    """
    server = settled_server(agent.state)
    if server is None:
        return Seen()
    seen = Seen(agent.ports.last_view(), agent.ports.live_view())
    if seen.file is not None and is_contradicted(seen.file, seen, server):
        # The file is written first: only a server that has applied all that was ordered, views too, knows better.
        if isinstance(agent.ports.applied_position(), str):
            return Seen()
        seen = Seen(agent.ports.last_view(), agent.ports.live_view())
    if not needs_checkpoint(agent.state, seen):
        return seen
    applied = agent.ports.applied_position()
    if isinstance(applied, str) or Seen(agent.ports.last_view(), agent.ports.live_view()) != seen:
        return seen
    return seen._replace(applied=applied)


def stop_server(agent: Agent, decision: Decision) -> None:
    """Stop a server that has been stuck for many rounds."""
    failure = agent.ports.stop_server()
    agent.ports.log(f"stopping the server: {failure or 'it ends'}")
    agent.recorder.note("stop", f"stopping the server: {decision.reason} [{decision.rule}]")


def announce(agent: Agent) -> None:
    """Log a result that says something new; what the own server does is logged as a phase."""
    result = agent.result
    is_news = result.decision.rule != "own-server"
    if is_news and agent.announcer.say_when_changed("decision", result.line):
        agent.recorder.note_decision(agent.facts(), result)
