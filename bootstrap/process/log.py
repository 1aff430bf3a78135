"""One line on stderr for each transition, and a clean end at a signal."""

import _thread
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from io import UnsupportedOperation
from types import FrameType
from typing import NoReturn

Log = Callable[[str], None]
"""Writes one line of the log."""


def logger(program: str) -> Log:
    """Make a log with lines `<time in UTC> <program>: <fact and reason>`; control characters in them are escaped.

    A line that cannot be written, because the disk is full or stderr is closed, is lost: it must not end an agent.
    """

    def log(line: str) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        write(f"{now} {program}: {escape(line)}\n")

    return log


def escape(line: str) -> str:
    """Return the text as one line, without what a terminal obeys: control characters, and marks of direction."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in line)


def end_late(seconds: float, status: int) -> NoReturn:
    """End the process after this time, whatever its threads are doing."""
    time.sleep(seconds)
    os._exit(status)


def write(text: str) -> None:
    """Write to stderr without Python's buffer: text left in it would fail again at exit and change the exit code."""
    if sys.stderr is None:
        return
    with suppress(OSError, ValueError):
        try:
            fd = sys.stderr.fileno()
        except (AttributeError, UnsupportedOperation):  # a test's replacement for stderr
            sys.stderr.write(text)
        else:
            os.write(fd, text.encode(errors="backslashreplace"))


class Deferral:
    """A moment in which a signal must not end this process: a child exists of which nobody knows yet."""

    is_on = False
    status = 0
    """The exit status of the signal that came meanwhile; 0 = none did."""

    def begin(self) -> None:
        """Let the process end only at `finish`."""
        self.is_on, self.status = True, 0

    def finish(self) -> None:
        """End the process now if a signal has come."""
        self.is_on = False
        if self.status:
            raise SystemExit(self.status)


deferral = Deferral()
"""That of this process: signals are handled in its main thread."""


def die_by_signal(within: float | None = None) -> None:
    """End with 128+n at a signal; for a PID 1 the kernel would otherwise ignore it (kill(2), NOTES).

    `within` so many seconds it ends in any case, even where the exception is lost or meets code that waits: for a
    program that has nothing to tidy up.
    """
    stopping = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)

    def end(number: int, _frame: FrameType | None) -> None:
        for other in stopping:  # a second signal must not end in a traceback
            signal.signal(other, signal.SIG_IGN)
        if within is not None:
            # Not by `threading`, whose locks the interrupted code may hold.
            _thread.start_new_thread(end_late, (within, 128 + number))
        if deferral.is_on:
            deferral.status = 128 + number
            return
        raise SystemExit(128 + number)

    for number in stopping:
        signal.signal(number, end)
