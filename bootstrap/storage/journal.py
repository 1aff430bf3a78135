"""What this volume must remember across crashes: one file, `meta/journal.json`, replaced whole and made durable.

It lies beside the datadir, because a state transfer wipes the datadir, and on the same volume, because it must be lost
with the data and only with them.  Only the agent writes it.  It is one file, so a crash leaves one consistent state.
A file that is there and cannot be read is an error, never an empty journal: a promise may have been in it.
"""

import json
import secrets
from dataclasses import fields
from pathlib import Path

from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.codec import MessageInvalidError, dump, load
from bootstrap.core.model.disk import WRONG_VOLUME
from bootstrap.core.model.shapes import MAX_TEXT
from bootstrap.core.model.text import one_line
from bootstrap.core.participant.rounds import Opened
from bootstrap.errors import JournalInvalidError, JournalUnwritableError
from bootstrap.storage import atomic

VERSION = 1


class Journal:
    """The journal of one volume."""

    def __init__(self, meta: Path) -> None:
        self.path = meta / "journal.json"
        self.folder_is_durable = False
        """Whether the folder's own name is durable: a power cut that takes the folder takes its files, too."""

    def write(self, state: PersistentState) -> PersistentState:
        """Make the state durable and return it (R39); raises JournalUnwritableError."""
        content = {"version": VERSION, **dump(state)}
        try:
            # A journal that cannot be read back could only be repaired with an editor.
            load(PersistentState, content)
        except MessageInvalidError as exc:
            raise JournalUnwritableError(f"the journal {self.path} is not written: {exc}") from exc
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.folder_is_durable:
                # Also where it was there already: a starter that took the lock may have made it.
                atomic.sync_folder(self.path.parent.parent)
                self.remove_temporary_files()
                self.folder_is_durable = True
            atomic.replace(self.path, json.dumps(content, indent=1).encode())
        except OSError as exc:
            raise JournalUnwritableError(
                f"the journal {self.path} cannot be written ({exc.strerror}): make the volume writable"
            ) from exc
        return state

    def remove_temporary_files(self) -> None:
        """Remove what a killed agent has left half-written; only one agent lives on a volume."""
        for left in self.path.parent.glob(f".{self.path.name}.*.tmp"):
            left.unlink(missing_ok=True)

    def read(self) -> PersistentState | None:
        """Read the journal; None if there is none yet.  Raises JournalInvalidError."""
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
                f"the journal {self.path} is damaged ({exc}): what it remembered is unknown: put no older copy there; "
                "while the other members are Primary, give this pod an empty volume; in a full outage keep "
                "this one: `galera-bootstrap status` shows the way out"
            ) from exc


def open_journal(journal: Journal, cluster_id: str, pod: str) -> Opened:
    """Read the journal of this pod's volume, or begin one; what is wrong with it is one line, for its peers, too."""
    try:
        state = journal.read() or new_memory(cluster_id, pod)
    except JournalInvalidError as exc:
        # Peers read it in this pod's state, and refuse a text that is not one line.
        return Opened(None, one_line(str(exc), MAX_TEXT))
    if (state.cluster_id, state.pod) == (cluster_id, pod):
        return Opened(state)
    # Not ours to use (R35).
    other = "of another cluster" if state.cluster_id != cluster_id else f"of {state.pod}"
    return Opened(None, f"the volume is {other}: {WRONG_VOLUME}")


def new_memory(cluster_id: str, pod: str) -> PersistentState:
    """The state of a volume that has no journal yet."""
    return PersistentState(cluster_id, pod, volume_id=secrets.token_hex(8))


def _load(value: object) -> PersistentState:
    if not isinstance(value, dict) or value.get("version") != VERSION:
        raise ValueError("unknown version")
    # A key that this program does not know may be a promise of a new kind: it must not continue without it.
    if unknown := sorted(value.keys() - {"version", *(field.name for field in fields(PersistentState))}):
        raise ValueError(f"unknown key {unknown[0][:40]!r}")
    return load(PersistentState, value)
