"""What has been observed of a disk, a server and a peer; what is not known is a value of its own.

Pure values without behaviour beyond small questions about themselves.  Nothing here reads a file, a clock or a socket.
"""

from dataclasses import dataclass
from enum import StrEnum

NIL_UUID = "00000000-0000-0000-0000-000000000000"
"""Galera's undefined state uuid: never had state, or the state is not to be trusted (galera saved_state.cpp)."""

UNKNOWN_SEQNO = -1
"""Galera's undefined seqno (galera `WSREP_SEQNO_UNDEFINED`)."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A point in a cluster's history: which history, and how far."""

    uuid: str
    """The cluster state uuid, lower case, never the nil uuid."""
    seqno: int
    """The last write set in it, 0 or more."""

    def __str__(self) -> str:
        return f"{self.uuid}:{self.seqno}"


class DataClass(StrEnum):
    """The condition of a datadir, one word each."""

    EMPTY = "EMPTY"
    """No database in it."""
    INITIALIZED = "INITIALIZED"
    """A database that this toolkit created and that no cluster has written to yet."""
    SST_INTERRUPTED = "SST_INTERRUPTED"
    """A state transfer began and did not end: the files may look whole and are not."""
    CLEAN = "CLEAN"
    """Stopped in order: grastate.dat and InnoDB agree on the position."""
    CRASHED = "CRASHED"
    """Killed while running: the position is InnoDB's."""
    DDL_CRASH = "DDL_CRASH"
    """Killed inside a DDL (grastate.dat has the nil uuid), or voted out: the position is InnoDB's."""
    LOST_GRASTATE = "LOST_GRASTATE"
    """grastate.dat is gone, the data and InnoDB's position are there."""
    INCONSISTENT = "INCONSISTENT"
    """The cluster voted this copy wrong."""
    UUID_MISMATCH = "UUID_MISMATCH"
    """grastate.dat and InnoDB name two histories."""
    FOREIGN = "FOREIGN"
    """The volume belongs to another cluster or ordinal."""
    UNKNOWN = "UNKNOWN"
    """The position could not be found out."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A datadir as it was found while no server ran on it."""

    data_class: DataClass
    """Its condition."""
    position: Position | None = None
    """What it holds; None where there is nothing or it is not known (the class tells which)."""
    safe_to_bootstrap: bool = False
    """The flag in grastate.dat, only where uuid and seqno stand beside it (a hint, never a proof)."""
    detail: str = ""
    """One clause for humans: the sign that decided the class."""
