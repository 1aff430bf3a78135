"""What a member's binary log holds, asked over the network by an account that may read it (REPLICATION SLAVE)."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pymysql

from bootstrap.core.binlog.events import Gtid, find_domain, parse_gtid
from bootstrap.errors import BinlogInvalidError, LogNotSentError
from bootstrap.process import child

TIMEOUT_S = 10
"""For each of connect, read and write."""

PULL_S = 3600.0
"""For one file of the log."""

SHOWN_EVENTS = 200
"""So many events of a file are looked at for its first transaction."""

_VARIABLES = ("log_bin", "log_slave_updates", "wsrep_gtid_mode")

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)


Rows = tuple[tuple[Any, ...], ...]


class Login(NamedTuple):
    """How to log in."""

    file: Path
    """An option file with user and password, so that no command line has them."""
    ca: Path | None
    """The authority of the members' certificates; None = without TLS."""


class Look(NamedTuple):
    """A member, after it had applied all that was ordered before the look began."""

    host: str
    history: str
    """The cluster state uuid."""
    run: str
    """Another one after each start of the server."""
    domain: int
    at: Gtid | None
    """The last transaction of the cluster in its binary log; None = it has none."""
    server: str


class Unusable(NamedTuple):
    """Why a member's log cannot be read now."""

    reason: str


@contextmanager
def connect(host: str, login: Login) -> Iterator["pymysql.Connection[Any]"]:
    """Open a connection.  Raises pymysql.Error, OSError."""
    connection = pymysql.connect(
        host=host,
        read_default_file=str(login.file),
        connect_timeout=TIMEOUT_S,
        read_timeout=TIMEOUT_S,
        write_timeout=TIMEOUT_S,
        ssl=None if login.ca is None else {"ca": str(login.ca)},
        ssl_disabled=login.ca is None,
        autocommit=True,
    )
    try:
        yield connection
    finally:
        with suppress(pymysql.Error, OSError):
            connection.close()


def look(host: str, login: Login) -> Look | Unusable:
    """Ask a member; raises LogNotSentError if its settings give the cluster no GTIDs or no binary log."""
    try:
        with connect(host, login) as connection:
            # A causal read waits until all that was ordered before is applied (as client.read_applied_position).
            _rows(connection, "SET SESSION wsrep_sync_wait=1, wsrep_dirty_reads=OFF")
            columns = ", ".join(f"@@{name}" for name in _VARIABLES)
            ((*values, domain, position, version),) = _rows(
                connection, f"SELECT {columns}, @@wsrep_gtid_domain_id, @@gtid_binlog_pos, @@version"
            )
            names = "'wsrep_cluster_state_uuid', 'wsrep_cluster_status', 'wsrep_gcomm_uuid'"
            status = {str(n): str(v) for n, v in _rows(connection, f"SHOW STATUS WHERE Variable_name IN ({names})")}
    except (pymysql.Error, OSError) as exc:
        return _refuse(exc)
    if off := [name for name, value in zip(_VARIABLES, values, strict=True) if not int(str(value))]:
        raise LogNotSentError(
            f"{host} has {' and '.join(off)} switched off: set GALERA_BOOTSTRAP_SERVER_ID and "
            "GALERA_BOOTSTRAP_GTID_DOMAIN for all members, then this goes on"
        )
    if status.get("wsrep_cluster_status") != "Primary" or not status.get("wsrep_gcomm_uuid"):
        return Unusable(f"it is {status.get('wsrep_cluster_status')}")
    at = find_domain(str(position), int(str(domain)))
    history = status["wsrep_cluster_state_uuid"].lower()
    return Look(host, history, status["wsrep_gcomm_uuid"], int(str(domain)), at, str(version))


def list_files(host: str, login: Login) -> tuple[str, ...] | Unusable:
    """List the files of a member's binary log, the oldest first."""
    rows = _ask(host, login, "SHOW BINARY LOGS")
    if isinstance(rows, Unusable):
        return rows
    names = tuple(str(row[0]) for row in rows)
    if bad := [name for name in names if not _NAME.fullmatch(name)]:
        raise BinlogInvalidError(f"{host} names a file of its binary log {bad[0][:80]!a}")
    return names


def read_start(host: str, login: Login, file: str, domain: int) -> Gtid | Unusable | None:
    """Find the last transaction of the cluster before this file; None = the file does not show it.

    A log that begins after a restore has an empty list, and its first number is not 1: then nothing is known of what
    was before that number.
    """
    events = _ask(host, login, f"SHOW BINLOG EVENTS IN '{file}' LIMIT {SHOWN_EVENTS}")
    if isinstance(events, Unusable):
        return events
    for _, _, kind, _, _, info in events:
        if kind == "Gtid_list" and (found := find_domain(str(info), domain)):
            return found
        gtid = parse_gtid(str(info).rpartition("GTID ")[2].split(" ")[0]) if kind == "Gtid" else None
        if gtid and gtid.domain == domain:
            return gtid._replace(seqno=gtid.seqno - 1)
    return None


def pull(seen: Look, login: Login, file: str, position: int, to: Path) -> Path | Unusable:
    """Copy a file of a member's binary log, from this position to its present end, into a folder."""
    secure = () if login.ca is None else (f"--ssl-ca={login.ca}", "--ssl-verify-server-cert")
    target = to / file
    target.unlink(missing_ok=True)
    words = (
        *("mariadb-binlog", f"--defaults-file={login.file}", *secure, "--read-from-remote-server", "--raw"),
        *(f"--host={seen.host}", f"--start-position={position}", f"--result-file={to}/", file),
    )
    try:
        done = child.run(words, timeout=PULL_S)
    except subprocess.TimeoutExpired:
        return Unusable(f"{file} was not read within {PULL_S:.0f} s")
    if done.status != 0 or not target.exists():
        target.unlink(missing_ok=True)
        return Unusable(done.errors.strip() or f"mariadb-binlog ended with status {done.status}")
    return target


def _ask(host: str, login: Login, statement: str) -> Rows | Unusable:
    """Run one statement in a connection of its own."""
    try:
        with connect(host, login) as connection:
            return _rows(connection, statement)
    except (pymysql.Error, OSError) as exc:
        return _refuse(exc)


def _refuse(exc: Exception) -> Unusable:
    return Unusable(str(exc.args[-1]) if exc.args else type(exc).__name__)


def _rows(connection: "pymysql.Connection[Any]", statement: str) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return tuple(cursor.fetchall())
