"""A hook's output, passed on line by line as it comes, so that each line can name its hook.

Knows pipes and lines; the caller says how a line is written. Octets are not changed.
Used on request only: without it a hook writes to our own streams directly.
"""

import os
import select
from _thread import allocate_lock
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from types import TracebackType

LINE_MAX = 16384
"""A longer line may be passed on in parts, each a line of its own, as container runtimes do. Octets."""

READ_MAX = 65536
"""What a pipe holds, octets."""

DRAIN_SECONDS = 5.0
"""How long a reader of our output may stall after a hook's end before the rest of it is lost, seconds."""

WRITING = allocate_lock()
"""Held while one of our streams is written to: no line may get into the middle of another."""

LineFormat = Callable[[str, bytes], bytes]
"""Formats a line, given without its end, of `stdout` or `stderr`."""


class Relay:
    """The standard output and error of one hook; use it as a context manager around the hook's run.

    A daemon that the hook leaves may go on writing: its output is read until our own end.
    """

    def __init__(self, line_format: LineFormat) -> None:
        from threading import Event, Thread  # noqa: PLC0415 - rarely used, and every pod's start is short

        pipes: list[tuple[int, int]] = []
        try:
            for _ in range(3):
                pipes.append(os.pipe2(os.O_CLOEXEC))  # noqa: PERF401 - those before a failure are closed
            (out, out_end), (err, err_end), (self._wake_read, self._wake_write) = pipes
            self._streams = {out: _Stream(1, "stdout", line_format), err: _Stream(2, "stderr", line_format)}
            self._ends = [out_end, err_end]
            self._drained = Event()
            Thread(target=self._relay, daemon=True).start()
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

    def close_ends(self) -> None:
        """Close our writing ends once the hook has them, so that we see when the hook closes its own."""
        while self._ends:
            os.close(self._ends.pop())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until the hook's output is passed on, including a last line without an end."""
        self.close_ends()
        os.close(self._wake_write)
        self._drained.wait(DRAIN_SECONDS)

    def _relay(self) -> None:
        poller, ended = select.poll(), False
        for read in (*self._streams, self._wake_read):
            poller.register(read, select.POLLIN)
        while self._streams or not ended:
            # Once the hook has ended, a moment without output is its end, although a daemon may hold the pipe open.
            ready = poller.poll(0 if ended and not self._drained.is_set() else None)
            if not ready:
                self._flush()
            for read, _ in ready:
                if read == self._wake_read:
                    ended = True
                elif not self._streams[read].read(read):
                    self._streams.pop(read).flush()
                else:
                    continue
                poller.unregister(read)
                os.close(read)
        self._flush()

    def _flush(self) -> None:
        for stream in self._streams.values():
            stream.flush()
        self._drained.set()


class _Stream:
    """One of the two streams, and the start of its last line."""

    def __init__(self, target: int, name: str, line_format: LineFormat) -> None:
        self._target = target
        self._name = name
        self._line_format = line_format
        self._part = b""

    def read(self, source: int) -> bool:
        """Pass on what has come; False at the end."""
        data = os.read(source, READ_MAX)
        *lines, self._part = (self._part + data).split(b"\n")
        if len(self._part) >= LINE_MAX:
            lines, self._part = [*lines, self._part], b""
        self._write(lines)
        return bool(data)

    def flush(self) -> None:
        """Pass on a last line without an end."""
        if self._part:
            lines, self._part = [self._part], b""
            self._write(lines)

    def _write(self, lines: list[bytes]) -> None:
        left = memoryview(b"".join(self._line_format(self._name, line) + b"\n" for line in lines))
        poller = select.poll()
        poller.register(self._target, select.POLLOUT)
        # A reader that has gone is no reason to stop the hook.
        with WRITING, suppress(OSError):
            while left:
                with suppress(BlockingIOError):
                    left = left[os.write(self._target, left) :]
                    continue
                poller.poll()
