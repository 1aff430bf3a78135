"""What this volume must remember over crashes: one file, `meta/journal.json`, replaced whole and made durable.

It stands beside the datadir, because a state transfer wipes the datadir, and on the same volume, because it must share
the fate of the data.  Only the agent writes it.  One file, so that what is read after a crash is one consistent state.
A file that is there and cannot be read is an error, never an empty journal: a promise may have been in it.
"""

import json
import secrets
from dataclasses import asdict, replace
from pathlib import Path

from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.codec import (
    Json,
    dump_fork,
    dump_left,
    dump_mark,
    dump_word,
    load_fork,
    load_left,
    load_mark,
    load_promise,
    load_word,
)
from bootstrap.errors import JournalInvalidError, JournalUnwritableError
from bootstrap.storage import atomic

VERSION = 1


class Journal:
    """The journal of one volume."""

    def __init__(self, meta: Path) -> None:
        self.path = meta / "journal.json"
        self.rooted = False
        """Whether the folder itself is durable: what is written into a folder that a power cut takes is gone, too."""

    def write(self, memory: PersistentState, **changes: object) -> PersistentState:
        """Make the memory with these changes durable and return it (R39); raises JournalUnwritableError."""
        memory = replace(memory, **changes)  # type: ignore[arg-type]  # replace() checks the names, callers the types
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.rooted:
                # Whoever made it: a starter that took the lock may have been the first.
                atomic.sync_folder(self.path.parent.parent)
                self.remove_remains()
                self.rooted = True
            atomic.replace(self.path, json.dumps(_dump(memory), indent=1).encode())
        except OSError as exc:
            raise JournalUnwritableError(
                f"the journal {self.path} cannot be written ({exc.strerror}): make the volume writable"
            ) from exc
        return memory

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
        except (ValueError, TypeError, KeyError, RecursionError) as exc:
            raise JournalInvalidError(
                f"the journal {self.path} is damaged ({exc}): what it remembered is unknown; restore it from a backup"
            ) from exc


def new_memory(cluster_id: str, pod: str) -> PersistentState:
    """The memory of a volume that has none yet."""
    return PersistentState(cluster_id, pod, volume_id=secrets.token_hex(8))


def _dump(memory: PersistentState) -> Json:
    """The memory as JSON values; what is not there is left out, so that an older release can read the rest."""
    told: Json = {"version": VERSION, **asdict(memory)}
    told["lineage"] = [dump_fork(fork) for fork in memory.lineage]
    told["word"] = dump_word(memory.override) if memory.override else None
    told["mark"] = dump_mark(memory.view_checkpoint) if memory.view_checkpoint else None
    told["left"] = dump_left(memory.lost_view) if memory.lost_view else None
    return {key: value for key, value in told.items() if value or key not in _SAID}


def _load(value: object) -> PersistentState:
    if not isinstance(value, dict) or value.pop("version", None) != VERSION:
        raise ValueError("unknown version")
    promise, volumes = value.pop("promise"), value.pop("volumes")
    forks, word, words = value.pop("lineage", []), value.pop("word", None), value.pop("words", [])
    mark, left = value.pop("mark", None), value.pop("left", None)
    memory = PersistentState(**value)
    if not all(isinstance(getattr(memory, name), kind) for name, kind in _KINDS.items()):
        raise TypeError("a value of the wrong type")
    return replace(
        memory,
        promise=None if promise is None else load_promise(promise),
        volumes=tuple((int(ordinal), str(volume)) for ordinal, volume in volumes),
        lineage=tuple(load_fork(fork) for fork in forks),
        override=None if word is None else load_word(word),
        overrides=tuple(str(line) for line in words),
        view_checkpoint=None if mark is None else load_mark(mark),
        lost_view=None if left is None else load_left(left),
    )


_SAID = ("lineage", "word", "words", "mark", "left")
"""What is there only after an operator's word, or once a view was seen."""


_KINDS = {
    "cluster_id": str,
    "pod": str,
    "volume_id": str,
    "initialised": bool,
    "joining": str,
    "uuid": str,
    "epoch": int,
    "term": int,
    "joined": int,
    "strangers": bool,
}
