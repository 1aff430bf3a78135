"""Restores a backup to an empty volume, completely or not at all, and only where there is no cluster to lose.

The data are copied to `data.tmp` and renamed, like a first database; a kill at any moment leaves the volume empty.
Nothing is started here: because of the marker beside the journal the data start a new history (`restored`), and all
other pods copy them by a full state transfer.
"""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from bootstrap.control import channel
from bootstrap.control.status_messages import MemberStatus, Status
from bootstrap.core.galera import server_version
from bootstrap.core.model.disk import DataClass
from bootstrap.core.model.facts import Phase
from bootstrap.datadir import provenance, restore_marker
from bootstrap.datadir.restore_marker import Restored
from bootstrap.errors import AgentUnreachableError, RestoreRefusedError, VolumeBusyError
from bootstrap.mariadb.recover import Recover
from bootstrap.operations import backup_store
from bootstrap.operations.backup_store import Backup
from bootstrap.process.announcer import Announcer
from bootstrap.process.log import Log
from bootstrap.settings import Settings
from bootstrap.storage import atomic, lock
from bootstrap.storage.layout import Layout

LOCK_PATIENCE_S = 2.0
"""Seconds to wait for a process that is just ending on this volume."""

AGENT_PATIENCE_S = 60.0
"""Seconds for which the agent may not answer."""

POLL_S = 1.0
"""Seconds between two queries about the other pods."""


class Source(Protocol):
    """Where the backups are."""

    def read(self, name: str) -> Backup:
        """Read the backup of that name, or the newest one for `latest`; raises BackupInvalidError."""

    def copy(self, backup: Backup, to: Path) -> Path:
        """Copy its data durably into a new folder, and compare them with its list; returns the folder of the data.

        Raises BackupInvalidError, OSError.
        """


class Folder(NamedTuple):
    """A folder with backups."""

    root: Path

    def read(self, name: str) -> Backup:
        """As Source."""
        return backup_store.read(self.root, name)

    def copy(self, backup: Backup, to: Path) -> Path:
        """As Source."""
        backup_store.copy(backup, to)
        return to


@dataclass(frozen=True, slots=True)
class Order:
    """What to restore, and where."""

    source: "Source"
    name: str
    """The backup's name, or `latest`."""
    ordinal: int
    """The ordinal of the pod that gets it; all others copy from that one."""


def restore(settings: Settings, order: Order, log: Log) -> None:
    """Put the backup on this pod's volume if this is the chosen pod and the volume is empty.

    Raises RestoreRefusedError where data are in the way, BackupInvalidError, JournalUnwritableError.
    """
    if settings.ordinal != order.ordinal:
        log(f"nothing to restore here: {settings.pod} copies everything from {settings.pod_of(order.ordinal)}")
        return
    try:
        fd = lock.acquire_waiting(Layout(settings.data_root).lock, time.monotonic() + LOCK_PATIENCE_S, lambda: None)
    except VolumeBusyError:
        log("nothing is restored: a server lives on this volume")
        return
    try:
        _under_lock(settings, order, log)
    except OSError as exc:
        raise RestoreRefusedError(f"the backup cannot be restored: {exc.strerror} ({exc.filename})") from exc
    finally:
        os.close(fd)


def _under_lock(settings: Settings, order: Order, log: Log) -> None:
    layout = Layout(settings.data_root)
    if found := _names(layout.data):
        _explain(layout, order, found, log)
        return
    backup = order.source.read(order.name)
    check_readable(backup, Recover((settings.mariadbd,)))
    if alive := wait_for_empty(settings, log):
        log(f"nothing is restored: {alive} is Primary, and this pod gets its data from there")
        return
    log(f"restoring {backup.name}: {backup.position}, {backup.size} bytes")
    if layout.data_tmp.exists():
        shutil.rmtree(layout.data_tmp)
    data = order.source.copy(backup, layout.data_tmp)
    # Before the rename: the data must never be mistaken for those of a member.
    restore_marker.write(layout.meta, Restored(backup.name, backup.position))
    provenance.note_version(layout.meta, backup.server)
    if layout.data.exists():
        layout.data.rmdir()
    data.rename(layout.data)
    atomic.sync_folder(layout.data_root)
    if layout.data_tmp.exists():
        shutil.rmtree(layout.data_tmp)
    log(f"{backup.name} is restored completely; it will start a new history")


def _explain(layout: Layout, order: Order, found: list[str], log: Log) -> None:
    """Log why nothing is restored over data; raises RestoreRefusedError unless they came from this same backup."""
    mark = restore_marker.read(layout.meta)
    if mark is not None and order.name in (mark.name, "latest"):
        log(f"nothing to do: the backup {mark.name} was restored here before, and the data here come from it")
        return
    raise RestoreRefusedError(
        f"NOT RESTORED: {layout.data} has data ({', '.join(found[:3])}), and a restore never replaces data; "
        "delete the claims of all pods first, or take the component restore out of the manifests to go on with these"
    )


def check_readable(backup: Backup, recover: Recover) -> None:
    """Check that this image's server may open the backup; raises RestoreRefusedError."""
    wrote = server_version.parse_series(backup.server)
    ours = server_version.parse_series(recover.read_version())
    why = server_version.why_not_opened(wrote, ours, stopped=True) if wrote else ""
    if why:
        raise RestoreRefusedError(f"NOT RESTORED: {backup.name} was {why}")


def wait_for_empty(settings: Settings, log: Log) -> str:
    """Wait until all other pods have reported that they are empty; returns the name of one that is Primary, if any.

    Raises RestoreRefusedError when one has data: a human must decide about those data before anything is written.
    """
    announcer = Announcer(log)
    while True:
        others = [one for one in _ask_members(settings, log) if one.name != settings.pod]
        if primary := [one.name for one in others if one.server and one.server.cluster_status == "Primary"]:
            return primary[0]
        if waiting := [f"{one.name} ({why})" for one in others if (why := _why_not_empty(one))]:
            line = f"waiting for {', '.join(waiting)}: a backup is restored when all other pods are there and empty"
        elif others or settings.replicas == 1:
            return ""
        else:
            line = "waiting until the agent knows the other pods"
        announcer.say_when_changed("others", line)
        time.sleep(POLL_S)


def _ask_members(settings: Settings, log: Log) -> tuple[MemberStatus, ...]:
    """What the agent knows of every pod; nothing while it restarts."""
    client = channel.connect(settings.agent_socket, AGENT_PATIENCE_S, log)
    try:
        return client.ask(Status()).members
    except AgentUnreachableError:
        return ()
    finally:
        client.close()


def _why_not_empty(member: MemberStatus) -> str:
    """Why this pod does not count as empty yet; raises RestoreRefusedError when it has data."""
    if not member.is_known:
        return member.answer
    found = member.data_class
    if member.phase is not Phase.FROZEN or found is None:
        return str(member.phase)
    if found is not DataClass.EMPTY:
        raise RestoreRefusedError(
            f"NOT RESTORED: the datadir of {member.name} is {found}, and a restore starts a new history; delete the "
            "claims of all pods first, or take the component restore out of the manifests to go on with these"
        )
    return ""


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
