"""What probes and metrics are answered by: values that are read whole, without the lock, which a slow disk may hold."""

import time

from bootstrap.agent.agent import Agent
from bootstrap.core.status.probes import Details, ProbeView


def take_view(agent: Agent) -> ProbeView:
    """The agent's view of its pod, now."""
    now = time.monotonic()
    return ProbeView(
        lifecycle=agent.lifecycle,
        peers=agent.peers,
        result=agent.result,
        is_joining=bool(agent.durable.joining_boot_id),
        epoch=agent.durable.epoch,
        observed_ago_s=now - agent.pulse.observed_at,
        looped_ago_s=0.0 if agent.pulse.is_syncing else now - agent.pulse.looped_at,
        details=take_details(agent, now) if agent.settings.metrics == "full" else None,
    )


def take_details(agent: Agent, now: float) -> Details:
    """What Prometheus gets as well, where the settings ask for it."""
    durable, recorder = agent.durable, agent.recorder
    return Details(
        set_name=agent.settings.set_name,
        version=agent.version,
        now=now,
        counters=recorder.counters,
        term=durable.highest_term,
        is_promised=durable.promise is not None,
        bytes_received=recorder.bytes_received,
        has_journal_error=bool(agent.state.fault),
    )
