"""The event log on the volume: one file beside the journal, replaced whole, written in the background.

It is never in the way of a decision: who tells an event waits for nothing, and a disk that is full, slow or read-only
costs events and is told, no more.  The journal itself is another file: what it must remember is durable before anybody
acts on it, an event within a second.
"""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from bootstrap.core.status.events import Event, LogInvalidError, dump, load
from bootstrap.storage import atomic

NAME = "events.json"

PAUSE_S = 1.0
"""Between two writes: a flapping network must not wear a disk out."""

LARGEST = 4 * 1024 * 1024
"""Bytes; ours are below a tenth of it, so what is larger is not ours."""

Source = Callable[[], tuple[Event, ...]]


def read(meta: Path) -> tuple[tuple[Event, ...], str]:
    """The events of an earlier life, and why they are unknown where they are; no file is an empty log."""
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
    except LogInvalidError as exc:
        return (), f"it is damaged ({exc})"


def write(meta: Path, log: tuple[Event, ...]) -> str:
    """Put the log on the disk; returns why that failed, or nothing.  The folder is the journal's to make."""
    try:
        atomic.replace(meta / NAME, dump(log))
    except OSError as exc:
        return f"the event log {meta / NAME} cannot be written ({exc.strerror})"
    return ""


class Writer:
    """Writes what there is, whenever there is more, in a thread of its own."""

    def __init__(self, meta: Path, source: Source, say: Callable[[str], None]) -> None:
        self.meta = meta
        self.source = source
        self.say = say
        self.more = threading.Event()
        self.over = threading.Event()
        self.failure = ""
        self.thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Begin; only one agent lives on a volume, so what a killed one has left half-written is nobody's."""
        for left in self.meta.glob(f".{NAME}.*.tmp"):
            with contextlib.suppress(OSError):
                left.unlink()
        self.thread.start()

    def stop(self) -> None:
        """End; what was told by now is written."""
        self.over.set()
        self.more.set()
        self.thread.join()

    def _run(self) -> None:
        written: tuple[Event, ...] = ()
        while not self.over.is_set() or self.more.is_set():
            # Also without news, for what could not be written the last time.
            self.more.wait(None if not self.failure else PAUSE_S)
            self.more.clear()
            log = self.source()
            if log != written or self.failure:
                written = self._write(log)
            self.over.wait(PAUSE_S)

    def _write(self, log: tuple[Event, ...]) -> tuple[Event, ...]:
        failure = write(self.meta, log)
        if failure != self.failure:
            self.say(failure or "the event log is written again")
            self.failure = failure
        return log
