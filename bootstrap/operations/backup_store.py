"""Backups in a folder: each a whole datadir of a server that was stopped in order, with a list of all its files.

A backup is made in `NAME.part` and gets its name when it is complete and durable; what has no name of its own is none.
Knows files and their sums; neither who makes the data nor who restores them.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bootstrap.core.model.disk import NIL_UUID, Position
from bootstrap.errors import BackupInvalidError
from bootstrap.storage import atomic

SCHEMA = "galera-bootstrap/backup/v1"

NAME = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
"""When it was begun, in UTC: names sort as times do, and that is for humans and for `keep`; no decision looks at it."""

LIST = "backup.json"
"""Beside `data/` in the folder of a backup."""

NOT_KEPT = ("galera.cache", "gvwstate.dat", "ib_buffer_pool", "sst_in_progress", "wsrep_sst.pid")
"""Of a datadir: the write-set cache, the view and what is rebuilt; they would be wrong or useless in another life."""

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Backup:
    """A complete backup."""

    folder: Path
    position: Position
    """Where in which history the data are."""
    server: str
    """The text of `mariadbd --version` of the server that wrote them."""
    files: dict[str, tuple[int, str]]
    """Path in `data/` -> size and SHA-256."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.folder.name

    @property
    def data(self) -> Path:
        """Its datadir."""
        return self.folder / "data"

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(size for size, _ in self.files.values())


def names(root: Path) -> list[str]:
    """The complete backups, the oldest first.  Raises OSError."""
    return sorted(path.name for path in root.iterdir() if NAME.fullmatch(path.name) and (path / LIST).is_file())


def read(root: Path, name: str) -> Backup:
    """The backup of that name, or the newest one for `latest`; raises BackupInvalidError."""
    try:
        there = names(root)
    except OSError as exc:
        raise BackupInvalidError(f"{root} cannot be read ({exc.strerror}): mount the volume of the backups") from exc
    if name == "latest" and there:
        name = there[-1]
    if name not in there:
        raise BackupInvalidError(f"{root} has no backup {name}: there are {', '.join(there) or 'none'}")
    path = root / name / LIST
    try:
        told = json.loads(path.read_bytes())
        if told["schema"] != SCHEMA:
            raise ValueError("another schema")  # noqa: TRY301  # one line for all that is wrong with it
        listed = {str(file): (int(size), str(digest)) for file, (size, digest) in told["files"].items()}
        position = Position(str(told["uuid"]), int(told["seqno"]))
        return Backup(root / name, position, str(told["server"]), listed)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
        raise BackupInvalidError(f"{path} cannot be understood ({exc}): take another backup") from exc


def begin(root: Path, name: str) -> Path:
    """The empty datadir of a new backup; what earlier ones left unfinished is removed.  Raises OSError."""
    for left in root.glob("*.part"):
        shutil.rmtree(left)
    data = root / f"{name}.part" / "data"
    data.mkdir(mode=0o700, parents=True)
    return data


def finish(data: Path, position: Position, server: str) -> Backup:
    """Make the data a backup: durable, with its list, under its own name.  Raises OSError, BackupInvalidError."""
    if position.uuid == NIL_UUID or position.seqno < 0:
        raise BackupInvalidError(f"the position {position} is none")
    part = data.parent
    for name in NOT_KEPT:
        (data / name).unlink(missing_ok=True)
    listed = {}
    for path in walk(data):
        with path.open("rb") as file:
            listed[str(path.relative_to(data))] = (path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
            os.fsync(file.fileno())
    sync_folders(data)
    told = {"schema": SCHEMA, "uuid": position.uuid, "seqno": position.seqno, "server": server, "files": listed}
    atomic.replace(part / LIST, json.dumps(told, indent=1).encode())
    done = part.with_suffix("")
    part.rename(done)
    atomic.sync_folder(done.parent)
    return Backup(done, position, server, listed)


def forget(root: Path, keep: int) -> list[str]:
    """Remove all complete backups but the newest ones; their names.  Raises OSError."""
    old = names(root)[:-keep]
    for name in old:
        # Without its name first: a removal that is cut short must not leave half a backup that looks like one.
        part = root / f"{name}.part"
        (root / name).rename(part)
        atomic.sync_folder(root)
        shutil.rmtree(part)
    return old


def copy(backup: Backup, to: Path) -> None:
    """Copy the data of a backup, durably, and compare all with its list.  Raises BackupInvalidError, OSError."""
    found = {str(path.relative_to(backup.data)) for path in walk(backup.data)}
    if found != backup.files.keys():
        odd = sorted(found ^ backup.files.keys())
        raise BackupInvalidError(f"{backup.folder} and its list differ by {', '.join(odd[:3])}: take another backup")
    to.mkdir(mode=0o700)
    for folder in sorted(path for path in backup.data.rglob("*") if path.is_dir()):
        (to / folder.relative_to(backup.data)).mkdir(mode=0o700)
    for name, (size, digest) in backup.files.items():
        if _copied(backup.data / name, to / name) != (size, digest):
            raise BackupInvalidError(f"{backup.data / name} has changed since it was made: take another backup")
    sync_folders(to)


def walk(folder: Path) -> Iterator[Path]:
    """Every plain file below the folder; raises BackupInvalidError for what is neither that nor a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BackupInvalidError(f"{path} is neither a file nor a folder: it cannot be part of a backup")
        if path.is_file():
            yield path


def sync_folders(folder: Path) -> None:
    """Make the names in this folder and in all below durable.  Raises OSError."""
    for root, _, _ in os.walk(folder, topdown=False):
        atomic.sync_folder(Path(root))


def _copied(source: Path, target: Path) -> tuple[int, str]:
    """Copy one file; its size and sum, of what was read."""
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
