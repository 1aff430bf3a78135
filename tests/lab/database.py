"""SQL to a lab's servers: queries, and a server's own view of its cluster.

The lab asks the servers itself, so that a wrong status command cannot hide a wrong cluster.
"""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import pymysql

from tests.lab.layout import Layout
from tests.lab.pod import Pod

Row = tuple[Any, ...]
Connection: TypeAlias = "pymysql.connections.Connection[pymysql.cursors.Cursor]"

VARIABLES = (
    "wsrep_cluster_status",
    "wsrep_local_state_comment",
    "wsrep_cluster_size",
    "wsrep_cluster_state_uuid",
    "wsrep_last_committed",
)


@dataclass(frozen=True)
class Server:
    """A server's own view of its cluster."""

    cluster_status: str
    """Primary, non-Primary or Disconnected."""
    local_state: str
    """wsrep_local_state_comment: Synced, Donor/Desynced, Joining, ..."""
    cluster_size: int
    """Members of its component."""
    uuid: str
    """wsrep_cluster_state_uuid."""
    last_committed: int
    """wsrep_last_committed."""

    @property
    def is_primary(self) -> bool:
        return self.cluster_status == "Primary"

    def is_synced_in(self, size: int) -> bool:
        """Whether it is a Synced member of a Primary Component of that size."""
        return self.is_primary and self.local_state == "Synced" and self.cluster_size == size


def query(pod: Pod, layout: Layout, *statements: str, seconds: int = 10, sync_wait: int = 0) -> list[Row]:
    """Run statements in one session as root over the pod's own socket; returns the rows of the last statement.

    Raises pymysql.Error or OSError.
    """
    with open_session(pod, layout, seconds=seconds, sync_wait=sync_wait) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


@contextmanager
def open_session(pod: Pod, layout: Layout, *, seconds: int = 10, sync_wait: int = 0) -> Iterator[Connection]:
    """Open a session as root over the pod's own socket; raises pymysql.Error or OSError."""
    # pymysql does not close its own socket if the connection is refused.
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(2.0)
        stream.connect(str(pod.folders.socket))
        with closing(_make_connection(layout, seconds, sync_wait)) as connection:
            connection.connect(stream)
            yield connection


def _make_connection(layout: Layout, seconds: int, sync_wait: int) -> Connection:
    return pymysql.connect(
        user="root",
        password=layout.read_secret("root-password"),
        read_timeout=seconds,
        write_timeout=seconds,
        autocommit=True,
        # With wsrep_sync_wait, a query would hang exactly when the cluster has a fault.
        init_command=f"SET SESSION wsrep_sync_wait={sync_wait}",
        # Otherwise each connection reads the certificates of the system's authorities: a third of a lab's CPU time.
        ssl_disabled=True,
        defer_connect=True,
    )


def read_server(pod: Pod, layout: Layout) -> Server | None:
    """Ask the pod's server for its view; None if it does not answer."""
    if not pod.folders.socket.exists():
        return None
    wanted = ", ".join(f"'{name}'" for name in VARIABLES)
    statement = f"SHOW GLOBAL STATUS WHERE Variable_name IN ({wanted})"
    try:
        values: dict[str, str] = dict(query(pod, layout, statement, seconds=3))
        return Server(
            values["wsrep_cluster_status"],
            values["wsrep_local_state_comment"],
            int(values["wsrep_cluster_size"]),
            values["wsrep_cluster_state_uuid"],
            int(values["wsrep_last_committed"]),
        )
    except (pymysql.Error, OSError, KeyError):
        return None
