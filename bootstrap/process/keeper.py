"""The parent of a container's main program: passes signals on, reaps, copies its log, and finds out how it ended.

It holds nothing that its child holds, so that what the child has locked is free as soon as the child has ended.
Knows nothing of Galera.
"""

import _thread
import os
import signal
import time
from collections.abc import Iterator
from typing import NamedTuple

from bootstrap.process import reaping
from bootstrap.process.reaping import MAX_WAIT, send_signal

ORDERS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
"""They order the child to end."""

PASSED = ORDERS | {signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2}
"""All that are passed on: a container runtime sends its signals to this process."""

SIGNALS = PASSED | {signal.SIGCHLD}

LEFT_S = 10.0
"""How long what a child has left behind may take to end after SIGKILL; a disk that hangs may hold it longer."""

DRAIN_S = 1.0
"""How long the last lines of an ended child may take; a program that it has left behind may keep its log open."""

KEPT = 8
"""So many errors of its log are kept."""

LONGEST = 1000
"""So many octets of each."""

RECENT_S = 10.0
"""Errors of so many seconds before the end may have to do with it."""

PR_SET_CHILD_SUBREAPER = 36
"""The number of this option (prctl.h)."""


class End(NamedTuple):
    """How a child has ended."""

    code: int
    """Its exit status; negative: the signal that ended it."""
    is_ordered: bool
    """It was ordered to end by a signal that was passed on."""
    errors: tuple[str, ...]
    """The errors that it logged just before, the oldest first."""

    @property
    def how(self) -> str:
        """In one word: SIGKILL, or status-1."""
        if self.code >= 0:
            return f"status-{self.code}"
        known = {number.value: number.name for number in signal.Signals}
        return known.get(-self.code, f"SIG{-self.code}")

    @property
    def is_crash(self) -> bool:
        """Whether a signal has ended it that is no order to end (R45)."""
        return self.code < 0 and -self.code not in {*ORDERS, signal.SIGHUP} and not self.is_ordered


def keep(child: int, log: int, mark: bytes) -> End:
    """Wait for the end of a child that writes its log into the other end of this pipe; SIGNALS are blocked.

    A line of the log with `mark` in it is an error.
    """
    relay, is_ordered = Relay(log, mark), False
    while (code := reaping.reap().get(child)) is None:
        number = reaping.wait_for_signal(MAX_WAIT, SIGNALS)
        if number in PASSED:
            is_ordered = is_ordered or number in ORDERS
            send_signal(child, number)
    errors = relay.finish()
    return End(code, is_ordered or bool(signal.sigpending() & ORDERS), errors)


def become_reaper() -> bool:
    """Get every descendant whose own parent has ended as a child, as PID 1 does (prctl(2)); whether that is so.

    Before the first child: what is orphaned earlier goes to another process, and nobody knows of it.  An exec keeps it.
    """
    if os.getpid() == 1:
        return True
    try:
        import ctypes  # noqa: PLC0415  # not for a container's first process
    except ImportError:
        return False
    return bool(ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def end_children() -> bool:
    """Kill all that the child has left behind (R45); whether nothing lives any more and no order to end has come.

    A reaper gets what it kills one generation after the other, until it has no child: then there is no descendant.
    """
    deadline = time.monotonic() + LEFT_S
    while has_children():
        for pid in find_children(os.getpid()):
            send_signal(pid, signal.SIGKILL)
        if signal.sigpending() & ORDERS or time.monotonic() > deadline:
            return False
        reaping.wait_for_signal(0.1, frozenset({signal.SIGCHLD}))
    return not signal.sigpending() & ORDERS


def has_children() -> bool:
    """Whether this process has a child, when those that have ended are reaped."""
    reaping.reap()
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def find_children(parent: int) -> Iterator[int]:
    """Find the pids of a process's children."""
    own = str(parent).encode()
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib is slow
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - pathlib is slow
                # The command's name is in brackets and may contain any octet.
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it has ended
        if fields[1] == own:
            yield int(name)


class Relay:
    """Copies a child's log to our own stderr, in a thread of its own: a log that hangs must not stop a signal."""

    def __init__(self, source: int, mark: bytes) -> None:
        self.source, self.mark = source, mark
        self._errors: list[tuple[float, bytes]] = []
        self._rest = b""
        self._running = _thread.allocate_lock()
        self._running.acquire()
        _thread.start_new_thread(self._copy, ())

    def finish(self) -> tuple[str, ...]:
        """Wait a moment for the end of the log; return the last errors in it."""
        self._running.acquire(timeout=DRAIN_S)
        since = time.monotonic() - RECENT_S
        found = [line for moment, line in tuple(self._errors) if moment >= since]
        return tuple(line.decode(errors="replace") for line in found)

    def _copy(self) -> None:
        try:
            while chunk := os.read(self.source, 1 << 16):
                write(chunk)
                self._look(chunk)
        finally:
            self._running.release()

    def _look(self, chunk: bytes) -> None:
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[:LONGEST]
        for line in lines:
            if self.mark in line:
                self._errors = [*self._errors[-KEPT + 1 :], (time.monotonic(), line[:LONGEST])]


def write(chunk: bytes) -> None:
    """Write all of it to stderr; what cannot be written is lost, as it would be without us."""
    view = memoryview(chunk)
    try:
        while view:
            view = view[os.write(2, view) :]
    except OSError:
        return
