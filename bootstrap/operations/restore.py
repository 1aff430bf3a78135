"""A backup becomes the datadir of an empty volume, whole or not at all, and only where there is no cluster to lose.

Made in `data.tmp` and renamed, as a first database is; a kill at any moment leaves the volume empty.
Nothing is started here: the mark beside the journal has the data start a new history (`restored`), and all others copy
them by a full state transfer.
"""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootstrap.control import channel
from bootstrap.core.galera import server_version
from bootstrap.core.model.codec import Json
from bootstrap.core.model.disk import DataClass
from bootstrap.datadir import provenance, restore_marker
from bootstrap.datadir.restore_marker import Restored
from bootstrap.errors import AgentUnreachableError, RestoreRefusedError, VolumeBusyError
from bootstrap.mariadb.recover import Recover
from bootstrap.operations import backup_store
from bootstrap.operations.backup_store import Backup
from bootstrap.settings import Settings
from bootstrap.storage import atomic, lock
from bootstrap.storage.layout import Layout

LOCK_PATIENCE_S = 2.0
"""How long to wait for what has just ended on this volume."""

AGENT_PATIENCE_S = 60.0
"""How long an agent may be away."""

LOOK_S = 1.0
"""Between two looks at the other pods."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be restored."""

    root: Path
    """The folder of the backups."""
    name: str
    """The backup's, or `latest`."""
    ordinal: int
    """The pod that gets it; all others copy from that one."""


def restore(settings: Settings, order: Order, say: Say) -> None:
    """Put the backup on this pod's volume if that is this pod's part and the volume is empty.

    Raises RestoreRefusedError where data are in the way, BackupInvalidError, JournalUnwritableError.
    """
    if settings.ordinal != order.ordinal:
        say(f"nothing to restore here: {settings.pod} copies everything from {settings.pod_of(order.ordinal)}")
        return
    try:
        fd = lock.acquire_waiting(settings.lock, time.monotonic() + LOCK_PATIENCE_S, lambda: None)
    except VolumeBusyError:
        say("nothing is restored: a server lives on this volume")
        return
    try:
        _under_lock(settings, order, say)
    except OSError as exc:
        raise RestoreRefusedError(f"the backup cannot be restored: {exc.strerror} ({exc.filename})") from exc
    finally:
        os.close(fd)


def _under_lock(settings: Settings, order: Order, say: Say) -> None:
    layout = Layout(settings.data_root)
    if there := _names(layout.data):
        _explain(layout, order, there, say)
        return
    backup = backup_store.read(order.root, order.name)
    readable(backup, Recover((settings.mariadbd,)))
    if alive := wait_for_empty(settings, say):
        say(f"nothing is restored: {alive} is Primary, and this pod gets its data from there")
        return
    say(f"restoring {backup.name}: {backup.position}, {backup.size} bytes")
    if layout.data_tmp.exists():
        shutil.rmtree(layout.data_tmp)
    backup_store.copy(backup, layout.data_tmp)
    # Before the data have their name: they must never be taken for a member's.
    restore_marker.write(layout.meta, Restored(backup.name, backup.position))
    provenance.note_version(layout.meta, backup.server)
    if layout.data.exists():
        layout.data.rmdir()
    layout.data_tmp.rename(layout.data)
    atomic.sync_folder(layout.data_root)
    say(f"{backup.name} is restored and whole; it will start a new history")


def _explain(layout: Layout, order: Order, there: list[str], say: Say) -> None:
    """Say why nothing is restored over data; raises RestoreRefusedError unless they came from this very backup."""
    mark = restore_marker.read(layout.meta)
    if mark is not None and order.name in (mark.name, "latest"):
        say(f"nothing to do: the backup {mark.name} was restored here before, and what is here came of it")
        return
    raise RestoreRefusedError(
        f"NOT RESTORED: {layout.data} has data ({', '.join(there[:3])}), and nothing is ever restored over data; "
        "delete the claims of all pods first, or take the component restore out of the manifests to go on with these"
    )


def readable(backup: Backup, recover: Recover) -> None:
    """Refuse what this image's server may not open; raises RestoreRefusedError."""
    wrote = server_version.parse_series(backup.server)
    why = (
        server_version.why_not_opened(wrote, server_version.parse_series(recover.read_version()), stopped=True)
        if wrote
        else ""
    )
    if why:
        raise RestoreRefusedError(f"NOT RESTORED: {backup.name} was {why}")


def wait_for_empty(settings: Settings, say: Say) -> str:
    """Wait until all other pods have told that they are empty; the name of one that is Primary instead, if one is.

    Raises RestoreRefusedError when one has data: what they are worth is for a human to say, before anything is written.
    """
    told = ""
    while True:
        others = [one for one in _members(settings, say) if one["name"] != settings.pod]
        if primary := [str(one["name"]) for one in others if _is_primary(one)]:
            return primary[0]
        if waiting := [f"{one['name']} ({why})" for one in others if (why := _not_empty(one))]:
            line = f"waiting for {', '.join(waiting)}: a backup is restored when all other pods are there and empty"
        elif others or settings.replicas == 1:
            return ""
        else:
            line = "waiting for the agent to hear of the other pods"
        if line != told:
            say(line)
            told = line
        time.sleep(LOOK_S)


def _members(settings: Settings, say: Say) -> list[Json]:
    """What the agent knows of every pod; nothing while it restarts."""
    client = channel.connect(settings.agent_socket, AGENT_PATIENCE_S, say)
    try:
        members = client.ask("status")["members"]
    except AgentUnreachableError:
        return []
    finally:
        client.close()
    return [one for one in members if isinstance(one, dict)] if isinstance(members, list) else []


def _is_primary(member: Json) -> bool:
    server = member.get("server")
    return isinstance(server, dict) and server.get("cluster_status") == "Primary"


def _not_empty(member: Json) -> str:
    """Why this pod does not count as empty yet; raises RestoreRefusedError when it has data."""
    if member.get("answer") != "ok":
        return str(member.get("answer"))
    found = member.get("class")
    if member.get("phase") != "frozen" or found is None:
        return f"{member.get('phase')}"
    if found != DataClass.EMPTY:
        raise RestoreRefusedError(
            f"NOT RESTORED: the datadir of {member['name']} is {found}, and a restore starts a new history; delete the "
            "claims of all pods first, or take the component restore out of the manifests to go on with what is there"
        )
    return ""


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
