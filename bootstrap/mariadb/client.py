"""The local server's word about itself, by SQL over its unix socket.

Only status is read, and a shutdown asked for.  No silence of the server is ever taken for its death: the volume's lock
answers that.
"""

import socket
from pathlib import Path

import pymysql
from pymysql.constants import ER

from bootstrap.core.model.disk import NIL_UUID, UNKNOWN_SEQNO, Position
from bootstrap.core.model.facts import Server
from bootstrap.mariadb.accounts import AGENT

TIMEOUT_S = 2
"""Each of connect, read and write; without all three a silent server would hang the handshake for ever."""

_VARIABLES = (
    "wsrep_cluster_status",
    "wsrep_local_state_comment",
    "wsrep_cluster_state_uuid",
    "wsrep_last_committed",
    "wsrep_cluster_size",
)


_GROUP = "wsrep_gcomm_uuid"
"""The provider tells it for as long as it is connected to its group."""


def read_status(path: Path, password: str) -> Server | str:
    """Ask the server behind this socket; returns a reason where there is no answer."""
    names = ",".join(f"'{name}'" for name in (*_VARIABLES, _GROUP))
    try:
        rows = _run(path, password, f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")
    except (pymysql.Error, OSError) as exc:
        return _explain(exc)
    return _parse_server({str(name): str(value) for name, value in rows})


def read_applied_position(path: Path, password: str) -> Position | str:
    """How far the server has come, once it has applied all that was ordered before this call, views too.

    A causal read waits for that (galera gcs_group.cpp, `gcs_group_handle_causal`); a server that lags, or is outside of
    a Primary Component, gives no answer, and the reason is returned.  So does one whose component has weights other
    than 1: there the number of members says nothing about a quorum (R37).
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


def stop(path: Path, password: str) -> str:
    """Have the server shut itself down in order; returns a reason where it refuses, else nothing."""
    try:
        _run(path, password, "SHUTDOWN")
    except (pymysql.Error, OSError) as exc:
        return _explain(exc)
    return ""


def reload_certificates(path: Path, password: str) -> str:
    """Have the server read its certificates again, for clients and for replication; returns a reason where it refuses.

    Connections that are there keep the old ones (MariaDB, "FLUSH SSL"; Galera, `socket.ssl_reload`, since 26.4.8).
    """
    try:
        _run(path, password, "FLUSH NO_WRITE_TO_BINLOG SSL")
        _run(path, password, "SET GLOBAL wsrep_provider_options='socket.ssl_reload=1'")
    except (pymysql.Error, OSError) as exc:
        return _explain(exc)
    return ""


_NOT_CAUSAL = "SET SESSION wsrep_sync_wait=0, wsrep_dirty_reads=ON"
"""A causal read would wait for the very cluster that is to be looked at.

Without dirty reads a server outside of a Primary Component refuses all but SHOW and SET, SHUTDOWN too (error 1047).
"""


def _run(path: Path, password: str, *statements: str, before: str = _NOT_CAUSAL) -> tuple[tuple[object, ...], ...]:
    """Run statements in one session; the rows of the last one.  Raises pymysql.Error, OSError."""
    # pymysql leaves a socket of its own open when the server refuses; this one is closed in any case.
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(TIMEOUT_S)
        stream.connect(str(path))
        connection = pymysql.connect(
            user=AGENT,
            # As bytes: pymysql would encode text as latin-1, and the account was made of UTF-8.
            password=password.encode(),
            read_timeout=TIMEOUT_S,
            write_timeout=TIMEOUT_S,
            init_command=before,
            # Else the certificates of the system's authorities are read for each connection: 11 ms of CPU time.
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
        return f"the server does not tell {missing[0]}: is wsrep_provider loaded?"
    committed = values["wsrep_last_committed"]
    # After "Receiving IST failed, node restart required" the provider leaves its group for good, and the server goes on
    # to say what it said while it was joining: non-Primary, as every healthy joiner does (galera replicator_str.cpp).
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
"""What a server's socket says while there is none, or while it starts."""
