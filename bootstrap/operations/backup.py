"""Makes a backup with a guest: a server that joins for one full state transfer and then leaves.

Every member gets its data in this way, so what works for a new member works for a backup: the method, TLS, any size.
A guest has no vote (`pc.weight=0`), slows no member down, takes no clients, and cannot start a cluster: its datadir is
empty at the start, and its list of members is never empty.
It is stopped in order as soon as it has caught up, and the server's own recovery reads its data once more.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bootstrap.core.binlog.events import find_domain
from bootstrap.core.galera import grastate
from bootstrap.core.model.disk import Position
from bootstrap.core.model.facts import Server
from bootstrap.core.repository.snapshots import TIME
from bootstrap.errors import BackupFailedError, GraStateInvalidError, SettingInvalidError
from bootstrap.mariadb import client, config, pod_config
from bootstrap.mariadb.recover import Recover
from bootstrap.network.directory import Directory
from bootstrap.operations import backup_store
from bootstrap.operations.backup_store import Backup
from bootstrap.process import child
from bootstrap.process.log import Log
from bootstrap.secret_files import read_secret
from bootstrap.settings import Settings
from bootstrap.storage.layout import Layout

NODE = "backup"
"""The name of the guest's node in the servers' logs."""

GUEST_OPTIONS = {
    # A component in which only guests are left has no vote: recovery waits for the dead members, not for the guests.
    "pc.weight": "0",
    # What a guest has not applied yet never delays the members.
    "gcs.fc_limit": "1000000",
    "gcs.fc_factor": "1.0",
}
"""Provider options that make a member a guest."""

POLL_S = 0.5
"""Seconds between two queries of the guest's server."""

GRACE_S = 300.0
"""Seconds that a guest may take to write its pages when it is stopped."""


@dataclass(frozen=True, slots=True)
class Order:
    """Which backup to make."""

    root: Path
    """The folder of the backups."""
    keep: int
    """How many complete ones stay, this one included."""
    sparing: str
    """The member that is a donor only if no other can be: the writer; empty = none."""


def backup(settings: Settings, order: Order, log: Log) -> Backup:
    """Make a backup and remove the oldest ones; raises BackupFailedError, and the errors of a pod's start."""
    refuse_own_folders(settings, order.root)
    try:
        with hold_lock(order.root):
            done = take_backup(settings, order, log)
            log(f"backup {done.name} is complete: {done.position}, {len(done.files)} files, {done.size} bytes")
            for name in backup_store.prune(order.root, order.keep):
                log(f"backup {name} is removed: {order.keep} are kept")
            return done
    except OSError as exc:
        raise BackupFailedError(f"the backup failed: {exc.strerror} ({exc.filename})") from exc


def refuse_own_folders(settings: Settings, root: Path) -> None:
    """Refuse a folder that is this toolkit's own: a state transfer wipes the datadir; raises SettingInvalidError."""
    layout = Layout(settings.data_root)
    own = (layout.data, layout.data_tmp, layout.meta, layout.files, settings.run_dir, settings.secrets.path)
    place = root.resolve()
    for folder in own:
        if place.is_relative_to(folder.resolve()) or place == layout.data_root.resolve():
            raise SettingInvalidError(f"{root} is no folder for backups: {folder} is there for something else")


@contextmanager
def hold_lock(root: Path) -> Iterator[None]:
    """Allow one backup at a time in a folder; the kernel releases the lock when its holder ends."""
    path = root / ".lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as exc:
        raise BackupFailedError(f"{path} is held: another backup is being made here") from exc
    finally:
        os.close(fd)


def take_backup(settings: Settings, order: Order, log: Log) -> Backup:
    """Copy all data and check that the copy is complete."""
    directory = Directory.open(settings)
    ordinals = directory.possible_ordinals()
    data = backup_store.begin(order.root, f"{datetime.now(UTC):{TIME}}")
    cnf = write_config(settings, data, directory.addresses(ordinals))
    server = (settings.mariadbd, f"--defaults-file={settings.cnf}", *format_gtid_options(settings))
    log(f"joining {', '.join(cnf.members)} as a guest, for a copy of all data")
    reached = run_guest(
        (*server, "--skip-networking", f"--wsrep_sst_donor={format_donors(settings, ordinals, order.sparing)}"),
        *(settings, log),
    )
    # After its end: nothing that it has was committed later.
    taken = f"{datetime.now(UTC):{TIME}}"
    recover = Recover(server)
    found = read_position(recover, data)
    if found.uuid != reached.uuid or found.seqno < reached.last_committed:
        raise BackupFailedError(
            f"the copy holds {found}, and its server was at {reached.uuid}:{reached.last_committed}"
        )
    gtid = None if settings.gtid_domain is None else find_domain(recover.gtids, settings.gtid_domain)
    if settings.gtid_domain is not None and gtid is None:
        log("the copy has no GTID of the cluster: it can be restored as it is, and not to a later moment")
    return backup_store.finish(data, backup_store.End(found, gtid, taken), recover.read_version())


def format_gtid_options(settings: Settings) -> tuple[str, ...]:
    """Let the guest count the cluster's GTIDs as all members do, so that its copy has the one that belongs to it.

    It has no binary log for that, which would be of no use in a copy.
    """
    if settings.gtid_domain is None:
        return ()
    return (
        "--wsrep-gtid-mode=ON",
        f"--wsrep-gtid-domain-id={settings.gtid_domain}",
        f"--server-id={settings.server_id}",
    )


def format_donors(settings: Settings, ordinals: tuple[int, ...], sparing: str) -> str:
    """List the donors, the highest ordinal first; the last comma allows every other member if none of them can."""
    names = [settings.pod_of(o) for o in sorted(ordinals, reverse=True)]
    return "".join(f"{name}," for name in names if name != sparing)


def write_config(settings: Settings, data: Path, members: tuple[str, ...]) -> config.Cnf:
    """Write the guest's my-galera.cnf."""
    cnf = pod_config.build_cnf(settings, read_secret(settings.secrets, "cluster-id"), members)
    options = {**dict(cnf.provider_options), **GUEST_OPTIONS}
    # It replicates to nobody, and a binary log has no place in a copy.
    cnf = cnf._replace(server_id=None, gtid_domain=None, own_gtid_domain=None)
    cnf = cnf._replace(datadir=str(data), files_dir=str(data), node_name=NODE, provider_options=tuple(options.items()))
    config.write(settings.cnf, config.render(cnf))
    return cnf


def run_guest(command: tuple[str, ...], settings: Settings, log: Log) -> Server:
    """Run the server until it has caught up with the others, and stop it in order; returns its last status."""
    server = client.LocalServer(settings.server_socket, read_secret(settings.secrets, "agent-password"))
    settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    guest = child.start(command)
    try:
        while guest.poll() is None:
            found = server.read_status()
            if isinstance(found, Server) and found.has_complete_data and found.is_primary:
                log(f"the guest has caught up at {found.uuid}:{found.last_committed}; it is stopped")
                return found
            time.sleep(POLL_S)
        raise BackupFailedError(
            f"the guest's server ended with status {guest.returncode} before it had caught up: its log is above"
        )
    finally:
        server.close()
        stop(guest)


def stop(guest: child.Process) -> None:
    """Stop the server in order; raises BackupFailedError when it had to be killed."""
    if not child.stop(guest, GRACE_S):
        raise BackupFailedError(f"the guest's server did not end within {GRACE_S:g} s")


def read_position(recover: Recover, data: Path) -> Position:
    """Read the position of a copy from grastate.dat and from InnoDB; raises BackupFailedError if they differ."""
    found = recover.run(data)
    try:
        state = grastate.parse((data / "grastate.dat").read_bytes())
    except GraStateInvalidError as exc:
        raise BackupFailedError(f"the copy is not complete: {exc}") from exc
    if found is None or (state.uuid, state.seqno) != (found.uuid, found.seqno):
        raise BackupFailedError(
            f"the copy is not complete: grastate.dat has {state.uuid}:{state.seqno}, InnoDB {found}"
        )
    return found
