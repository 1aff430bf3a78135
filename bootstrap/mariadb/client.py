"""What the agent asks of the local server, by SQL over its unix socket: status, a shutdown, new certificates.

A server that does not answer is never taken for dead: the volume's lock shows whether it is.
pymysql is imported when one answers at the socket: no pod spends 40 ms of CPU time on that before the decision.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bootstrap.core.galera.gvwstate import MEMBERS_TABLE
from bootstrap.core.model.disk import NIL_UUID, UNKNOWN_SEQNO, Position
from bootstrap.core.model.facts import Server
from bootstrap.core.status.metrics import server_load
from bootstrap.secret_files import AGENT
from peerfinder.imports import without_openssl

if TYPE_CHECKING:
    import pymysql

TIMEOUT_S = 2
"""For each of connect, read and write; without all three, a server that hangs would block the handshake forever."""

_VARIABLES = (
    "wsrep_cluster_status",
    "wsrep_local_state_comment",
    "wsrep_cluster_state_uuid",
    "wsrep_last_committed",
    "wsrep_cluster_size",
)

_GROUP = "wsrep_gcomm_uuid"
"""The provider shows it as long as it is connected to its group."""


CON_COUNT_ERROR, ACCESS_DENIED_ERROR, UNKNOWN_SYSTEM_VARIABLE = 1040, 1045, 1193
"""Errors that mean more than "no answer" (MariaDB, "MariaDB Error Codes")."""


class SqlError(Exception):
    """An error of the client's library, with its number and its text, or with its text only."""


class Full(NamedTuple):
    """The server lives and has no connection left for the agent."""

    server: Server | None
    """Its state of a moment ago; None: that is not known, or was too long ago."""


class LocalServer:
    """The server behind a socket, asked over one connection that is kept.

    A new login for each look could be kept out by anyone: unauthenticated connections take every place, also the one
    that CONNECTION ADMIN gives (MariaDB, "Handling Too Many Connections"), and a storm of clients does the same on all
    members at once.  A connection that exists cannot be taken away.  One that broke is replaced at the next look.
    """

    def __init__(self, path: Path, password: str) -> None:
        self.path, self.password = path, password
        self._guard = threading.Lock()
        self._connection: pymysql.Connection[Any] | None = None
        self._last: tuple[object, Server, float] | None = None
        """The run of the server, its last state, and when."""
        self._is_full, self.load = False, server_load.NOTHING_KNOWN  # what it reported at the last look

    def read_status(self) -> Server | str:
        """Ask the server for its state; return the reason if there is no answer."""
        names = ",".join(f"'{name}'" for name in (*_VARIABLES, _GROUP, *server_load.VARIABLES))
        life, self.load = _identify(self.path), server_load.NOTHING_KNOWN
        try:
            rows = self._run(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")
            limit = self._run(f"SHOW GLOBAL VARIABLES LIKE '{server_load.LIMIT}'")
        except (SqlError, OSError) as exc:
            self._is_full = _code_of(exc) == CON_COUNT_ERROR
            return _explain(exc)
        self._is_full = False
        values = {str(name): str(value) for name, value in (*rows, *limit)}
        found, self.load = _parse_server(values), server_load.parse(values)
        self._last = (life, found, time.monotonic()) if isinstance(found, Server) else None
        return found

    @property
    def full(self) -> Full | None:
        """Whether the last look met a server that has no connection left, and its state before that.

        That answer comes from a living server, so what it was counts for REMEMBERED_S.  Not longer: a server that
        nobody can ask may have left its group.  And not for another run of the server.
        """
        last = self._last
        if not self._is_full:
            return None
        if last is None or last[0] != _identify(self.path) or time.monotonic() - last[2] > REMEMBERED_S:
            return Full(None)
        return Full(last[1])

    def read_applied_position(self) -> Position | str:
        """Return the server's position after it has applied all that was ordered before this call, views too.

        A causal read waits for that (galera gcs_group.cpp, `gcs_group_handle_causal`).  A server that lags, or that is
        not in a Primary Component, gives no answer; then return the reason.  Return a reason also if its component has
        weights other than 1, because then the number of members does not show whether there is a quorum (R37).
        """
        names = ",".join(f"'{name}'" for name in (*_VARIABLES, "wsrep_cluster_weight"))
        try:
            rows = self._run(
                "SELECT 1", f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})", before=_CAUSAL, after=_NOT_CAUSAL
            )
        except (SqlError, OSError) as exc:
            return _explain(exc)
        values = {str(name): str(value) for name, value in rows}
        found = _parse_server(values)
        if isinstance(found, str):
            return found
        if values.get("wsrep_cluster_weight") != str(found.size):
            return f"the weights of its component are not 1: {values.get('wsrep_cluster_weight')} of {found.size}"
        return (found.is_primary and found.position) or f"it is {found.cluster_status}"

    def read_members(self) -> tuple[str, tuple[tuple[str, str], ...]] | str:
        """Return the gcomm uuid of this run of the server, and that and the name of each member of its component.

        The server writes the table at each change of the view (MariaDB wsrep_schema.cc, `Wsrep_schema::store_view`).
        Return the reason if there is no answer.
        """
        group = f"SELECT VARIABLE_VALUE, NULL FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = '{_GROUP}'"  # noqa: S608  # constants
        try:
            rows = self._run(f"SELECT node_uuid, node_name FROM {MEMBERS_TABLE} UNION ALL {group}")  # noqa: S608
        except (SqlError, OSError) as exc:
            return _explain(exc)
        own = next((str(uuid) for uuid, name in rows if name is None), "")
        return own, tuple(sorted((str(uuid), str(name)) for uuid, name in rows if name is not None))

    def stop(self) -> str:
        """Have the server shut itself down cleanly; return a reason if it refuses, else an empty text."""
        try:
            self._run(_NOT_CAUSAL, "SHUTDOWN")
        except (SqlError, OSError) as exc:
            return _explain(exc)
        self.close()
        return ""

    def reload_certificates(self) -> str:
        """Have the server read its certificates again, for clients and for replication; return a reason if it refuses.

        Existing connections keep the old ones (MariaDB, "FLUSH SSL"; Galera, `socket.ssl_reload`, since 26.4.8).
        """
        try:
            self._run("FLUSH NO_WRITE_TO_BINLOG SSL")
            self._reload_replication()
        except (SqlError, OSError) as exc:
            return _explain(exc)
        return ""

    def _reload_replication(self) -> None:
        """Have the provider read its certificates.  Raises SqlError, OSError.

        From 11.4 on the provider's options are variables of their own, and then cannot be set as one text (MariaDB,
        "WSREP Provider Plugin").
        """
        try:
            self._run("SET GLOBAL wsrep_provider_socket_ssl_reload=ON")
        except SqlError as exc:
            if _code_of(exc) != UNKNOWN_SYSTEM_VARIABLE:
                raise
            self._run("SET GLOBAL wsrep_provider_options='socket.ssl_reload=1'")

    def close(self) -> None:
        """Close the connection."""
        with self._guard:
            self._close()

    def _run(self, *statements: str, before: str = "", after: str = "") -> tuple[tuple[object, ...], ...]:
        """Run statements in one session and return the rows of the last one.  Raises SqlError, OSError.

        A kept connection that has ended, with its server or by KILL, shows that at the first statement and at once:
        then a new one is made.  One that waits in vain is not tried again: a server that hangs must be seen in time.
        """
        with self._guard:
            first, *more = (statement for statement in (before, *statements) if statement)
            try:
                rows = self._begin(first)
                for statement in more:
                    rows = _execute(self._connection, statement)
                if after:
                    _execute(self._connection, after)
            except BaseException:
                # Nobody knows what state its session is in.
                self._close()
                raise
            return rows

    def _begin(self, statement: str) -> tuple[tuple[object, ...], ...]:
        if self._connection is not None:
            try:
                return _execute(self._connection, statement)
            except (SqlError, OSError) as exc:
                self._close()
                if isinstance(exc, TimeoutError):
                    raise
        self._connection = _log_in(self.path, self.password)
        return _execute(self._connection, statement)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(SqlError, OSError), _library_errors():
                connection.close()


REMEMBERED_S = 30.0
"""Seconds for which the last state of a server counts that has no connection left; as long as any observation."""

_NOT_CAUSAL = "SET SESSION wsrep_sync_wait=0, wsrep_dirty_reads=ON"
"""A causal read would wait for the cluster whose state is asked for.

Without dirty reads, a server that is not in a Primary Component refuses all but SHOW and SET, also SHUTDOWN (error
1047).
"""

_CAUSAL = "SET SESSION wsrep_sync_wait=1, wsrep_dirty_reads=OFF"

MAX_NAME = 32
"""A server's name with so many characters may have been cut (mysql.wsrep_cluster_members, `node_name`)."""


def _log_in(path: Path, password: str) -> "pymysql.Connection[Any]":
    """Open a connection.  Raises SqlError, OSError."""
    stream = socket.socket(socket.AF_UNIX)
    try:
        stream.settimeout(TIMEOUT_S)
        stream.connect(str(path))
        with without_openssl():
            import pymysql  # noqa: PLC0415  # see the top of this file
        connection = pymysql.connect(
            user=AGENT,
            # As bytes: pymysql would encode text as latin-1, and the account was created with UTF-8.
            password=password.encode(),
            read_timeout=TIMEOUT_S,
            write_timeout=TIMEOUT_S,
            # A user may have set a short global timeout for clients that rest.
            init_command=f"{_NOT_CAUSAL}, wait_timeout=86400",
            # Otherwise each connection reads the certificates of the system's authorities: 11 ms of CPU time.
            ssl_disabled=True,
            # Or the first look would begin a transaction, and every later one would see the members of that moment.
            autocommit=True,
            defer_connect=True,
        )
        with _library_errors():
            connection.connect(stream)
    except BaseException:
        # pymysql does not close its own socket when the server refuses.
        stream.close()
        raise
    return connection


def _execute(connection: "pymysql.Connection[Any] | None", statement: str) -> tuple[tuple[object, ...], ...]:
    if connection is None:
        raise OSError("there is no connection")
    with _library_errors(), connection.cursor() as cursor:
        cursor.execute(statement)
        return tuple(cursor.fetchall())


@contextlib.contextmanager
def _library_errors() -> Iterator[None]:
    """Raise an error of pymysql as SqlError, or as the TimeoutError behind it."""
    import pymysql  # noqa: PLC0415  # see the top of this file

    try:
        yield
    except pymysql.Error as exc:
        raise (TimeoutError if isinstance(exc.__context__, TimeoutError) else SqlError)(*exc.args) from exc


def _identify(path: Path) -> object:
    """Return what differs between two runs of the server: each makes its socket itself."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns


def _code_of(exc: Exception) -> object:
    return exc.args[0] if isinstance(exc, SqlError) and exc.args else None


def _parse_server(values: dict[str, str]) -> Server | str:
    if missing := [name for name in _VARIABLES if name not in values]:
        return f"the server does not report {missing[0]}: is wsrep_provider loaded?"
    committed = values["wsrep_last_committed"]
    # After "Receiving IST failed, node restart required" the provider leaves its group and does not come back.  The
    # server still reports non-Primary, as it did while it was joining, and as every healthy joiner does (galera
    # replicator_str.cpp).
    lost = values["wsrep_cluster_status"] == "non-Primary" and not values.get(_GROUP)
    return Server(
        cluster_status="Disconnected" if lost else values["wsrep_cluster_status"],
        local_state=values["wsrep_local_state_comment"],
        uuid=values["wsrep_cluster_state_uuid"].lower() or NIL_UUID,
        # An undefined seqno is shown as 2^64-1 by some versions and as -1 by others.
        last_committed=int(committed) if committed.isdigit() and int(committed) < 2**63 else UNKNOWN_SEQNO,
        size=int(values["wsrep_cluster_size"]) if values["wsrep_cluster_size"].isdigit() else 0,
    )


def _explain(exc: Exception) -> str:
    if _code_of(exc) == ACCESS_DENIED_ERROR:
        return f"the server refuses {AGENT}: the agent-password is not the one it was initialised with"
    if _code_of(exc) == CON_COUNT_ERROR:
        return f"it has no connection left ({exc.args[-1]}): raise max_connections, or find out what opens so many"
    return str(exc.args[-1]) if exc.args else type(exc).__name__


STARTING = ("No such file", "Connection refused", "timed out")
"""Errors at a server's socket while there is no server, or while it starts."""
