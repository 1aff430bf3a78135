"""Fetches a backup from a repository, completely or not at all."""

import shutil
from pathlib import Path
from typing import NamedTuple

from bootstrap.core.repository import restic, snapshots
from bootstrap.core.repository.snapshots import Snapshot
from bootstrap.errors import BackupFailedError, RestoreRefusedError
from bootstrap.operations import backup_store
from bootstrap.operations.backup_store import Backup
from bootstrap.operations.repository import Repository
from bootstrap.process.log import Log
from bootstrap.storage import atomic

MARGIN = 32 << 20
"""Bytes beside the backup's files."""


class Remote(NamedTuple):
    """The backups of a cluster in a repository, as a source of `restore`."""

    repository: Repository
    cluster: str

    def find(self, name: str) -> Snapshot:
        """Find the backup of that name, or the newest one for `latest`; raises BackupInvalidError."""
        return snapshots.choose(self.repository.open(create=False), self.cluster, name)

    def read(self, name: str) -> Backup:
        """As restore.Source."""
        one = self.find(name)
        text = self.repository.run(restic.read_file(one.id, f"/{backup_store.LIST}")).output
        return backup_store.parse(Path(one.name), text)

    def copy(self, backup: Backup, to: Path) -> Path:
        """As restore.Source."""
        check_room(to.parent, backup.size)
        to.mkdir(mode=0o700)
        self.repository.run(restic.fetch(self.find(backup.name).id, str(to)))
        backup_store.verify(backup, to / "data")
        return to / "data"


def check_room(folder: Path, size: int) -> None:
    """Refuse a folder with too little room; raises RestoreRefusedError."""
    free = shutil.disk_usage(folder).free
    if free < size + MARGIN:
        raise RestoreRefusedError(
            f"NOT RESTORED: the backup needs {_mb(size + MARGIN)} MiB, and {folder} has {_mb(free)} MiB free: "
            "give it a larger volume"
        )


def fetch(remote: Remote, name: str, to: Path, log: Log) -> Backup:
    """Put a backup into a folder of backups; it gets its name when it is there completely.

    Raises BackupInvalidError, BackupFailedError, and the errors of Repository.
    """
    backup = remote.read(name)
    part = to / f"{backup.name}.part"
    try:
        if part.exists():
            shutil.rmtree(part)
        if backup.name in backup_store.list_names(to):
            log(f"backup {backup.name} is in {to} already")
            return backup_store.read(to, backup.name)
        log(f"fetching {backup.name}: {backup.position}, {backup.size} bytes")
        remote.copy(backup, part)
        part.rename(to / backup.name)
        atomic.sync_folder(to)
    except OSError as exc:
        raise BackupFailedError(f"the backup was not fetched: {exc.strerror} ({exc.filename})") from exc
    log(f"backup {backup.name} is fetched, and all its files are as they were when it was made")
    return backup_store.read(to, backup.name)


def _mb(size: int) -> int:
    return size >> 20
