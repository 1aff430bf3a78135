"""The local server's word about itself, by SQL over its unix socket.

Only status is read; no silence of the server is ever taken for its death (the volume's lock answers that).
"""

from pathlib import Path

import pymysql
from pymysql.constants import ER

from bootstrap.facts import NIL_UUID, UNKNOWN_SEQNO, Server

ACCOUNT = "galera_agent"
"""The account that the first initialisation creates for the agent; it may read status and nothing else."""

TIMEOUT_S = 2
"""Each of connect, read and write; without all three a silent server would hang the handshake for ever."""

_VARIABLES = (
    "wsrep_cluster_status",
    "wsrep_local_state_comment",
    "wsrep_cluster_state_uuid",
    "wsrep_last_committed",
    "wsrep_cluster_size",
)


def status(socket: Path, password: str) -> Server | str:
    """Ask the server behind this socket; returns a reason where there is no answer."""
    try:
        connection = pymysql.connect(
            unix_socket=str(socket),
            user=ACCOUNT,
            password=password,
            connect_timeout=TIMEOUT_S,
            read_timeout=TIMEOUT_S,
            write_timeout=TIMEOUT_S,
            # A causal read would wait for the very cluster that is to be looked at.
            init_command="SET SESSION wsrep_sync_wait=0",
        )
    except (pymysql.Error, OSError) as exc:
        return _reason(exc)
    try:
        with connection, connection.cursor() as cursor:
            names = ",".join(f"'{name}'" for name in _VARIABLES)
            cursor.execute(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")
            return _server({str(name): str(value) for name, value in cursor.fetchall()})
    except (pymysql.Error, OSError) as exc:
        return _reason(exc)


def _server(values: dict[str, str]) -> Server | str:
    if missing := [name for name in _VARIABLES if name not in values]:
        return f"the server does not tell {missing[0]}: is wsrep_provider loaded?"
    committed = values["wsrep_last_committed"]
    return Server(
        cluster_status=values["wsrep_cluster_status"],
        local_state=values["wsrep_local_state_comment"],
        uuid=values["wsrep_cluster_state_uuid"].lower() or NIL_UUID,
        # An undefined seqno is shown as 2^64-1 by some versions and as -1 by others.
        last_committed=int(committed) if committed.isdigit() and int(committed) < 2**63 else UNKNOWN_SEQNO,
        size=int(values["wsrep_cluster_size"]) if values["wsrep_cluster_size"].isdigit() else 0,
    )


def _reason(exc: Exception) -> str:
    if isinstance(exc, pymysql.Error) and exc.args and exc.args[0] == ER.ACCESS_DENIED_ERROR:
        return f"the server refuses {ACCOUNT}: the agent-password is not the one it was initialised with"
    return str(exc.args[-1]) if exc.args else type(exc).__name__
