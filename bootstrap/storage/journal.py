"""What this volume must remember over crashes: one file, `meta/journal.json`, replaced whole and made durable.

It stands beside the datadir, because a state transfer wipes the datadir, and on the same volume, because it must share
the fate of the data.  Only the agent writes it.  One file, so that what is read after a crash is one consistent state.
A file that is there and cannot be read is an error, never an empty journal: a promise may have been in it.
"""

import json
import secrets
from dataclasses import fields
from pathlib import Path

from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.codec import MessageInvalidError, dump, load
from bootstrap.errors import JournalInvalidError, JournalUnwritableError
from bootstrap.storage import atomic

VERSION = 1


class Journal:
    """The journal of one volume."""

    def __init__(self, meta: Path) -> None:
        self.path = meta / "journal.json"
        self.rooted = False
        """Whether the folder itself is durable: what is written into a folder that a power cut takes is gone, too."""

    def write(self, state: PersistentState) -> PersistentState:
        """Make the state durable and return it (R39); raises JournalUnwritableError."""
        content = {"version": VERSION, **dump(state)}
        try:
            # What could not be read back would leave a volume that only an editor can repair.
            load(PersistentState, content)
        except MessageInvalidError as exc:
            raise JournalUnwritableError(f"the journal {self.path} is not written: {exc}") from exc
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.rooted:
                # Whoever made it: a starter that took the lock may have been the first.
                atomic.sync_folder(self.path.parent.parent)
                self.remove_remains()
                self.rooted = True
            atomic.replace(self.path, json.dumps(content, indent=1).encode())
        except OSError as exc:
            raise JournalUnwritableError(
                f"the journal {self.path} cannot be written ({exc.strerror}): make the volume writable"
            ) from exc
        return state

    def remove_remains(self) -> None:
        """Remove what a killed agent has left half-written; only one agent lives on a volume."""
        for left in self.path.parent.glob(f".{self.path.name}.*.tmp"):
            left.unlink(missing_ok=True)

    def read(self) -> PersistentState | None:
        """Read the journal; None when there is none yet.  Raises JournalInvalidError."""
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise JournalInvalidError(f"the journal {self.path} cannot be read ({exc.strerror})") from exc
        try:
            return _load(json.loads(raw))
        except (ValueError, RecursionError) as exc:
            raise JournalInvalidError(
                f"the journal {self.path} is damaged ({exc}): what it remembered is unknown; restore it from a backup"
            ) from exc


def new_memory(cluster_id: str, pod: str) -> PersistentState:
    """The memory of a volume that has none yet."""
    return PersistentState(cluster_id, pod, volume_id=secrets.token_hex(8))


def _load(value: object) -> PersistentState:
    if not isinstance(value, dict) or value.get("version") != VERSION:
        raise ValueError("unknown version")
    # What an older program does not know may be a promise of a new kind: it must not go on without it.
    if unknown := sorted(value.keys() - {"version", *(field.name for field in fields(PersistentState))}):
        raise ValueError(f"unknown key {unknown[0][:40]!r}")
    return load(PersistentState, value)
