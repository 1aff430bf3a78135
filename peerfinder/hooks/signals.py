"""The signals that this process gets and the children that end under it.

As PID 1 it has to reap orphans, and the kernel drops signals that it has no handler for (signal(7), pid_namespaces(7)).
Knows nothing of hooks: it only remembers what came, and raises where the caller allows that.
"""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from types import FrameType, TracebackType

STOPPING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
"""Signals that end us; a hook that runs gets them too, and SIGKILL after the grace period."""

PASSED_ON = frozenset({signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2})
"""Signals that a running hook gets without further consequences; without a hook they end us, as by default."""


WAIT_MAX = 3600.0
"""The longest single wait; poll(2) takes no more than 24.8 days, and who waits asks again anyway. Seconds."""


class StoppedBySignal(BaseException):
    """A signal asked us to end; like SystemExit it is no error, and no `except Exception` may take it."""

    def __init__(self, number: int, hook_status: int | None = None) -> None:
        super().__init__(number)
        self.number = number
        self.exit_code = 128 + number
        self.hook_status = hook_status
        """Of the hook that ended for it, negative for a signal; None: none ran."""


class Signals:
    """The signals and the ended children of this process; one for a process, installed by its main thread."""

    def __init__(self) -> None:
        self._received: list[int] = []
        self._ended: dict[int, int] = {}
        self._in_hook = False
        self._may_raise = False
        self._wake = -1

    def install(self) -> None:
        """Handle signals explicitly, since the kernel drops those of a PID 1 without a handler.

        A signal that our parent made us ignore (nohup) stays ignored; one that it left blocked does not stay so, for
        then neither a stop signal nor the end of a hook would ever be heard of.
        """
        self._wake, told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, self._reap)
        for number in STOPPING | PASSED_ON:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._take)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD, *STOPPING, *PASSED_ON})

    def interruptible(self) -> "_Interruptible":
        """Let a signal raise StoppedBySignal while the body looks up or sleeps; one that came before raises at once."""
        return _Interruptible(self)

    def may_raise(self, allowed: bool) -> None:  # noqa: FBT001 - it is what the method is called
        """Allow signals to raise or not, and raise for one that came and was not heard of."""
        self._may_raise = allowed
        if self._received:
            self._may_raise = False
            raise StoppedBySignal(self._received[0])

    def sleep(self, seconds: float) -> None:
        """Sleep, in the body of `interruptible`.

        time.sleep would sleep on to its end when a signal comes between its call and the kernel's sleep.
        """
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0:
            self.wait(-1, left)

    @contextmanager
    def in_hook(self) -> Iterator[None]:
        """Keep the statuses of children while a hook runs; a PID 1 must forget those of orphans."""
        self._in_hook = True
        try:
            yield
        finally:
            self._in_hook = False
            self._ended.clear()

    def wait(self, feed: int, seconds: float) -> None:
        """Wait until a signal comes, *feed* can be written or has no reader, or *seconds* or WAIT_MAX are over."""
        poller = select.poll()
        poller.register(self._wake, select.POLLIN)
        if feed >= 0:
            poller.register(feed, select.POLLOUT)
        if self._wake in dict(poller.poll(min(max(0.0, seconds), WAIT_MAX) * 1000)):
            with suppress(BlockingIOError):
                os.read(self._wake, 4096)

    def taken(self) -> list[int]:
        """Give the signals received since the last call, in order."""
        taken = []
        while self._received:
            taken.append(self._received.pop(0))
        return taken

    def status_of(self, pid: int) -> int | None:
        """Give a child's exit status, negative for a signal; None while it runs."""
        return self._ended.get(pid)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        # Remembered even if it raises: a library may swallow whatever is raised in it, and destructors always do.
        self._received.append(number)
        if self._may_raise:
            self._may_raise = False
            raise StoppedBySignal(number)

    def _reap(self, _number: int, _frame: FrameType | None) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if self._in_hook:
                    self._ended[ended[0]] = os.waitstatus_to_exitcode(ended[1])


class _Interruptible:
    """A class and no generator: one that is dropped half-way would raise where nobody catches it."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def __enter__(self) -> None:
        self._signals.may_raise(True)  # noqa: FBT003 - its name says what it is

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._signals.may_raise(False)  # noqa: FBT003 - its name says what it is
