"""The two starters, `on-start` and `start`.

A starter holds the volume's lock from before it inspects the datadir.  It reports what it found as frozen and waits for
the agent's decision; `start` then acts on it.
"""

import os
import time
from typing import NoReturn

from bootstrap.errors import VolumeBusyError
from bootstrap.mariadb.recover import Recover
from bootstrap.process.announcer import Announcer
from bootstrap.starter.inspection import Inspection
from bootstrap.starter.pod import Pod
from bootstrap.starter.restarts import Call, Past
from bootstrap.starter.session import Session
from bootstrap.storage import lock

LOCK_PATIENCE_S = 2.0
"""How long `on-start` waits for the lock: the scripts of a state transfer outlive a killed server for a second."""


def on_start(pod: Pod) -> None:
    """Hold the lock while the agents decide; end when it is decided which pod starts first.

    `start`, in the server's container, waits for the permission itself, so it is ready when its turn comes.  The report
    stays valid meanwhile, because the agent watches the lock.
    """
    try:
        lock_fd = lock.acquire_waiting(pod.layout.lock, time.monotonic() + LOCK_PATIENCE_S, lambda: None)
    except VolumeBusyError:
        # Init containers run again when a pod's sandbox is created again; `start` will inspect the datadir in any case.
        pod.log("a server is alive on this volume: nothing to decide")
        return
    session = open_session(pod, lock_fd)
    connection, _ = session.ask(lambda client: session.wait(client, lambda decision: decision.is_settled))
    # The lock first: when the connection ends, the agent checks whether anything still lives on the volume.
    os.close(lock_fd)
    connection.close()


def start(pod: Pod, command: tuple[str, ...], past: Past) -> NoReturn:
    """Wait for the permission to start, and start the server, which inherits the lock (R2, R19, R45)."""
    from bootstrap.starter import launch  # noqa: PLC0415  # `on-start`, which begins each pod, launches nothing

    launch.check_command(command, str(pod.settings.cnf))
    lock_fd = lock.acquire_waiting(
        pod.layout.lock, None, lambda: pod.log("waiting for what is alive on this volume to end")
    )
    more = launch.server_arguments(command, str(pod.settings.cnf))
    session = open_session(pod, lock_fd, more, past)
    # The connection stays open until exec ends it: it is the starter's sign of life for the agent.
    client, permission = session.ask(session.take)
    launch.execute(pod, session.inspection, Call(command, past, lock_fd, client.close), permission)


def open_session(pod: Pod, lock_fd: int, more: tuple[str, ...] = (), past: Past = Past()) -> Session:  # noqa: B008 - a value
    """Begin a conversation; the programs that write to the datadir inherit the lock.

    `more` are the server's arguments behind its option file; `past` is what the agent does not know yet.
    """
    command = (pod.settings.mariadbd, f"--defaults-file={pod.settings.cnf}")
    recover = Recover(command, keep_fds=(lock_fd,), direct=pod.settings.upgrade_from, more=more, log=pod.log)
    return Session(pod, Inspection(pod.layout, recover, pod.log), Announcer(pod.log), past)
