"""A server and its agent in one container: for pods without a sidecar.

The container lives as long as the server, and no longer: neither a signal nor an agent that hangs may keep it up when
the server is gone, and nothing that befalls the agent may take the server with it.
Signals are blocked and taken one by one, so that none comes at a bad moment; as PID 1 we reap what others leave.
Knows nothing of Galera.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

STOPPING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP})
WATCHED = STOPPING | {signal.SIGCHLD}

PAUSE = (1.0, 10.0)
"""Seconds before the first and before every later start of an agent that keeps ending."""

SETTLED = 60.0
"""Seconds that an agent must have lived for the pause to be the first again."""

GRACE = 5.0
"""Seconds that the agent has to end when the server has; it has nothing left to do."""

LOOK = 3600.0
"""Seconds between two looks when nothing is due; an end is told by a signal."""

Say = Callable[[str], None]


def run(agent: tuple[str, ...], server: tuple[str, ...], say: Say) -> int:
    """Run both, pass stop signals to the server, start the agent again when it ends; returns the server's exit code.

    Raises OSError when the server cannot be started.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    main = spawn(server)
    sidecar = Sidecar(agent, say)
    while (status := reaped(sidecar).get(main)) is None:
        sidecar.start_if_due()
        take(sidecar.next_at() - monotonic(), main)
    sidecar.end()
    return 128 - status if status < 0 else status


@dataclass
class Sidecar:
    """The agent: one process after the other."""

    command: tuple[str, ...]
    say: Say
    pid: int = 0
    """0: none."""
    due: float = 0.0
    """When it is to be started, monotonic, seconds."""
    began: float = 0.0
    """When it was last started, likewise."""
    pause: float = PAUSE[0]
    """Before the next start, seconds."""

    def start_if_due(self) -> None:
        """Start it if none runs and the pause is over."""
        if self.pid or monotonic() < self.due:
            return
        self.began = monotonic()
        try:
            self.pid = spawn(self.command)
        except OSError as exc:
            self.say(f"the agent cannot be started ({exc.strerror}: {self.command[0]}); trying again")
            self.ended()

    def ended(self) -> None:
        """It has ended: it is due again after a pause."""
        self.pid = 0
        if monotonic() - self.began > SETTLED:
            self.pause = PAUSE[0]
        self.due = monotonic() + self.pause
        self.pause = min(self.pause * 2, PAUSE[1])

    def next_at(self) -> float:
        """When something is due, monotonic, seconds."""
        return monotonic() + LOOK if self.pid else self.due

    def end(self) -> None:
        """Have it end; killed after the grace period, and not waited for then: a stuck disk may hold it for ever."""
        deadline = monotonic() + GRACE
        for number in (signal.SIGTERM, signal.SIGCONT):
            tell(self.pid, number)
        while self.pid and monotonic() < deadline:
            reaped(self)
            if self.pid:
                take(deadline - monotonic(), 0)
        tell(self.pid, signal.SIGKILL)


def spawn(command: tuple[str, ...]) -> int:
    """Start a program found on PATH with no signal blocked; returns its pid.  Raises OSError."""
    return os.posix_spawnp(command[0], command, os.environ, setsigmask=())


def reaped(sidecar: Sidecar) -> dict[int, int]:
    """Reap every child that has ended, whosever it was; exit codes by pid, negative for a signal."""
    codes: dict[int, int] = {}
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            codes[ended[0]] = os.waitstatus_to_exitcode(ended[1])
    if sidecar.pid in codes:
        sidecar.ended()
    return codes


def take(seconds: float, main: int) -> None:
    """Wait for a signal, so many seconds at most, and pass it on to the server if it is meant for it (0: nobody)."""
    told = signal.sigtimedwait(WATCHED, max(0.0, seconds))
    if told is not None and told.si_signo in STOPPING:
        tell(main, told.si_signo)


def tell(pid: int, number: int) -> None:
    """Send a signal to a child; it may be dead, but its pid is its own until it is reaped.  0: nobody."""
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
