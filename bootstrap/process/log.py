"""One line to stderr for each transition, and a clean end by a signal."""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from io import UnsupportedOperation
from types import FrameType
from typing import NoReturn


def logger(who: str) -> Callable[[str], None]:
    """Lines `<time in UTC> <who>: <fact and reason>`; control characters in them are escaped.

    A line that cannot be written, to a full disk or to nobody, is lost: who decides must not end by that.
    """

    def say(line: str) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        show(f"{now} {who}: {plain}\n")

    return say


def show(text: str) -> None:
    """Write to stderr, past Python's buffer: what stays in that fails once more at the end, and is the exit code."""
    if sys.stderr is None:
        return
    with suppress(OSError, ValueError):
        try:
            fd = sys.stderr.fileno()
        except (AttributeError, UnsupportedOperation):  # a test's stand-in
            sys.stderr.write(text)
        else:
            os.write(fd, text.encode(errors="backslashreplace"))


def die_by_signal() -> None:
    """End with 128+n on a signal; as PID 1 the kernel would otherwise ignore it (kill(2), NOTES)."""
    stopping = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        for other in stopping:  # an impatient second one must not end in a traceback
            signal.signal(other, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in stopping:
        signal.signal(number, end)
