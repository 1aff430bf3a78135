"""The mark of a volume whose data came from a backup: until they have a history of their own, they may only start one.

It is beside the journal.  The history of these data may live on, or come back, on other disks with other commits under
the same numbers.  So data from a backup must never be counted with them (mariadb-operator issues 580 and 324: a restore
that merged, or did nothing, without a message).
"""

import json
from pathlib import Path
from typing import NamedTuple

from bootstrap.core.model.disk import STARTABLE, DataClass, Disk, Position
from bootstrap.errors import JournalInvalidError
from bootstrap.storage import atomic

MARK = "restored.json"
"""In `meta/`."""


class Restored(NamedTuple):
    """What was restored here."""

    name: str
    """The backup's."""
    position: Position
    """Where the data were when it was made."""


def write(meta: Path, restored: Restored) -> None:
    """Make the mark durable, before the data get their name, so that they are never there without it.

    Raises OSError.
    """
    position = restored.position
    content = {"name": restored.name, "uuid": position.uuid, "seqno": position.seqno}
    atomic.replace(meta / MARK, json.dumps(content).encode())


def read(meta: Path) -> Restored | None:
    """Read the mark, if there is one; raises JournalInvalidError."""
    path = meta / MARK
    try:
        content = json.loads(path.read_bytes())
        return Restored(str(content["name"]), Position(str(content["uuid"]), int(content["seqno"])))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
        raise JournalInvalidError(f"{path} cannot be understood ({exc}): what was restored here is unknown") from exc


def forget(meta: Path) -> None:
    """Remove the mark: the data are about to be replaced by a cluster's.  Raises OSError."""
    if (meta / MARK).exists():
        (meta / MARK).unlink()
        atomic.sync_folder(meta)


def apply_marker(disk: Disk, restored: Restored | None) -> Disk:
    """What the datadir counts as: it is RESTORED while it has the backup's history, until it starts a new one."""
    if restored is None or disk.data_class not in STARTABLE:
        return disk
    if disk.position is None or disk.position.uuid != restored.position.uuid:
        return disk
    detail = f"restored from the backup {restored.name}; it starts a new history once all other pods are empty"
    return Disk(DataClass.RESTORED, disk.position, detail=detail)
