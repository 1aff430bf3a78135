"""What the agent asks of the local server, by SQL over its unix socket: status, a shutdown, new certificates.

A server that does not answer is never taken for dead: the volume's lock shows whether it is.
"""

import socket
from pathlib import Path

import pymysql
from pymysql.constants import ER

from bootstrap.core.galera.gvwstate import MEMBERS_TABLE
from bootstrap.core.model.disk import NIL_UUID, UNKNOWN_SEQNO, Position
from bootstrap.core.model.facts import Server
from bootstrap.secret_files import AGENT

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


def read_status(path: Path, password: str) -> Server | str:
    """Ask the server behind this socket for its state; return the reason if there is no answer."""
    names = ",".join(f"'{name}'" for name in (*_VARIABLES, _GROUP))
    try:
        rows = _run(path, password, f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")
    except (pymysql.Error, OSError) as exc:
        return _explain(exc)
    return _parse_server({str(name): str(value) for name, value in rows})


def read_applied_position(path: Path, password: str) -> Position | str:
    """Return the server's position after it has applied all that was ordered before this call, views too.

    A causal read waits for that (galera gcs_group.cpp, `gcs_group_handle_causal`).  A server that lags, or that is not
    in a Primary Component, gives no answer; then return the reason.  Return a reason also if its component has weights
    other than 1, because then the number of members does not show whether there is a quorum (R37).
    """
    names = ",".join(f"'{name}'" for name in (*_VARIABLES, "wsrep_cluster_weight"))
    causal = "SET SESSION wsrep_sync_wait=1, wsrep_dirty_reads=OFF"
    try:
        rows = _run(path, password, "SELECT 1", f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})", before=causal)
    except (pymysql.Error, OSError) as exc:
        return _explain(exc)
    values = {str(name): str(value) for name, value in rows}
    found = _parse_server(values)
    if isinstance(found, str):
        return found
    if values.get("wsrep_cluster_weight") != str(found.size):
        return f"the weights of its component are not 1: {values.get('wsrep_cluster_weight')} of {found.size}"
    return (found.is_primary and found.position) or f"it is {found.cluster_status}"


MAX_NAME = 32
"""A server's name with so many characters may have been cut (mysql.wsrep_cluster_members, `node_name`)."""


def read_members(path: Path, password: str) -> tuple[str, tuple[tuple[str, str], ...]] | str:
    """Return the gcomm uuid of this run of the server, and that and the name of each member of its component.

    The server writes the table at each change of the view (MariaDB wsrep_schema.cc, `Wsrep_schema::store_view`).
    Return the reason if there is no answer.
    """
    group = f"SELECT VARIABLE_VALUE, NULL FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = '{_GROUP}'"  # noqa: S608  # constants
    try:
        rows = _run(path, password, f"SELECT node_uuid, node_name FROM {MEMBERS_TABLE} UNION ALL {group}")  # noqa: S608
    except (pymysql.Error, OSError) as exc:
        return _explain(exc)
    own = next((str(uuid) for uuid, name in rows if name is None), "")
    return own, tuple(sorted((str(uuid), str(name)) for uuid, name in rows if name is not None))


def stop(path: Path, password: str) -> str:
    """Have the server shut itself down cleanly; return a reason if it refuses, else an empty text."""
    try:
        _run(path, password, "SHUTDOWN")
    except (pymysql.Error, OSError) as exc:
        return _explain(exc)
    return ""


def reload_certificates(path: Path, password: str) -> str:
    """Have the server read its certificates again, for clients and for replication; return a reason if it refuses.

    Existing connections keep the old ones (MariaDB, "FLUSH SSL"; Galera, `socket.ssl_reload`, since 26.4.8).
    """
    try:
        _run(path, password, "FLUSH NO_WRITE_TO_BINLOG SSL")
        _run(path, password, "SET GLOBAL wsrep_provider_options='socket.ssl_reload=1'")
    except (pymysql.Error, OSError) as exc:
        return _explain(exc)
    return ""


_NOT_CAUSAL = "SET SESSION wsrep_sync_wait=0, wsrep_dirty_reads=ON"
"""A causal read would wait for the cluster whose state is asked for.

Without dirty reads, a server that is not in a Primary Component refuses all but SHOW and SET, also SHUTDOWN (error
1047).
"""


def _run(path: Path, password: str, *statements: str, before: str = _NOT_CAUSAL) -> tuple[tuple[object, ...], ...]:
    """Run statements in one session and return the rows of the last one.  Raises pymysql.Error, OSError."""
    # pymysql does not close its own socket when the server refuses; this one is closed in any case.
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(TIMEOUT_S)
        stream.connect(str(path))
        connection = pymysql.connect(
            user=AGENT,
            # As bytes: pymysql would encode text as latin-1, and the account was created with UTF-8.
            password=password.encode(),
            read_timeout=TIMEOUT_S,
            write_timeout=TIMEOUT_S,
            init_command=before,
            # Otherwise each connection reads the certificates of the system's authorities: 11 ms of CPU time.
            ssl_disabled=True,
            defer_connect=True,
        )
        connection.connect(stream)
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return tuple(cursor.fetchall())


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
    if isinstance(exc, pymysql.Error) and exc.args and exc.args[0] == ER.ACCESS_DENIED_ERROR:
        return f"the server refuses {AGENT}: the agent-password is not the one it was initialised with"
    return str(exc.args[-1]) if exc.args else type(exc).__name__


STARTING = ("No such file", "Connection refused", "timed out")
"""Errors at a server's socket while there is no server, or while it starts."""
