"""One hook's process group: its standard input, the signals passed on to it, its time limit, its exit status.

Does not know which hook is due, nor what the lines on its standard input mean.
A hook writes to our own stdout and stderr, so nothing waits for a daemon it leaves; on request `output` relays both.
"""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import inf
from shlex import shlex
from time import monotonic
from typing import NamedTuple

from peerfinder.errors import HookFailedError, HookTimedOutError
from peerfinder.hooks.output import LineFormat, Relay
from peerfinder.hooks.signals import STOP_SIGNALS, Signals, StoppedBySignal

LINGER_SECONDS = 0.05
"""How often to check whether a stopped group has ended: grandchildren that end send us no signal. Seconds."""

KILL_AFTER_LIMIT = 5.0
"""Time from SIGTERM to SIGKILL for a hook that exceeded its time limit, seconds."""

BASH = "bash"
"""What runs a hook's text if it is in PATH, as the Go program had it: hooks are written in its dialect, and a script
whose first octets are not `#!` is run by the shell that starts it."""

SHELL = "/bin/sh"
"""What runs it in an image without bash."""

GUARD = "trap : HUP USR1 USR2; trap 'exit 130' INT; trap 'exit 131' QUIT; "
"""Begins the text of a hook for which the shell has to stay. The group gets the signals that we pass on, also the
shell: without traps it would die of the first three before the programs that it started, which looks like the end of
the hook. bash would go on with the text after INT if a program handles it, and ignores QUIT.
Programs start with the default actions again (POSIX, "2.14 trap")."""

REDIRECTIONS = frozenset({"<", ">", ">>", ">&", "<&", "<>", ">|"})
"""The operators that one command may have."""

SHELL_STATUSES = {126: " (not executable)", 127: " (not found)"}
"""The meaning of a shell's own statuses."""


class Hook(NamedTuple):
    """A command to run with a set of peers."""

    event: str
    """on-start or on-change."""
    text: str
    """The command line for a shell."""
    limit: float = 0.0
    """The longest time it may run, seconds; 0: no limit, since a hook may be the database itself."""
    grace: float = 30.0
    """Time from a stop signal to SIGKILL, seconds."""
    line_format: LineFormat | None = None
    """How its output lines are passed on; None: it writes to our own streams."""


def run(hook: Hook, stdin: bytes, environment: Mapping[str, str], signals: Signals) -> None:
    """Run a hook to its end.

    Raises HookFailedError for a status other than 0, HookTimedOutError when it exceeded its time limit, and
    StoppedBySignal when a stop signal came: by then the group has got the signal, and has ended or was killed.
    """
    with signals.keep_statuses():
        with _relay_output(hook) as relay:
            running = _Running(hook, *_spawn(hook, environment, relay), memoryview(stdin))
            while not running.is_over(signals):
                signals.wait(running.stdin, running.next_deadline() - monotonic())
                for number in signals.take_received():
                    running.pass_on(number, quits=number in signals.quits)
                running.write_some()
                running.enforce(monotonic())
            running.close_stdin()
        _raise_outcome(running, signals.get_status(running.pid) or 0)


def print_input(hook: Hook, stdin: str) -> None:
    """Print what a hook would get instead of running it; raises HookFailedError if it cannot be printed."""
    try:
        print(stdin, end="", flush=True)
    except OSError as exc:
        raise HookFailedError(f"what the {hook.event} hook would get cannot be printed: {exc.strerror}") from exc


@contextmanager
def _relay_output(hook: Hook) -> Iterator[Relay | None]:
    """Relay the hook's output, if it has a line format."""
    if hook.line_format is None:
        yield None
        return
    try:
        relay = Relay(hook.line_format)
    except (OSError, RuntimeError) as exc:  # No more descriptors, no more threads.
        why = getattr(exc, "strerror", None) or exc
        raise HookFailedError(f"the {hook.event} hook cannot be started: {why}") from exc
    with relay:
        yield relay


def _spawn(hook: Hook, environment: Mapping[str, str], relay: Relay | None) -> tuple[int, int]:
    """Start the hook in its own process group; return its pid and the writing end of its standard input."""
    argv = _build_argv(hook)
    try:
        read, write = os.pipe2(os.O_CLOEXEC)
    except OSError as exc:
        raise HookFailedError(f"the {hook.event} hook cannot be started: {exc.strerror}") from exc
    streams = [(os.POSIX_SPAWN_DUP2, end, target) for target, end in enumerate(relay.ends if relay else (), 1)]
    try:
        # Python itself ignores SIGPIPE and SIGXFSZ; a hook starts with the default actions, as from any shell.
        pid = os.posix_spawnp(
            argv[0],
            argv,
            environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, read, 0), *streams],
            setpgroup=0,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
    except OSError as exc:
        os.close(write)
        raise HookFailedError(f"the {hook.event} hook cannot be started by {argv[0]}: {exc.strerror}") from exc
    finally:
        os.close(read)
        if relay:
            relay.close_ends()
    os.set_blocking(write, False)
    return pid, write


def _build_argv(hook: Hook) -> list[str]:
    """Build the command that runs the hook's text: a shell, or, in an image without one, the words of the text itself.

    Raises HookFailedError for a text that only a shell understands.
    """
    words = _split_command(hook.text)
    if shell := _find_shell():
        return [shell, "-c", _write_shell_text(hook.text, words, shell)]
    if not (words and words[0]) or set(hook.text) & set("$`") or REDIRECTIONS.intersection(words):
        raise HookFailedError(f"the {hook.event} hook is for {SHELL}, which is not here; give a program with arguments")
    return words


def _write_shell_text(text: str, words: list[str], shell: str) -> str:
    """Write what the shell is to run, so that the hook itself leads its group if it is one command.

    Then it gets each signal itself, and its status is its own.
    """
    if words and "/" in words[0] and "=" not in words[0]:  # A path is no builtin, keyword or assignment.
        return f"exec {text}"
    if words and shell == BASH and not REDIRECTIONS.intersection(words):
        return text  # bash starts the last program in its own place, unless there is a trap or a redirection.
    return GUARD + text


def _split_command(text: str) -> list[str]:
    """Split a text into words if it is one command, with redirections as words; else return none."""
    if "\n" in text.strip() or "`" in text:
        return []
    reader = shlex(text, posix=True, punctuation_chars=True)
    reader.whitespace_split, reader.commenters = True, ""
    try:
        words = list(reader)
    except ValueError:  # A quote that is not closed.
        return []
    signs = set(reader.punctuation_chars)
    return words if all(word in REDIRECTIONS or not signs.intersection(word[:1]) for word in words) else []


def _find_shell() -> str:
    """Return bash if it is in PATH, else /bin/sh; empty if there is neither."""
    if any(_is_program(f"{folder or '.'}/{BASH}") for folder in os.get_exec_path()):
        return BASH
    return SHELL if _is_program(SHELL) else ""


def _is_program(path: str) -> bool:
    return os.access(path, os.X_OK) and not os.path.isdir(path)  # noqa: PTH112 - pathlib is slow


def _describe_status(status: int) -> str:
    if status < 0:
        return f"by signal {-status}"
    # A shell reports so that the program it ran was ended by a signal.
    signalled = f" (signal {status - 128})" if 128 < status < 128 + signal.NSIG else ""
    return f"with status {status}{SHELL_STATUSES.get(status, signalled)}"


def _raise_outcome(running: "_Running", status: int) -> None:
    """Raise the error that the end of a hook means; return if it ended well."""
    hook = running.hook
    if running.stopped_by:
        raise StoppedBySignal(running.stopped_by, status)
    if running.timed_out:
        raise HookTimedOutError(
            f"the {hook.event} hook ran longer than {hook.limit:g} s and its process group was killed; "
            "see its own output, or raise -hook-timeout"
        )
    if status:
        # The message leaves the hook's text out: the kubelet may have put a password into it.
        message = f"the {hook.event} hook ended {_describe_status(status)}; see its own output above"
        raise HookFailedError(message, status)


class _Running:
    """A running hook."""

    def __init__(self, hook: Hook, pid: int, stdin: int, unwritten: memoryview) -> None:
        self.hook = hook
        self.pid = pid
        """Of the leader, and of the group."""
        self.stdin = stdin
        """Writing end of its standard input; -1 once closed."""
        self.unwritten = unwritten
        """The rest of its standard input."""
        self.started_at = monotonic()
        """Monotonic, seconds."""
        self.kill_at = inf
        """When the group gets SIGKILL, monotonic, seconds."""
        self.stopped_by = 0
        """The stop signal that came; 0: none."""
        self.timed_out = False

    @property
    def limit_at(self) -> float:
        """When the time limit ends, monotonic, seconds; infinite without one, and once it has ended."""
        return self.started_at + self.hook.limit if self.hook.limit and not self.timed_out else inf

    def is_over(self, signals: Signals) -> bool:
        """Tell whether the hook has ended. While it is being stopped, tell whether its whole group has ended.

        A stopped shell may be gone while the database it started still closes its files.
        """
        if signals.get_status(self.pid) is None:
            return False
        return self.kill_at == inf or not self._signal_group(0)

    def next_deadline(self) -> float:
        """Return when something is due even if nothing happens, monotonic, seconds."""
        lingering = monotonic() + LINGER_SECONDS if self.kill_at < inf else inf
        return min(self.limit_at, self.kill_at, lingering)

    def pass_on(self, number: int, *, quits: bool) -> None:
        """Pass a signal that we received on to the group, as SIGTERM if it *quits* us only."""
        self._signal_group(signal.SIGTERM if quits else number)
        if (quits or number in STOP_SIGNALS) and not self.stopped_by:
            self.stopped_by = number
            self.kill_at = min(self.kill_at, monotonic() + self.hook.grace)

    def enforce(self, now: float) -> None:
        """Stop the group at the time limit; kill it at the end of the grace period."""
        if now >= self.limit_at:
            self.timed_out = True
            self.kill_at = min(self.kill_at, now + min(KILL_AFTER_LIMIT, self.hook.grace))
            self._signal_group(signal.SIGTERM)
        if now >= self.kill_at:
            self.kill_at = inf
            self._signal_group(signal.SIGKILL)

    def write_some(self) -> None:
        """Write as much as the pipe takes; a hook need not read, and may close its standard input."""
        while self.unwritten and self.stdin >= 0:
            try:
                self.unwritten = self.unwritten[os.write(self.stdin, self.unwritten) :]
            except BlockingIOError:
                return
            except OSError:
                break
        self.close_stdin()

    def close_stdin(self) -> None:
        """Close the hook's standard input."""
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1

    def _signal_group(self, number: int) -> bool:
        """Signal the group; return False if it is empty, or holds only processes of other users (a setuid hook)."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True
