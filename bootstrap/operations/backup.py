"""A guest: a server that joins for the time of a full state transfer, and leaves a backup behind.

The way is the one by which every member gets its data, so what works for a new member works for a backup: the method,
TLS, any size.  A guest has no vote (`pc.weight=0`), slows nobody down, takes no clients, and cannot found anything: its
datadir is empty at the start, and the list of members is never.
It is stopped in order as soon as it is in step, and what it leaves is read once more by the server's own recovery.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bootstrap.core.galera import grastate
from bootstrap.core.model.disk import Position
from bootstrap.core.model.facts import Server
from bootstrap.errors import BackupFailedError, GraStateInvalidError, ServerMissingError
from bootstrap.mariadb import client, config, pod_config
from bootstrap.mariadb.recover import Recover
from bootstrap.network import members
from bootstrap.operations import backup_store
from bootstrap.operations.backup_store import Backup
from bootstrap.secret_files import needed
from bootstrap.settings import Settings

NODE = "backup"
"""The name of the guest's node in the servers' logs."""

NO_PART = {
    # A component in which only guests are left has no vote, and those who died are waited for without them.
    "pc.weight": "0",
    # What a guest has not applied yet never holds up the members.
    "gcs.fc_limit": "1000000",
    "gcs.fc_factor": "1.0",
}
"""Options of the provider that make a guest of a member."""

LOOK_S = 0.5
"""Between two looks at the guest's server."""

GRACE_S = 300.0
"""How long a guest that has to end may write its pages."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done."""

    root: Path
    """The folder of the backups."""
    keep: int
    """How many complete ones stay, this one counted."""
    sparing: str
    """The member that is not to be the donor while another one can: the writer; empty = none."""


def backup(settings: Settings, order: Order, say: Say) -> Backup:
    """Make a backup and remove those that are too many; raises BackupFailedError, and what a start of a pod may."""
    try:
        with held(order.root):
            done = taken(settings, order, say)
            say(f"backup {done.name} is complete: {done.position}, {len(done.files)} files, {done.size} bytes")
            for name in backup_store.forget(order.root, order.keep):
                say(f"backup {name} is removed: {order.keep} are kept")
            return done
    except OSError as exc:
        raise BackupFailedError(f"the backup failed: {exc.strerror} ({exc.filename})") from exc


@contextmanager
def held(root: Path) -> Iterator[None]:
    """One backup at a time in a folder; the kernel ends the lock with its holder."""
    path = root / ".lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as exc:
        raise BackupFailedError(f"{path} is held: another backup is being made here") from exc
    finally:
        os.close(fd)


def taken(settings: Settings, order: Order, say: Say) -> Backup:
    """Take a copy of all data and prove that it is whole."""
    ordinals = members.ordinals(settings)
    data = backup_store.begin(order.root, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    cnf = written(settings, data, ordinals)
    command = (settings.mariadbd, f"--defaults-file={settings.cnf}", "--skip-networking")
    say(f"joining {', '.join(cnf.members)} as a guest, for a copy of all data")
    reached = visit((*command, f"--wsrep_sst_donor={donors(settings, ordinals, order.sparing)}"), settings, say)
    found = position(settings, data)
    if found.uuid != reached.uuid or found.seqno < reached.last_committed:
        said = f"{reached.uuid}:{reached.last_committed}"
        raise BackupFailedError(f"the copy holds {found}, and its server was at {said}")
    return backup_store.finish(data, found, Recover((settings.mariadbd,)).read_version())


def donors(settings: Settings, ordinals: tuple[int, ...], sparing: str) -> str:
    """Whom to ask, the highest ordinal first, and anybody else when none of them can (the last comma)."""
    names = [settings.pod_of(o) for o in sorted(ordinals, reverse=True)]
    return "".join(f"{name}," for name in names if name != sparing)


def written(settings: Settings, data: Path, ordinals: tuple[int, ...]) -> config.Cnf:
    """Write the guest's my-galera.cnf."""
    cnf = pod_config.build_cnf(
        settings, needed(settings.secrets_dir, "cluster-id"), members.addresses(settings, ordinals)
    )
    options = {**dict(cnf.provider_options), **NO_PART}
    cnf = replace(cnf, datadir=str(data), node_name=NODE, provider_options=tuple(options.items()))
    config.write(settings.cnf, config.render(cnf))
    return cnf


def visit(command: tuple[str, ...], settings: Settings, say: Say) -> Server:
    """Run the server until it is in step with the others, and stop it in order; what it was in step with."""
    password = needed(settings.secrets_dir, "agent-password")
    settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        guest = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as exc:
        raise ServerMissingError(f"cannot run {command[0]}: {exc.strerror}; use the database's own image") from exc
    try:
        while guest.poll() is None:
            found = client.read_status(settings.server_socket, password)
            if isinstance(found, Server) and found.has_complete_data and found.is_primary:
                say(f"the guest is in step at {found.uuid}:{found.last_committed}; it is stopped")
                return found
            time.sleep(LOOK_S)
        raise BackupFailedError(
            f"the guest's server ended with status {guest.returncode} before it was in step: its log is above"
        )
    finally:
        ended(guest)


def ended(guest: "subprocess.Popen[bytes]") -> None:
    """Have the server end in order; raises BackupFailedError when it does not."""
    guest.send_signal(signal.SIGTERM)
    try:
        guest.wait(GRACE_S)
    except subprocess.TimeoutExpired as exc:
        guest.kill()
        guest.wait()
        raise BackupFailedError(f"the guest's server did not end within {GRACE_S:g} s") from exc


def position(settings: Settings, data: Path) -> Position:
    """The position of a copy that was stopped in order, by grastate.dat and by InnoDB; raises BackupFailedError."""
    found = Recover((settings.mariadbd, f"--defaults-file={settings.cnf}")).run(data)
    try:
        state = grastate.parse((data / "grastate.dat").read_bytes())
    except GraStateInvalidError as exc:
        raise BackupFailedError(f"the copy is not whole: {exc}") from exc
    if found is None or (state.uuid, state.seqno) != (found.uuid, found.seqno):
        raise BackupFailedError(f"the copy is not whole: grastate.dat has {state.uuid}:{state.seqno}, InnoDB {found}")
    return found
