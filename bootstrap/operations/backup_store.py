"""Backups in a folder: each is the whole datadir of a server that was stopped in order, with a list of all its files.

A backup is made in `NAME.part` and gets its name when it is complete and durable; a `.part` is not a backup.
Knows files and their checksums; not how the data are made or restored.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bootstrap.core.binlog.events import Gtid, parse_gtid
from bootstrap.core.model.disk import NIL_UUID, Position
from bootstrap.core.repository.snapshots import TIME
from bootstrap.datadir.names import is_database
from bootstrap.errors import BackupInvalidError
from bootstrap.storage import atomic

SCHEMA = "galera-bootstrap/backup/v1"

NAME = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
"""When it was begun, in UTC.  Names sort like times, for humans and for `keep`; no decision depends on them."""

LIST = "backup.json"
"""Beside `data/` in the folder of a backup."""

NOT_KEPT = ("galera.cache", "gvwstate.dat", "ib_buffer_pool", "sst_in_progress", "wsrep_sst.pid")
"""Files of a datadir that are left out, because a restore cannot use them: write-set cache, view, rebuilt files."""

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Backup:
    """A complete backup."""

    folder: Path
    position: Position
    """The position of the data."""
    server: str
    """What `mariadbd --version` prints, of the server that wrote the data."""
    files: dict[str, tuple[int, str]]
    """Path in `data/` -> size and SHA-256."""
    gtid: Gtid | None = None
    """The last transaction in it, after which the binary log goes on; None = its cluster had no GTIDs."""
    taken: str = ""
    """Nothing in it was committed after this time."""

    @property
    def name(self) -> str:
        """The backup's name."""
        return self.folder.name

    @property
    def data(self) -> Path:
        """The backup's datadir."""
        return self.folder / "data"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for size, _ in self.files.values())


class End(NamedTuple):
    """Where a backup ends."""

    position: Position
    gtid: Gtid | None = None
    taken: str = ""


def parse_time(name: str) -> datetime:
    """Return the time in a name.  Raises ValueError."""
    return datetime.strptime(name, TIME).replace(tzinfo=UTC)


def list_names(root: Path) -> list[str]:
    """List the complete backups, the oldest first.  Raises OSError."""
    return sorted(path.name for path in root.iterdir() if NAME.fullmatch(path.name) and (path / LIST).is_file())


def read(root: Path, name: str) -> Backup:
    """Read the backup of that name, or the newest one for `latest`; raises BackupInvalidError."""
    try:
        found = list_names(root)
    except OSError as exc:
        raise BackupInvalidError(f"{root} cannot be read ({exc.strerror}): mount the volume of the backups") from exc
    if name == "latest" and found:
        name = found[-1]
    if name not in found:
        raise BackupInvalidError(f"{root} has no backup {name}: there are {', '.join(found) or 'none'}")
    path = root / name / LIST
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise BackupInvalidError(f"{path} cannot be read ({exc.strerror}): take another backup") from exc
    return parse(root / name, content)


def parse(folder: Path, text: bytes | str) -> Backup:
    """Read the list of a backup that is in this folder, or will be; raises BackupInvalidError."""
    try:
        content = json.loads(text)
        if content["schema"] != SCHEMA:
            raise ValueError("another schema")  # noqa: TRY301  # one message for every fault
        listed = {str(file): (int(size), str(digest)) for file, (size, digest) in content["files"].items()}
        position = Position(str(content["uuid"]), int(content["seqno"]))
        gtid, taken = parse_gtid(str(content.get("gtid") or "")), str(content.get("taken") or "")
        return Backup(folder, position, str(content["server"]), listed, gtid, taken)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise BackupInvalidError(f"{folder / LIST} cannot be understood ({exc}): take another backup") from exc


def begin(root: Path, name: str) -> Path:
    """Make the empty datadir of a new backup, and remove unfinished earlier ones.  Raises OSError."""
    for left in root.glob("*.part"):
        shutil.rmtree(left)
    data = root / f"{name}.part" / "data"
    data.mkdir(mode=0o700, parents=True)
    return data


def finish(data: Path, end: End, server: str) -> Backup:
    """Turn the data into a backup: durable, with its list, under its name.  Raises OSError, BackupInvalidError."""
    position = end.position
    if position.uuid == NIL_UUID or position.seqno < 0:
        raise BackupInvalidError(f"{position} is not a known position")
    part = data.parent
    for name in NOT_KEPT:
        if not is_database(data / name):
            (data / name).unlink(missing_ok=True)
    listed = {}
    for path in walk(data):
        with path.open("rb") as file:
            listed[str(path.relative_to(data))] = (path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
            os.fsync(file.fileno())
    sync_folders(data)
    log = {"gtid": str(end.gtid), "taken": end.taken} if end.gtid else {}
    at = {"uuid": position.uuid, "seqno": position.seqno, **log}
    content = {"schema": SCHEMA, **at, "server": server, "files": listed}
    atomic.replace(part / LIST, json.dumps(content, indent=1).encode())
    done = part.with_suffix("")
    part.rename(done)
    atomic.sync_folder(done.parent)
    return Backup(done, position, server, listed, end.gtid, end.taken)


def prune(root: Path, keep: int) -> list[str]:
    """Remove all complete backups except the newest ones; returns their names.  Raises OSError."""
    old = list_names(root)[:-keep]
    for name in old:
        # Rename it first: an interrupted removal must not leave half a backup that looks complete.
        part = root / f"{name}.part"
        (root / name).rename(part)
        atomic.sync_folder(root)
        shutil.rmtree(part)
    return old


def copy(backup: Backup, to: Path) -> None:
    """Copy the data of a backup, durably, and compare them with its list.  Raises BackupInvalidError, OSError."""
    compare_names(backup, backup.data)
    to.mkdir(mode=0o700)
    for folder in sorted(path for path in backup.data.rglob("*") if path.is_dir()):
        (to / folder.relative_to(backup.data)).mkdir(mode=0o700)
    for name, (size, digest) in backup.files.items():
        if _copy_file(backup.data / name, to / name) != (size, digest):
            raise BackupInvalidError(f"{backup.data / name} has changed since it was made: take another backup")
    sync_folders(to)


def verify(backup: Backup, data: Path) -> None:
    """Compare a datadir with the list of a backup, and make it durable.  Raises BackupInvalidError, OSError."""
    compare_names(backup, data)
    for name, listed in backup.files.items():
        with (data / name).open("rb") as file:
            if (os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()) != listed:
                raise BackupInvalidError(f"{name} of {backup.name} has changed since it was made: take another backup")
            os.fsync(file.fileno())
    sync_folders(data)


def compare_names(backup: Backup, data: Path) -> None:
    """Compare the files of a datadir with the list of a backup by their names.  Raises BackupInvalidError."""
    found = {str(path.relative_to(data)) for path in walk(data)}
    if found != backup.files.keys():
        different = sorted(found ^ backup.files.keys())
        raise BackupInvalidError(
            f"{data.parent} and its list differ by {', '.join(different[:3])}: take another backup"
        )


def walk(folder: Path) -> Iterator[Path]:
    """Yield every plain file below the folder; raises BackupInvalidError for anything but files and folders."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BackupInvalidError(f"{path} is neither a file nor a folder: it cannot be part of a backup")
        if path.is_file():
            yield path


def sync_folders(folder: Path) -> None:
    """Make the names in this folder and in all folders below it durable.  Raises OSError."""
    for root, _, _ in os.walk(folder, topdown=False):
        atomic.sync_folder(Path(root))


def _copy_file(source: Path, target: Path) -> tuple[int, str]:
    """Copy one file; returns size and checksum of what was read."""
    digest, size = hashlib.sha256(), 0
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o660)
    with source.open("rb") as reader, os.fdopen(fd, "wb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return size, digest.hexdigest()
