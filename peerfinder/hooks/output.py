"""A hook's output, passed on line by line as it comes, so that each line can say whose it is.

Knows pipes and lines; how a line is written is told by the caller. Octets stay what they are.
Only for who asks for it: without, a hook writes to our own streams and nothing of ours is in the way.
"""

import os
import select
from _thread import allocate_lock
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from types import TracebackType

LINE_MAX = 16384
"""A longer line may be passed on in parts, each a line of its own, as container runtimes do with such. Octets."""

READ_MAX = 65536
"""What a pipe holds, octets."""

REST_SECONDS = 5.0
"""So long a reader of ours may stall after a hook's end before the rest of its output is lost, seconds."""

WRITING = allocate_lock()
"""Held while a stream of ours is written to: no line may get into the middle of another."""

Form = Callable[[str, bytes], bytes]
"""Writes a line, given without its end, of `stdout` or `stderr`."""


class Relay:
    """The standard output and error of one hook; use it as a context manager around the hook's life.

    A daemon that the hook leaves may write on: it is read until our own end.
    """

    def __init__(self, form: Form) -> None:
        from threading import Event, Thread  # noqa: PLC0415 - few ask for it, and every pod's start is short

        pipes: list[tuple[int, int]] = []
        try:
            for _ in range(3):
                pipes.append(os.pipe2(os.O_CLOEXEC))  # noqa: PERF401 - those before a failure are closed
            (out, out_end), (err, err_end), (self._woken, self._wake) = pipes
            self._streams = {out: _Stream(1, "stdout", form), err: _Stream(2, "stderr", form)}
            self._ends = [out_end, err_end]
            self._rested = Event()
            Thread(target=self._pass_on, daemon=True).start()
        except (OSError, RuntimeError):  # No more descriptors, no more threads.
            for end in chain(*pipes):
                os.close(end)
            raise

    @property
    def ends(self) -> tuple[int, int]:
        """The writing ends for the hook's standard output and error."""
        return self._ends[0], self._ends[1]

    def __enter__(self) -> "Relay":
        return self

    def begun(self) -> None:
        """The hook has its ends: close ours, so that its end is seen."""
        while self._ends:
            os.close(self._ends.pop())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until what the hook has written is passed on, its last line too if it has no end."""
        self.begun()
        os.close(self._wake)
        self._rested.wait(REST_SECONDS)

    def _pass_on(self) -> None:
        poller, ended = select.poll(), False
        for read in (*self._streams, self._woken):
            poller.register(read, select.POLLIN)
        while self._streams or not ended:
            # Once the hook has ended, a moment without output is its end, although a daemon may hold the pipe open.
            ready = poller.poll(0 if ended and not self._rested.is_set() else None)
            if not ready:
                self._rest()
            for read, _ in ready:
                if read == self._woken:
                    ended = True
                elif not self._streams[read].read(read):
                    self._streams.pop(read).rest()
                else:
                    continue
                poller.unregister(read)
                os.close(read)
        self._rest()

    def _rest(self) -> None:
        for stream in self._streams.values():
            stream.rest()
        self._rested.set()


class _Stream:
    """One of the two, and its line that has no end yet."""

    def __init__(self, target: int, name: str, form: Form) -> None:
        self._target = target
        self._name = name
        self._form = form
        self._part = b""

    def read(self, source: int) -> bool:
        """Pass on what has come; False at the end."""
        data = os.read(source, READ_MAX)
        *lines, self._part = (self._part + data).split(b"\n")
        if len(self._part) >= LINE_MAX:
            lines, self._part = [*lines, self._part], b""
        self._write(lines)
        return bool(data)

    def rest(self) -> None:
        """Pass on a line that has no end."""
        if self._part:
            lines, self._part = [self._part], b""
            self._write(lines)

    def _write(self, lines: list[bytes]) -> None:
        left = memoryview(b"".join(self._form(self._name, line) + b"\n" for line in lines))
        poller = select.poll()
        poller.register(self._target, select.POLLOUT)
        # A reader that has gone is no reason to stop the hook.
        with WRITING, suppress(OSError):
            while left:
                with suppress(BlockingIOError):
                    left = left[os.write(self._target, left) :]
                    continue
                poller.poll()
