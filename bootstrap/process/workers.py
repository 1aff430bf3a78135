"""Threads that do several things at once, and keep neither the caller beyond its time nor the process from its end.

Those of concurrent.futures are joined when the process ends, so that one that hangs would outlive a SIGTERM, with all
locks that the process holds.
"""

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from queue import SimpleQueue
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class Workers:
    """A bounded number of daemon threads, started when there is work for them."""

    def __init__(self, count: int, name: str) -> None:
        self.count = count
        self.name = name
        self.jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.started = 0

    def run(self, calls: Mapping[Key, Callable[[], Result]], seconds: float) -> dict[Key, Result]:
        """Call all of these; return the results of those that have ended within this time.

        What has not begun by then is dropped; what runs already ends by its own deadline, or holds its thread.
        Raises what a call has raised.  For one caller at a time.
        """
        batch = _Batch(calls, time.monotonic() + seconds)
        for _ in range(min(len(calls), self.count) - self.started):
            threading.Thread(target=self._work, name=self.name, daemon=True).start()
            self.started += 1
        for key in calls:
            self.jobs.put(lambda key=key: batch.call(key))  # type: ignore[misc]  # the default binds this round's key
        return batch.wait()

    def _work(self) -> None:
        while True:
            self.jobs.get()()


class _Batch(Generic[Key, Result]):
    """Calls whose results one caller waits for."""

    def __init__(self, calls: Mapping[Key, Callable[[], Result]], end: float) -> None:
        self.calls = calls
        self.end = end
        self.changed = threading.Condition()
        self.results: dict[Key, Result] = {}
        self.faults: list[Exception] = []

    def call(self, key: Key) -> None:
        """Make one of the calls, unless it is too late."""
        if time.monotonic() >= self.end:
            return
        try:
            result = self.calls[key]()
        except Exception as exc:  # noqa: BLE001  # it is the caller's to handle
            with self.changed:
                self.faults.append(exc)
                self.changed.notify()
            return
        with self.changed:
            self.results[key] = result
            self.changed.notify()

    def wait(self) -> dict[Key, Result]:
        """Wait for the results until it is too late."""
        with self.changed:
            self.changed.wait_for(
                lambda: self.faults or len(self.results) == len(self.calls), self.end - time.monotonic()
            )
            if self.faults:
                raise self.faults[0]
            return dict(self.results)
