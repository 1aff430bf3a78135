"""The volume's agent lock: a second agent would void what the first one permits and promises.

A pod that was deleted by force lives on beside its successor until its server has ended, and its agent ends after that.
So the next agent waits: the kubelet restarts a container that ends instead after longer and longer pauses.
"""

import time
from collections.abc import Callable

from bootstrap.core.model.text import one_line
from bootstrap.errors import JournalUnwritableError, VolumeBusyError
from bootstrap.process.log import Log
from bootstrap.storage import lock
from bootstrap.storage.layout import Layout


class AgentLock:
    """The lock of one volume, for the life of this process."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.is_held = False

    def wait(self, log: Log) -> None:
        """Wait for the end of another agent, and take the lock; on a volume that cannot be written, `take` tries again.

        Without the lock the journal is not opened, and so nothing is promised or permitted.
        """
        line = (
            f"another agent lives on this volume ({self.layout.meta}): waiting for its end; two pods must not share one"
        )
        self._acquire(None, lambda: log(line))

    def take(self) -> str:
        """Take the lock if this process does not have it yet; why that is not possible, else empty."""
        return "" if self.is_held else self._acquire(time.monotonic(), lambda: None)

    def _acquire(self, deadline: float | None, on_wait: Callable[[], None]) -> str:
        try:
            lock.make_folder(self.layout.meta, parents=True)
            lock.acquire_waiting(self.layout.agent_lock, deadline, on_wait)
        except VolumeBusyError:
            return "another agent lives on this volume: two pods must not share one"
        except JournalUnwritableError as exc:
            return one_line(str(exc))
        self.is_held = True
        return ""
