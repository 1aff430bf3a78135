"""A server and its agent in one container: for pods without a sidecar.

The container lives exactly as long as the server: neither a signal nor an agent that hangs may keep it up when the
server has ended, and no fault of the agent may end the server.
Knows nothing of Galera.
"""

import signal
from dataclasses import dataclass
from time import monotonic

from bootstrap.process import reaping
from bootstrap.process.log import Log
from bootstrap.process.reaping import MAX_WAIT, SIGNALS, STOP_SIGNALS, send_signal, spawn

PAUSE = (1.0, 10.0)
"""Seconds before the first and before every later start of an agent that keeps ending."""

SETTLED = 60.0
"""After so many seconds of an agent's life the pause is the first one again."""

GRACE = 5.0
"""Seconds that the agent has for its end after the server's; it has nothing left to do."""


def run(agent: tuple[str, ...], server: tuple[str, ...], log: Log) -> int:
    """Run both, pass stop signals to the server, restart the agent when it ends; returns the server's exit code.

    Raises OSError when the server cannot be started.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    main = spawn(server)
    sidecar = Sidecar(agent, log)
    while (status := reap(sidecar).get(main)) is None:
        sidecar.start_if_due()
        wait_for_signal(sidecar.next_at() - monotonic(), main)
    sidecar.stop()
    return reaping.exit_status(status)


@dataclass
class Sidecar:
    """The agent: one process after the other."""

    command: tuple[str, ...]
    log: Log
    pid: int = 0
    """0 = none runs."""
    due: float = 0.0
    """When to start it, monotonic, seconds."""
    started: float = 0.0
    """When it was last started, monotonic, seconds."""
    pause: float = PAUSE[0]
    """Before the next start, seconds."""

    def start_if_due(self) -> None:
        """Start the agent if none runs and the pause is over."""
        if self.pid or monotonic() < self.due:
            return
        self.started = monotonic()
        try:
            self.pid = spawn(self.command)
        except OSError as exc:
            self.log(f"the agent cannot be started ({exc.strerror}: {self.command[0]}); trying again")
            self.note_end()

    def note_end(self) -> None:
        """Note that the agent has ended: it is due again after a pause."""
        self.pid = 0
        if monotonic() - self.started > SETTLED:
            self.pause = PAUSE[0]
        self.due = monotonic() + self.pause
        self.pause = min(self.pause * 2, PAUSE[1])

    def next_at(self) -> float:
        """When something is due, monotonic, seconds."""
        return monotonic() + MAX_WAIT if self.pid else self.due

    def stop(self) -> None:
        """Stop the agent; after the grace period kill it without waiting, because a stuck disk may hold it forever."""
        deadline = monotonic() + GRACE
        for number in (signal.SIGTERM, signal.SIGCONT):
            send_signal(self.pid, number)
        while self.pid and monotonic() < deadline:
            reap(self)
            if self.pid:
                wait_for_signal(deadline - monotonic(), 0)
        send_signal(self.pid, signal.SIGKILL)


def reap(sidecar: Sidecar) -> dict[int, int]:
    """Reap every child that has ended; returns exit codes by pid, negative for a signal."""
    codes = reaping.reap()
    if sidecar.pid in codes:
        sidecar.note_end()
    return codes


def wait_for_signal(seconds: float, main: int) -> None:
    """Wait so many seconds at most for a signal, and pass a stop signal on to the server (pid 0: to no process)."""
    number = reaping.wait_for_signal(seconds)
    if number in STOP_SIGNALS:
        send_signal(main, number)
