"""One hook's process group: its standard input, the signals passed on to it, its time limit, its exit status.

Does not know which hook is due, nor what the lines on its standard input mean.
A hook writes to our own stdout and stderr, so nothing waits for a daemon it leaves; on request `relay` is between.
"""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import NamedTuple

from peerfinder.errors import HookFailedError, HookTimedOutError
from peerfinder.hooks.output import Form, Relay
from peerfinder.hooks.signals import STOPPING, Signals, StoppedBySignal

LINGER_SECONDS = 0.05
"""How often the rest of a stopped group is looked for: grandchildren that end send us no signal. Seconds."""

KILL_AFTER_LIMIT = 5.0
"""Time from SIGTERM to SIGKILL for a hook that ran too long, seconds."""

SHELL = "/bin/sh"
"""What reads a hook's text."""

SHELL_SAYS = {126: " (not executable)", 127: " (not found)"}
"""What POSIX sh means by its own statuses."""


class Hook(NamedTuple):
    """A command to run with a set of peers."""

    event: str
    """on-start or on-change."""
    text: str
    """What /bin/sh runs."""
    limit: float = 0.0
    """The longest time it may run, seconds; 0: no limit, since a hook may be the database itself."""
    grace: float = 30.0
    """Time from a stop signal to SIGKILL, seconds."""
    form: Form | None = None
    """How its lines are passed on; None: it writes to our own streams."""


def run(hook: Hook, stdin: bytes, environment: Mapping[str, str], signals: Signals) -> None:
    """Run a hook to its end.

    Raises HookFailedError for a status other than 0, HookTimedOutError when it ran too long, StoppedBySignal when
    a stop signal came: the group has got it, and has ended or was killed after the grace period.
    """
    with signals.in_hook():
        with _output(hook) as relay:
            running = _Running(hook, *_spawn(hook, environment, relay), memoryview(stdin), monotonic())
            while not running.is_over(signals):
                signals.wait(running.feed, running.next_at() - monotonic())
                for number in signals.taken():
                    running.pass_on(number)
                running.write_some()
                running.enforce(monotonic())
            running.close()
        _judge(running, signals.status_of(running.pid) or 0)


def show(hook: Hook, stdin: str) -> None:
    """Print what a hook would get instead of running it; raises HookFailedError if nobody takes it."""
    try:
        print(stdin, end="", flush=True)
    except OSError as exc:
        raise HookFailedError(f"what the {hook.event} hook would get cannot be printed: {exc.strerror}") from exc


@contextmanager
def _output(hook: Hook) -> Iterator[Relay | None]:
    """Have the hook's output passed on, if that was asked for."""
    if hook.form is None:
        yield None
        return
    try:
        relay = Relay(hook.form)
    except (OSError, RuntimeError) as exc:  # No more descriptors, no more threads.
        why = getattr(exc, "strerror", None) or exc
        raise HookFailedError(f"the {hook.event} hook cannot be started: {why}") from exc
    with relay:
        yield relay


def _spawn(hook: Hook, environment: Mapping[str, str], relay: Relay | None) -> tuple[int, int]:
    """Start the hook in a process group of its own; give its pid and the writing end of its standard input."""
    words = _words(hook)
    try:
        read, write = os.pipe2(os.O_CLOEXEC)
    except OSError as exc:
        raise HookFailedError(f"the {hook.event} hook cannot be started: {exc.strerror}") from exc
    streams = [(os.POSIX_SPAWN_DUP2, end, target) for target, end in enumerate(relay.ends if relay else (), 1)]
    try:
        # Python itself ignores SIGPIPE and SIGXFSZ; a hook starts with the default actions, as from any shell.
        pid = os.posix_spawnp(
            words[0],
            words,
            environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, read, 0), *streams],
            setpgroup=0,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
    except OSError as exc:
        os.close(write)
        raise HookFailedError(f"the {hook.event} hook cannot be started by {words[0]}: {exc.strerror}") from exc
    finally:
        os.close(read)
        if relay:
            relay.begun()
    os.set_blocking(write, False)
    return pid, write


def _words(hook: Hook) -> list[str]:
    """Give the command that runs the hook's text: a shell, or in an image without one the words of the text itself.

    Raises HookFailedError for a text that only a shell understands.
    """
    if os.access(SHELL, os.X_OK):
        return [SHELL, "-c", hook.text]
    from shlex import shlex  # noqa: PLC0415 - few images have no shell, and every pod's start is short

    reader = shlex(hook.text, posix=True, punctuation_chars=True)
    reader.whitespace_split, reader.commenters = True, ""
    try:
        words = list(reader)
    except ValueError:  # A quote that is not closed.
        words = []
    signs = set(reader.punctuation_chars)
    if not (words and words[0]) or set(hook.text) & set("$`") or any(signs.intersection(word[:1]) for word in words):
        raise HookFailedError(f"the {hook.event} hook is for {SHELL}, which is not here; give a program with arguments")
    return words


def _judge(running: "_Running", status: int) -> None:
    """Raise what the end of a hook means; return if it ended well."""
    hook = running.hook
    if running.stopped_by:
        raise StoppedBySignal(running.stopped_by, status)
    if running.timed_out:
        raise HookTimedOutError(
            f"the {hook.event} hook ran longer than {hook.limit:g} s and its process group was killed; "
            "see its own output, or raise -hook-timeout"
        )
    if status:
        how = f"by signal {-status}" if status < 0 else f"with status {status}{SHELL_SAYS.get(status, '')}"
        # Not its text: the kubelet may have put a password into it.
        raise HookFailedError(f"the {hook.event} hook ended {how}; see its own output above", status)


@dataclass
class _Running:
    """A hook between its start and its end."""

    hook: Hook
    pid: int
    """Of the leader, and of the group."""
    feed: int
    """Writing end of its standard input; -1 once closed."""
    left: memoryview
    """What is still to be written."""
    started: float
    """Monotonic, seconds."""
    kill_at: float = inf
    """When the group gets SIGKILL, monotonic, seconds."""
    stopped_by: int = 0
    """The stop signal that came; 0: none."""
    timed_out: bool = False

    @property
    def limit_at(self) -> float:
        """When the time limit ends; never, once it has."""
        return self.started + self.hook.limit if self.hook.limit and not self.timed_out else inf

    def is_over(self, signals: Signals) -> bool:
        """Tell whether the hook has ended; once it is being stopped, whether its whole group has.

        A stopped shell may be gone while the database it started still closes its files.
        """
        if signals.status_of(self.pid) is None:
            return False
        return self.kill_at == inf or not self._signal_group(0)

    def next_at(self) -> float:
        """Give the time at which something is due even if nothing happens."""
        lingering = monotonic() + LINGER_SECONDS if self.kill_at < inf else inf
        return min(self.limit_at, self.kill_at, lingering)

    def pass_on(self, number: int) -> None:
        """Give the group a signal that came to us."""
        self._signal_group(number)
        if number in STOPPING and not self.stopped_by:
            self.stopped_by = number
            self.kill_at = min(self.kill_at, monotonic() + self.hook.grace)

    def enforce(self, now: float) -> None:
        """Stop the group at the time limit, kill it at the end of the grace period."""
        if now >= self.limit_at:
            self.timed_out = True
            self.kill_at = min(self.kill_at, now + min(KILL_AFTER_LIMIT, self.hook.grace))
            self._signal_group(signal.SIGTERM)
        if now >= self.kill_at:
            self.kill_at = inf
            self._signal_group(signal.SIGKILL)

    def write_some(self) -> None:
        """Write what the pipe takes; a hook need not read, and may close its standard input."""
        while self.left and self.feed >= 0:
            try:
                self.left = self.left[os.write(self.feed, self.left) :]
            except BlockingIOError:
                return
            except OSError:
                break
        self.close()

    def close(self) -> None:
        """End the hook's standard input."""
        if self.feed >= 0:
            os.close(self.feed)
            self.feed = -1

    def _signal_group(self, number: int) -> bool:
        """Signal the group; False if nobody is left in it, or only others' processes (a setuid hook)."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True
