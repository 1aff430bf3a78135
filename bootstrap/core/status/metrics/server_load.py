"""What a server reports of its work, for metrics: flow control, queues, conflicts, connections.  Pure.

No decision reads it.  A value that the server does not show, or that is no number, is unknown.
"""

from collections.abc import Mapping
from typing import NamedTuple

VARIABLES = (
    "wsrep_flow_control_paused_ns",
    "wsrep_flow_control_sent",
    "wsrep_local_recv_queue",
    "wsrep_local_cert_failures",
    "wsrep_local_bf_aborts",
    "Threads_connected",
    "Connection_errors_max_connections",
)
"""The status variables to ask for (MariaDB, "Galera Cluster Status Variables" and "Server Status Variables")."""

LIMIT = "max_connections"
"""The system variable that belongs to them."""

DIGITS = 20
"""Of 2^64 - 1, the largest counter."""


class Load(NamedTuple):
    """What a server reports of its work; None = not known."""

    paused_s: float | None = None
    """Seconds for which flow control has stopped it, since its start."""
    pauses_sent: int | None = None
    """How often it has asked the others to stop: the slow member is the one that asks."""
    receive_queue: int | None = None
    """Write sets that have come and are not applied yet."""
    failed_certifications: int | None = None
    """Its own transactions that ended at COMMIT, because another member had changed the same rows."""
    aborts: int | None = None
    """Its own transactions that were aborted by one of another member while they ran."""
    connections: int | None = None
    """Open connections, the agent's among them."""
    refused: int | None = None
    """Clients that found no free connection, since its start."""
    max_connections: int | None = None
    """So many may be open; one more is kept for an administrator."""


NOTHING_KNOWN = Load()


def parse(values: Mapping[str, str]) -> Load:
    """Read the values of VARIABLES and LIMIT; their names in any case."""
    known = {name.lower(): value for name, value in values.items()}

    def count(name: str) -> int | None:
        text = known.get(name)
        return int(text) if text and text.isascii() and text.isdigit() and len(text) <= DIGITS else None

    paused = count("wsrep_flow_control_paused_ns")
    return Load(
        paused_s=None if paused is None else paused / 1e9,
        pauses_sent=count("wsrep_flow_control_sent"),
        receive_queue=count("wsrep_local_recv_queue"),
        failed_certifications=count("wsrep_local_cert_failures"),
        aborts=count("wsrep_local_bf_aborts"),
        connections=count("threads_connected"),
        refused=count("connection_errors_max_connections"),
        max_connections=count(LIMIT),
    )


def describe_full(load: Load) -> str:
    """That a server refuses new clients, and why; empty = it does not, or that is not known."""
    if load.connections is None or load.max_connections is None or load.connections < load.max_connections:
        return ""
    return f"all {load.max_connections} connections are taken, and new clients are refused"
