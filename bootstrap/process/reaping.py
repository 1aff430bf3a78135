"""Signals and ended children of a process that is the parent of a container's programs.

Its signals are blocked and taken one by one, so that none interrupts a step, and none is lost at an exec: a mask and
pending signals survive it (execve(2)).  As PID 1 it reaps the children of others, too.
"""

import os
import signal
from contextlib import suppress

STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP})
SIGNALS = STOP_SIGNALS | {signal.SIGCHLD}

MAX_WAIT = 3600.0
"""Longest wait in seconds when nothing is due; SIGCHLD reports the end of a child."""


def spawn(command: tuple[str, ...], more: tuple[tuple[int, int, int], ...] = ()) -> int:
    """Start a program found on PATH with no signal blocked; returns its pid.  Raises OSError.

    It inherits what is inheritable; `more` are file actions of posix_spawn.
    """
    return os.posix_spawnp(command[0], command, os.environ, setsigmask=(), file_actions=more)


def reap() -> dict[int, int]:
    """Reap every child that has ended, those of others too; returns exit codes by pid, negative for a signal."""
    codes: dict[int, int] = {}
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            codes[ended[0]] = os.waitstatus_to_exitcode(ended[1])
    return codes


def wait_for_signal(seconds: float, signals: frozenset[int] = SIGNALS) -> int:
    """Wait so many seconds at most for one of these signals, which are blocked; 0 = none has come."""
    received = signal.sigtimedwait(signals, max(0.0, seconds))
    return received.si_signo if received else 0


def send_signal(pid: int, number: int) -> None:
    """Send a signal to a child; it may be dead, but its pid is its own until it is reaped.  0 = no process."""
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def exit_status(code: int) -> int:
    """The status of a process that ends like its child, as a shell gives it: 128+n for a signal."""
    return 128 - code if code < 0 else code
