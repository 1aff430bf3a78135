"""Sends a complete backup to a repository, and removes the old ones there.

A snapshot is the whole folder of a backup, with the list of its files: a restore compares them.
restic writes the snapshot after all its data, so what a cut or killed job leaves is no backup; the next job uses the
data again, and removes what no backup needs.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from bootstrap.core.binlog import chain
from bootstrap.core.galera import server_version
from bootstrap.core.repository import restic, snapshots
from bootstrap.core.repository.restic import Retention
from bootstrap.core.repository.snapshots import Snapshot
from bootstrap.errors import BackupFailedError, RepositoryLockedError
from bootstrap.operations import backup_store
from bootstrap.operations.backup import hold_lock
from bootstrap.operations.backup_store import Backup
from bootstrap.operations.binlog.remote import Remote
from bootstrap.operations.repository import Repository
from bootstrap.process.log import Log


@dataclass(frozen=True, slots=True)
class Order:
    """What to send."""

    root: Path
    """The folder of the backups; the newest one is sent."""
    cluster: str
    """Whose backups they are: the name of this cluster in the repository."""
    kept: Retention


def send(repository: Repository, order: Order, log: Log) -> None:
    """Send the newest complete backup and remove the old ones; raises BackupFailedError, and those of Repository."""
    try:
        with hold_lock(order.root):
            backup = backup_store.read(order.root, "latest")
            if find_whole(repository, repository.open(create=True), order, backup, log):
                log(f"backup {backup.name} is in the repository already")
            else:
                upload(repository, order, backup, log)
    except OSError as exc:
        raise BackupFailedError(f"the backup was not sent: {exc.strerror} ({exc.filename})") from exc
    retain(repository, order, log)


def find_whole(
    repository: Repository, found: tuple[Snapshot, ...], order: Order, backup: Backup, log: Log
) -> Snapshot | None:
    """Find the backup in the repository, with all its files; one that lacks any is removed there."""
    wanted = {f"data/{path}": size for path, (size, _) in backup.files.items()}
    wanted[backup_store.LIST] = (backup.folder / backup_store.LIST).stat().st_size
    for one in found:
        if (one.cluster, one.name) != (order.cluster, backup.name):
            continue
        listed = snapshots.parse_listing(repository.run(restic.list_files(one.id)).output)
        missing = snapshots.find_missing(listed, wanted)
        if not missing:
            return one
        log(f"{one.id[:8]} lacks {', '.join(missing[:3])} and is no backup: it is removed from the repository")
        repository.run(restic.forget(one.id))
    return None


def upload(repository: Repository, order: Order, backup: Backup, log: Log) -> None:
    """Send a backup and look for all its files in the repository."""
    shown = server_version.describe_series(server_version.parse_series(backup.server)) or "unknown"
    tags = snapshots.make_tags(backup.name, backup.position, shown, backup.gtid, backup.taken)
    log(f"sending {backup.name}: {backup.position}, {backup.size} bytes")
    try:
        result = repository.run(restic.send(order.cluster, backup.name, tags), cwd=backup.folder)
    except BackupFailedError:
        # restic goes on without a file that it cannot read, and writes a snapshot without it.
        find_whole(repository, repository.read_snapshots(), order, backup, log)
        raise
    found = find_whole(repository, repository.read_snapshots(), order, backup, log)
    if found is None:
        raise BackupFailedError(
            f"backup {backup.name} was sent, and the repository does not have it: run the job again"
        )
    log(f"backup {backup.name} is sent as {found.id[:8]}: {read_added(result.output)} bytes are new")


def retain(repository: Repository, order: Order, log: Log) -> None:
    """Remove old backups; where another job uses the repository, leave that to the next run: nothing is lost."""
    try:
        output = repository.run(restic.retain(order.cluster, order.kept)).output
        for name in snapshots.parse_removed(output):
            log(f"backup {name} is removed from the repository")
        retain_log(Remote(repository, order.cluster), log)
    except RepositoryLockedError as exc:
        log(f"nothing old is removed now, and the next run does it: {exc}")


def retain_log(remote: Remote, log: Log) -> None:
    """Remove the pieces of the binary log that no backup needs; their data are removed with those of the next run."""
    found = remote.read()
    if not found.backups or not found.pieces:
        return
    starts = [(one.history, one.gtid) for one in found.backups if one.gtid]
    newest = max(found.pieces, key=lambda one: (one.until, one.name)).history
    old = chain.find_old(found.pieces, starts, newest)
    contained = chain.find_contained(one for one in found.pieces if one not in old)
    if unneeded := (*old, *contained):
        remote.repository.run(restic.forget(*(one.id for one in unneeded)))
        log(f"pieces of the log are removed: {len(old)} before the oldest backup, {len(contained)} that others contain")


def read_added(output: str) -> str:
    """Return how many bytes the summary says were not in the repository before."""
    for line in reversed(output.splitlines()):
        try:
            content = json.loads(line)
        except ValueError:
            continue
        if isinstance(content, dict) and content.get("message_type") == "summary":
            return str(content.get("data_added", "?"))
    return "?"
