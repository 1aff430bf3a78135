"""The port for the kubelet's probes and for Prometheus: HTTP, read-only, without authentication.

Every answer is made from what the agent already knows, from values that are read whole, without the lock, which a slow
disk may hold: it waits for nothing, so a probe costs little and cannot be used to load the database.  An answer has no
name, uuid, address or position in it, unless the settings ask for it.
"""

import time
from collections.abc import Callable
from functools import partial

from bootstrap.agent.agent import Agent
from bootstrap.core.status import probes
from bootstrap.core.status.metrics.families import metrics
from bootstrap.core.status.probes import Details, ProbeView, Readiness
from bootstrap.network import text_server
from bootstrap.network.text_server import PLAIN, PROMETHEUS, Answer, TextServer


def take_view(agent: Agent) -> ProbeView:
    """The agent's view of its pod, now."""
    now, full = time.monotonic(), agent.ports.full_server()
    return ProbeView(
        lifecycle=agent.lifecycle,
        peers=agent.peers,
        result=agent.result,
        is_joining=bool(agent.durable.joining_boot_id),
        epoch=agent.durable.epoch,
        observed_ago_s=now - agent.pulse.observed_at,
        looped_ago_s=0.0 if agent.pulse.is_syncing else now - agent.pulse.looped_at,
        is_full=full is not None,
        before_full=full.server if full else None,
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
        ended=agent.recorder.ended,
        failed_starts=agent.recorder.ends.times,
        has_journal_error=bool(agent.state.fault),
        tables=agent.upgrade.finding.stage,
        failed_upgrades=agent.upgrade.attempts.failures,
        load=agent.ports.server_load(),
        room=recorder.room,
        has_dns=not agent.ports.dns_trouble(),
        certificate_until=recorder.certificate_until,
    )


def answer_livez(view: ProbeView) -> Answer:
    """Say whether the agent works; never about the server."""
    return (200, PLAIN, "live\n") if probes.is_alive(view) else (503, PLAIN, "stuck\n")


def answer_readyz(view: ProbeView) -> Answer:
    """Say whether clients may be sent to the server."""
    readiness = probes.find_readiness(view)
    return 200 if readiness is Readiness.READY else 503, PLAIN, f"{readiness}\n"


def answer_metrics(view: ProbeView) -> Answer:
    """Answer Prometheus."""
    return 200, PROMETHEUS, metrics(view)


PATHS: dict[str, Callable[[ProbeView], Answer]] = {
    "/livez": answer_livez,
    "/readyz": answer_readyz,
    "/metrics": answer_metrics,
}


def answer(view: Callable[[], ProbeView], path: str) -> Answer | None:
    """Answer a request; `view` is called from other threads and must not block."""
    found = PATHS.get(path)
    return found(view()) if found else None


def listen(address: str, port: int, view: Callable[[], ProbeView]) -> TextServer:
    """Listen at this address.  Raises OSError."""
    return text_server.listen(address, port, partial(answer, view))
