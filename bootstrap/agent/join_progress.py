"""Looks now and then at how far a join has come, in a thread of its own: a slow disk must hold nobody up."""

import threading
import time

from bootstrap.agent import transfer_size
from bootstrap.agent.agent import Agent
from bootstrap.core.model.lifecycle import Lifecycle

PAUSE_S = 5.0
"""Between two looks."""

SHARE = 20
"""A look at a datadir of many files may take this part of the time at most."""


def watch(agent: Agent) -> None:
    """Begin to watch."""
    threading.Thread(target=_watch, args=[agent], name="progress", daemon=True).start()


def _watch(agent: Agent) -> None:
    while True:
        began = time.monotonic()
        look(agent)
        time.sleep(max(PAUSE_S, SHARE * (time.monotonic() - began)))


def look(agent: Agent) -> None:
    """Count what has come since the join was permitted; nothing, where none is under way."""
    chronicle = agent.recorder
    chronicle.bytes_received = (
        transfer_size.bytes_since(agent.settings.data_root / "data", chronicle.joined) if joins(agent) else None
    )


def joins(agent: Agent) -> bool:
    """Whether a server lives that was permitted to join and has not been seen Synced since."""
    return bool(agent.durable.joining_boot_id) and _alive(agent.lifecycle)


def _alive(pod: Lifecycle) -> bool:
    return pod.held and (pod.taken is not None or not pod.starter)
