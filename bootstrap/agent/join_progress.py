"""How far a join has come: the bytes that a state transfer has brought, read from the datadir now and then.

The joiner's server answers nothing meanwhile.  rsync writes in place, into files that have their full length from the
start, and does not set their times: so this counts what is allocated to files that were written since the join began.
It runs in a thread of its own, because a slow disk must not delay a decision.
"""

import os
import threading
import time
from pathlib import Path

from bootstrap.agent.agent import Agent
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.obstacles.room import Room
from bootstrap.core.participant.views import settled_server
from bootstrap.datadir.usage import allocated_bytes, bytes_since
from bootstrap.storage.layout import Layout

PAUSE_S = 5.0
"""Between two measurements."""

SHARE = 20
"""Measuring a datadir of many files may take at most one part in this many of the time."""


def watch(agent: Agent) -> None:
    """Begin to measure, in the background."""
    threading.Thread(target=_measure_forever, args=[agent], name="progress", daemon=True).start()


def _measure_forever(agent: Agent) -> None:
    while True:
        began = time.monotonic()
        measure(agent)
        time.sleep(max(PAUSE_S, SHARE * (time.monotonic() - began)))


def measure(agent: Agent) -> None:
    """Record how many bytes have come since the join was permitted; None where no join is under way.

    Of a member, also how many there are: a joiner needs as much room.
    """
    recorder = agent.recorder
    data = Layout(agent.settings.data_root).data
    recorder.room = read_room(agent.settings.data_root)
    recorder.note_written(bytes_since(data, recorder.joined) if is_joining(agent) else None)
    agent.note_data_size(allocated_bytes(data) if settled_server(agent.state) else None)


def read_room(folder: Path) -> Room | None:
    """Read the room of a folder's file system, without what only root may use; None = not known."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return Room(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


def is_joining(agent: Agent) -> bool:
    """Whether a server lives that was permitted to join and has not been seen Synced since."""
    return bool(agent.durable.joining_boot_id) and _is_alive(agent.lifecycle)


def _is_alive(pod: Lifecycle) -> bool:
    return pod.held and (pod.taken is not None or not pod.starter)
