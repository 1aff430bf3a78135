"""Proves a backup: it is restored from the repository, a server starts on it, and every table is read.

With the log, every transaction after the backup is applied before that, as a restore to a moment does it.

No client reaches that server: it has no network, no Galera, no binary log and no events, and it asks for no password.
"""

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bootstrap.core.model.text import one_line
from bootstrap.core.repository import restic, snapshots
from bootstrap.core.repository.moments import Moment
from bootstrap.core.repository.snapshots import TIME
from bootstrap.errors import (
    BackupFailedError,
    BackupNotProvenError,
    InitialisationFailedError,
    OptionsRefusedError,
    RecoverFailedError,
)
from bootstrap.mariadb import config, first_server
from bootstrap.mariadb.recover import Recover
from bootstrap.operations.backup_store import Backup, parse_time
from bootstrap.operations.binlog.source import PointInTime
from bootstrap.operations.fetch import Remote
from bootstrap.operations.restore import check_readable
from bootstrap.process import child
from bootstrap.process.log import Log
from bootstrap.settings import Settings

BAD = re.compile(r"^(error|warning)\s*:|^Corrupt|^mariadb-check: Got error|is marked as crashed", re.MULTILINE)
"""What mariadb-check prints of a table that is not well; a note is only that an engine has no check."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to prove, and where."""

    scratch: Path
    """A folder with room for one copy."""
    name: str
    max_age_hours: int
    """How old the newest backup may be: an old one that is well shows nothing of what has happened since."""
    with_log: bool = False
    """Also replay the binary log after the backup, up to its end."""


def prove(settings: Settings, remote: Remote, order: Order, log: Log) -> None:
    """Prove a backup, and mark it in the repository.

    Raises BackupNotProvenError, those of Repository, and with the log MomentUnreachableError and BinlogInvalidError.
    """
    place = order.scratch / "proof"
    try:
        if place.exists():
            shutil.rmtree(place)
        source = PointInTime(settings, remote, Moment(), log) if order.with_log else remote
        backup = source.read(order.name)
        log_last_proof(remote, log)
        try:
            log(f"restoring {backup.name}: {backup.position}, {backup.size} bytes")
            check_readable(backup, Recover((settings.mariadbd,)))
            tables = read_all(settings, backup, source.copy(backup, place))
        finally:
            shutil.rmtree(place, ignore_errors=True)
    except OSError as exc:
        raise BackupFailedError(f"nothing was proven: {exc.strerror} ({exc.filename})") from exc
    now = datetime.now(UTC)
    remote.repository.run(restic.mark(remote.find(backup.name).id, snapshots.make_proof(f"{now:{TIME}}")))
    age = now - parse_time(backup.name)
    more = ", with the log after it" if order.with_log else ""
    log(f"backup {backup.name} is proven: {backup.position}, {tables} tables read, {format_hours(age)} old{more}")
    if order.name == "latest" and age > timedelta(hours=order.max_age_hours):
        raise BackupNotProvenError(
            f"the newest backup, {backup.name}, is {format_hours(age)} old, and at most {order.max_age_hours} h are "
            "allowed: it is well, but none was sent since; look at the jobs that send them"
        )


def log_last_proof(remote: Remote, log: Log) -> None:
    """Log which backup was proven last, in case that this one is not."""
    last = snapshots.find_last_proof(remote.repository.read_snapshots(), remote.cluster)
    if last is None:
        log("no backup was proven yet")
    else:
        age = datetime.now(UTC) - parse_time(last.name)
        log(f"the last proven backup is {last.name}, {format_hours(age)} old, proven {last.proven}")


def format_hours(age: timedelta) -> str:
    """Show an age in hours."""
    return f"{age.total_seconds() / 3600:.1f} h"


def read_all(settings: Settings, backup: Backup, data: Path) -> int:
    """Start a server on the data and let it read every table; returns how many.  Raises BackupNotProvenError."""
    at = settings.run_dir / "proof.sock"
    at.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The members' own options come first, as in their my-galera.cnf: without some of them their data cannot be opened.
    lines = ["[mysqld]", f"socket={at}", f"pid-file={settings.run_dir}/proof.pid"]
    # Only for the recovery, which shows the position: the server that reads the tables is started without.
    lines += ["wsrep_on=ON", f"wsrep_provider={settings.provider}", "binlog_format=ROW"]
    lines += ["wsrep_cluster_address=gcomm://127.0.0.1"]
    theirs = settings.config_dir / "conf.d"
    config.write(settings.cnf, "\n".join((*([f"!includedir {theirs}"] if theirs.is_dir() else []), *lines, "")))
    command = (settings.mariadbd, f"--defaults-file={settings.cnf}")
    try:
        found = Recover(command).run(data)
        if found != backup.position:
            raise BackupNotProvenError(f"{backup.name} should be at {backup.position}, and its server finds {found}")
        with first_server.serve((*command, "--skip-grant-tables"), data, at, (), "for the proof"):
            return check_tables(backup, at)
    except OptionsRefusedError:
        raise  # that is no fault of the backup
    except (InitialisationFailedError, RecoverFailedError) as exc:
        raise BackupNotProvenError(f"{backup.name} does not start: {exc}") from exc


def check_tables(backup: Backup, at: Path) -> int:
    """Read every table of a server by its own check; returns how many.  Raises BackupNotProvenError."""
    options = (f"--socket={at}", "--user=root", "--all-databases", "--check", "--extended")
    done = child.run(("mariadb-check", "--no-defaults", *options))
    bad = BAD.search(done.output) or BAD.search(done.errors)
    tables = len(re.findall(r"^\S+\.\S.*\s(OK|Table is already up to date)$", done.output, re.MULTILINE))
    if done.status != 0 or bad or not tables:
        shown = f"{done.output}\n{done.errors}"
        place = BAD.search(shown)
        text = shown[max(0, place.start() - 100) : place.start() + 200] if place else shown[-300:]
        raise BackupNotProvenError(f"{backup.name} has tables that cannot be read: {one_line(text.strip(), 300)}")
    return tables
