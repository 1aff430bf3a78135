"""The event log on the volume: one file beside the journal, replaced whole, written in the background.

It never delays a decision: adding an event waits for nothing, and a disk that is full, slow or read-only only costs
events, which is logged.  The journal is another file: its content is durable before the agent acts on it, an event
within a second.
"""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from bootstrap.core.status.events import Event, EventLogInvalidError, dump, load
from bootstrap.process.log import Log
from bootstrap.storage import atomic

NAME = "events.json"

PAUSE_S = 1.0
"""Seconds between two writes: a flapping network must not wear a disk out."""

LARGEST = 4 * 1024 * 1024
"""Bytes; our files are below a tenth of it, so a larger file is not ours."""

Source = Callable[[], tuple[Event, ...]]


def read(meta: Path) -> tuple[tuple[Event, ...], str]:
    """Read the events of earlier runs; also returns why they are unknown, if so.  Without a file the log is empty."""
    try:
        with (meta / NAME).open("rb") as file:
            raw = file.read(LARGEST + 1)
        if len(raw) > LARGEST:
            return (), "it is too large to be ours"
        return load(raw), ""
    except FileNotFoundError:
        return (), ""
    except OSError as exc:
        return (), exc.strerror or str(exc)
    except EventLogInvalidError as exc:
        return (), f"it is damaged ({exc})"


def write(meta: Path, events: tuple[Event, ...]) -> str:
    """Write the log to the disk; returns why that failed, or ''.  The journal makes the folder."""
    try:
        atomic.replace(meta / NAME, dump(events))
    except OSError as exc:
        return f"the event log {meta / NAME} cannot be written ({exc.strerror})"
    return ""


class Writer:
    """Writes the log whenever it has more events, in a thread of its own."""

    def __init__(self, meta: Path, source: Source, log: Log) -> None:
        self.meta = meta
        self.source = source
        self.log = log
        self.more = threading.Event()
        self.over = threading.Event()
        self.failure = ""
        self.thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Begin, and remove what a killed agent has left half-written: only one agent lives on a volume."""
        for left in self.meta.glob(f".{NAME}.*.tmp"):
            with contextlib.suppress(OSError):
                left.unlink()
        self.thread.start()

    def stop(self) -> None:
        """End, after all events so far are written."""
        self.over.set()
        self.more.set()
        self.thread.join()

    def _run(self) -> None:
        written: tuple[Event, ...] = ()
        while not self.over.is_set() or self.more.is_set():
            # After a failed write, also try again without new events.
            self.more.wait(None if not self.failure else PAUSE_S)
            self.more.clear()
            events = self.source()
            if events != written or self.failure:
                written = self._write(events)
            self.over.wait(PAUSE_S)

    def _write(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        failure = write(self.meta, events)
        if failure != self.failure:
            self.log(failure or "the event log is written again")
            self.failure = failure
        return events
