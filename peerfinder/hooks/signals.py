"""The signals that this process receives, and its children that end.

As PID 1 it has to reap orphans, and the kernel drops signals that it has no handler for (signal(7), pid_namespaces(7)).
Knows nothing of hooks: it records what came, and raises where the caller allows that.
"""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from types import FrameType, TracebackType

STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
"""Signals that end us; a running hook gets them too, and SIGKILL after the grace period."""

FORWARDED_SIGNALS = frozenset({signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2})
"""Signals that are only passed on to a running hook; without a hook they end us, as by default."""

WAIT_MAX = 3600.0
"""The longest single wait; poll(2) takes no more than 24.8 days, and callers wait again anyway. Seconds."""


class StoppedBySignal(BaseException):
    """A signal asked us to end; like SystemExit it is not an error, and no `except Exception` may catch it."""

    def __init__(self, number: int, hook_status: int | None = None) -> None:
        super().__init__(number)
        self.number = number
        self.exit_code = 128 + number
        self.hook_status = hook_status
        """Exit status of the hook that was stopped for it, negative for a signal; None: no hook ran."""


class Signals:
    """The signals and the ended children of this process; one per process, installed by its main thread."""

    def __init__(self, quits: frozenset[signal.Signals] = frozenset()) -> None:
        self.quits = quits
        """Signals that end us too, with 0."""
        self._received: list[int] = []
        self._ended: dict[int, int] = {}
        self._keeps_statuses = False
        self._may_raise = False
        self._wake = -1

    def install(self) -> None:
        """Handle signals explicitly, since the kernel drops those of a PID 1 without a handler.

        A signal that our parent made us ignore (nohup) stays ignored. One that it left blocked is unblocked: otherwise
        neither a stop signal nor the end of a hook would ever reach us.
        """
        self._wake, wakeup_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakeup_fd, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, self._reap)
        for number in STOP_SIGNALS | FORWARDED_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._receive)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD, *STOP_SIGNALS, *FORWARDED_SIGNALS})

    def interruptible(self) -> "_Interruptible":
        """Let a signal raise StoppedBySignal while the body looks up or sleeps; an earlier one raises at once."""
        return _Interruptible(self)

    def allow_raise(self, allowed: bool) -> None:  # noqa: FBT001 - the name of the method says what it is
        """Allow signals to raise or not, and raise now if one arrived earlier."""
        self._may_raise = allowed
        if self._received:
            self._may_raise = False
            raise StoppedBySignal(self._received[0])

    def sleep(self, seconds: float) -> None:
        """Sleep, in the body of `interruptible`.

        time.sleep would sleep to its end if a signal came between its call and the kernel's sleep.
        """
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0:
            self.wait(-1, left)

    @contextmanager
    def keep_statuses(self) -> Iterator[None]:
        """Keep the statuses of children while a hook runs; afterwards forget them, those of orphans too."""
        self._keeps_statuses = True
        try:
            yield
        finally:
            self._keeps_statuses = False
            self._ended.clear()

    def wait(self, writable: int, seconds: float) -> None:
        """Wait until a signal comes, *writable* can be written or has no reader, or *seconds* or WAIT_MAX are over."""
        poller = select.poll()
        poller.register(self._wake, select.POLLIN)
        if writable >= 0:
            poller.register(writable, select.POLLOUT)
        if self._wake in dict(poller.poll(min(max(0.0, seconds), WAIT_MAX) * 1000)):
            with suppress(BlockingIOError):
                os.read(self._wake, 4096)

    def take_received(self) -> list[int]:
        """Return the signals received since the last call, in order."""
        received = []
        while self._received:
            received.append(self._received.pop(0))
        return received

    def get_status(self, pid: int) -> int | None:
        """Return a child's exit status, negative for a signal; None while it runs."""
        return self._ended.get(pid)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        # Recorded even if it raises: a library may swallow whatever is raised in it, and destructors always do.
        self._received.append(number)
        if self._may_raise:
            self._may_raise = False
            raise StoppedBySignal(number)

    def _reap(self, _number: int, _frame: FrameType | None) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if self._keeps_statuses:
                    self._ended[ended[0]] = os.waitstatus_to_exitcode(ended[1])


class _Interruptible:
    """A class instead of a generator: a generator that is dropped half-way would raise where no code catches it."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def __enter__(self) -> None:
        self._signals.allow_raise(True)  # noqa: FBT003 - its name says what it is

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._signals.allow_raise(False)  # noqa: FBT003 - its name says what it is
