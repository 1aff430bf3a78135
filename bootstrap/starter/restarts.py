"""How often and when a server is started again: `start` becomes its parent, and `start` again when a signal ends it.

`start` starts the server as its child, with the volume's lock, and becomes this program by an exec of itself: so a
small one waits (figures in docs/figures.md), and the server's start is not delayed.  When the server has died, this
program becomes `start` again, which knows nothing of the datadir and asks the agent as at every start (R45).
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from bootstrap.errors import SettingInvalidError
from bootstrap.process import keeper, reaping
from bootstrap.process.log import logger
from bootstrap.process.program import own_command

KEEP, START = "keep", "start"
"""The words with which this program is called again."""

FOR_START = "`keep` and `start --again` are for `start` alone: use `galera-bootstrap start -- COMMAND...`"

NONE = "-"
"""Stands for no moments."""

WINDOW_S = 600
"""For so long a restart counts; the kubelet, too, forgets those of a container after ten minutes."""

ERROR = b"[ERROR]"
"""With this in it a line of MariaDB's log is an error."""


class Past(NamedTuple):
    """What has happened in this container before this start."""

    starts: tuple[int, ...] = ()
    """When its server was started again, in whole seconds of time.monotonic(); it survives an exec."""
    how: str = ""
    """How the last server has ended, in one word; empty = there was none."""
    error: str = ""
    """The error that it logged just before; empty = none."""


class Kept(NamedTuple):
    """A server, and what its keeper has to know of it."""

    pid: int
    """The server, a child of this process."""
    log: int
    """The reading end of the pipe into which it logs."""
    limit: int
    """How often a server may be started again within WINDOW_S."""
    starts: tuple[int, ...]
    """As in `Past`."""


class Call(NamedTuple):
    """How `start` was called, and what it holds."""

    command: tuple[str, ...]
    """The server's command."""
    past: Past
    """What was before."""
    lock_fd: int
    """The volume's lock."""
    hang_up: Callable[[], None]
    """Ends the conversation with the agent, which an exec does by itself."""


def hand_over(server: tuple[str, ...], call: Call, limit: int) -> NoReturn:
    """Start the server, and become its keeper; raises OSError if it cannot be executed.

    `server` is the command with the options of this start.  The lock goes to it alone: its death must free it (R45).
    """
    if not keeper.become_reaper():
        # What a dead server leaves behind could not be found.
        limit = 0
    source, target = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, keeper.SIGNALS)
    try:
        pid = reaping.spawn(server, ((os.POSIX_SPAWN_DUP2, target, 2),))
    except OSError:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, keeper.SIGNALS)
        raise
    os.close(call.lock_fd)
    os.close(target)
    os.set_inheritable(source, True)  # noqa: FBT003 - positional only
    kept = Kept(pid, source, limit, call.past.starts)
    me = own_command()
    try:
        os.execv(me[0], (*me, *keeper_words(kept), "--", *call.command))  # noqa: S606 - replacing this process is the point
    except OSError as exc:
        logger(START)(f"{me[0]} cannot be executed ({exc.strerror}): this process waits for the server itself")
        call.hang_up()
        run(kept, call.command)


def run(kept: Kept, command: tuple[str, ...]) -> NoReturn:
    """Wait for the server; start another one, or end as it did."""
    os.set_inheritable(kept.log, False)  # noqa: FBT003 - positional only
    end, log = keeper.keep(kept.pid, kept.log, ERROR), logger(START)
    starts = count_recent(kept.starts, time.monotonic())
    may_start = end.is_crash and len(starts) < kept.limit
    # Nothing that this server has started may live on beside the next one (R45).
    if may_start and keeper.end_children():
        log(
            f"the server was ended by {end.how}: it is started again, "
            f"{len(starts) + 1} of {kept.limit} times in {WINDOW_S // 60} minutes"
        )
        past = Past((*starts, int(time.monotonic())), end.how, find_error(end))
        me = own_command()
        try:
            os.execv(me[0], (*me, *start_words(past), "--", *command))  # noqa: S606 - as above
        except OSError as exc:
            log(f"{me[0]} cannot be executed ({exc.strerror}): the container ends")
    send_end(end)
    sys.exit(reaping.exit_status(end.code))


def count_recent(starts: tuple[int, ...], now: float) -> tuple[int, ...]:
    """Return the moments that still count of those at which the server was started again."""
    return tuple(moment for moment in starts if now - moment < WINDOW_S)


def find_error(end: keeper.End) -> str:
    """The error that most likely names the cause, without what no argument may have in it; empty = there is none."""
    if not end.errors:
        return ""
    from bootstrap.core.galera.recovery_log import find_cause  # noqa: PLC0415  # a server runs for months first

    return find_cause("\n".join(end.errors)).replace("\0", " ")


def send_end(end: keeper.End) -> None:
    """Send the agent how the server has ended with which the container ends; an orderly end is no news.

    Whatever is in the way, the container must end with the server's own status.
    """
    if end.code == 0 or (end.is_ordered and end.code < 0):
        return
    try:
        from bootstrap.settings import current  # noqa: PLC0415  # see above
        from bootstrap.starter import failure  # noqa: PLC0415  # see above

        failure.send_end(current(), end.how, find_error(end))
    except Exception as exc:  # noqa: BLE001  # the tools may be gone from their volume
        logger(START)(f"the agent does not learn how the server has ended: {exc!r}")


# The words of a call, and back: they are arguments, so that `ps` shows them and a server does not inherit them.


def keeper_words(kept: Kept) -> tuple[str, ...]:
    """Return how this program is called as a keeper."""
    return KEEP, str(kept.pid), str(kept.log), str(kept.limit), write_moments(kept.starts)


def start_words(past: Past) -> tuple[str, ...]:
    """Return how this program is called for another start."""
    return START, "--again", write_moments(past.starts), past.how, past.error


def write_moments(moments: tuple[int, ...]) -> str:
    """Write moments as one word."""
    return ",".join(map(str, moments)) or NONE


def read_moments(word: str) -> tuple[int, ...]:
    """Read what `write_moments` has written; raises ValueError."""
    return () if word == NONE else tuple(map(int, word.split(",")))


def read_keeper_words(words: tuple[str, ...]) -> tuple[Kept, tuple[str, ...]]:
    """Read how a keeper was called; returns also the server's command.  Raises SettingInvalidError."""
    try:
        _, pid, log, limit, starts, dashes, *command = words
        kept = Kept(int(pid), int(log), int(limit), read_moments(starts))
    except ValueError:
        raise SettingInvalidError(FOR_START) from None
    return kept, check_command(dashes, command)


def read_start_words(words: tuple[str, ...]) -> tuple[tuple[str, ...], Past]:
    """Read how another start was called: the server's command, and what was before.  Raises SettingInvalidError."""
    try:
        _, _, starts, how, error, dashes, *command = words
        past = Past(read_moments(starts), how, error)
    except ValueError:
        raise SettingInvalidError(FOR_START) from None
    return check_command(dashes, command), past


def check_command(dashes: str, command: list[str]) -> tuple[str, ...]:
    """Return the server's command behind the dashes; raises SettingInvalidError."""
    if dashes != "--" or not command:
        raise SettingInvalidError(FOR_START)
    return tuple(command)
