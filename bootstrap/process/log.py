"""One line on stderr for each transition, and a clean end at a signal."""

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
        plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        write(f"{now} {program}: {plain}\n")

    return log


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


def die_by_signal() -> None:
    """End with 128+n at a signal; for a PID 1 the kernel would otherwise ignore it (kill(2), NOTES)."""
    stopping = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        for other in stopping:  # a second signal must not end in a traceback
            signal.signal(other, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in stopping:
        signal.signal(number, end)
