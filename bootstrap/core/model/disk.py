"""Values of a datadir: its position in which history, the view that its server was in, and its condition."""

from enum import StrEnum
from typing import NamedTuple

from bootstrap.core.model.shapes import Count, Token, Uuid, UuidOrNone

NIL_UUID = "00000000-0000-0000-0000-000000000000"
"""Galera's undefined state uuid: never had state, or the state is not to be trusted (galera saved_state.cpp)."""


FULL = "the volume is full"
"""In the detail of a disk: what was found out of it ended with ENOSPC."""

WRONG_VOLUME = "attach the right one"
"""At the end of the detail of a disk: its volume is another pod's, or another cluster's."""

UNKNOWN_SEQNO = -1
"""Galera's undefined seqno (galera `WSREP_SEQNO_UNDEFINED`)."""


class Position(NamedTuple):
    """A point in a cluster's history: which history, and how far."""

    uuid: Uuid
    """The cluster state uuid, lower case, never the nil uuid."""
    seqno: Count
    """The last write set in it, 0 or more."""

    def __str__(self) -> str:
        return f"{self.uuid}:{self.seqno}"


class View(NamedTuple):
    """A Primary view of Galera's group communication, as a member has written it to gvwstate.dat.

    It proves membership, never applied data.
    """

    my_uuid: Token
    """This node's gcomm uuid; gcomm's uuids are of one run of a node, not of the cluster."""
    view_uuid: Token
    """The gcomm uuid of the view's representative."""
    view_seq: int
    """The view's number; it rises only as long as the file survives."""
    bootstrap: bool
    """Whether the view came from a bootstrap."""
    members: tuple[Token, ...]
    """The gcomm uuids of the view's members, in the file's order."""

    @property
    def name(self) -> str:
        """The same at all of its members, and different for every other view."""
        return f"{self.view_uuid}:{self.view_seq}"


class ViewCheckpoint(NamedTuple):
    """A durable note: in this view this member had applied its history up to here, including the view's own change."""

    view: Token
    """The view's name."""
    position: Position
    """At or after the seqno of the view's configuration change; a member that left before it has nothing beyond."""


class LostView(NamedTuple):
    """The view that a disk has lost although its data were in no later one.

    Galera removes it at a stop in order, as when the agent stops a non-Primary server, and a join begins without it.
    If the server has taken part in another view since, its position shows that: each change of a Primary view takes a
    seqno (galera gcs_group.cpp, `gcs_group_act_conf`).
    """

    view: View
    """The last Primary view of these data."""
    position: Position
    """What they held; the disk must be at exactly this position."""
    join_attempted: bool = False
    """A join was permitted since: this pod may have had a vote in a later view, as a newcomer without data."""


class DataClass(StrEnum):
    """The condition of a datadir, one word each."""

    EMPTY = "EMPTY"
    """No database in it."""
    INITIALIZED = "INITIALIZED"
    """A database that this toolkit created and that no cluster has written to yet."""
    SST_INTERRUPTED = "SST_INTERRUPTED"
    """A state transfer began and did not end: the files may look complete and are not."""
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
    UNADOPTED = "UNADOPTED"
    """A whole database that this server may open, and in which InnoDB has no position: it comes from elsewhere."""
    RESTORED = "RESTORED"
    """Data from a backup, which may only start a history of their own."""
    FOREIGN = "FOREIGN"
    """The volume belongs to another cluster or ordinal."""
    UNKNOWN = "UNKNOWN"
    """It cannot be read, or this server must not open it."""


class ObstacleKind(StrEnum):
    """What stands in the way of a server, whatever its data; also the name of the rule that holds."""

    OPTIONS = "options"
    """The server refuses its options, or must not get them."""
    ROOM = "room"
    """The volume has no room for what a join may bring."""


class Obstacle(NamedTuple):
    """Why this pod's server must not be started now; that ends by itself once it is corrected."""

    kind: ObstacleKind
    why: str
    """What is wrong, and what to do."""


class Disk(NamedTuple):
    """A datadir as it was found while no server ran on it."""

    data_class: DataClass
    """Its condition."""
    position: Position | None = None
    """What it holds; None if there is nothing or it is not known (the class shows which)."""
    safe_to_bootstrap: bool = False
    """The flag in grastate.dat, only if uuid and seqno stand beside it (a hint, never a proof)."""
    detail: str = ""
    """One clause for humans: what decided the class."""
    transfer_may_be_complete: bool = False
    """Only with SST_INTERRUPTED: the transfer may have ended, and commits may have followed it up to the position."""
    view: View | None = None
    """The last Primary view of its server; None after a stop in order, which removes it, or if there was none."""
    join_attempted: bool = False
    """Only with a view: a join was begun since, and was abandoned."""
    obstacle: Obstacle | None = None
    """Why the server must not be started on it now, whatever it holds."""

    @property
    def is_out_of_room(self) -> bool:
        """Whether its volume was found full: nothing can be put beside this datadir either."""
        return FULL in self.detail

    @property
    def is_wrong_volume(self) -> bool:
        """Whether its volume belongs elsewhere: what this pod holds is on another one."""
        return self.detail.endswith(WRONG_VOLUME)


class JournalHints(NamedTuple):
    """What the journal knows of a datadir that the files in it do not show; without a journal, all of it is false."""

    joining: bool = False
    """A join was permitted here, and the server was never seen Synced after it."""
    was_synced: bool = False
    """This volume has been a Synced member of a cluster."""
    same_boot: bool = False
    """With `joining`: it is certain that the machine has not booted since that join was permitted."""
    initialised: bool = False
    """This toolkit has created the first database here, or was creating it."""
    base: Position | None = None
    """Where an override permitted a new history to begin here, as long as no server has shown that history."""
    history: UuidOrNone = ""
    """The uuid of that history."""

    @property
    def is_new(self) -> bool:
        """Whether the database was certainly made here and was in no cluster yet; a new journal shows nothing."""
        return self.initialised and not (self.was_synced or self.joining)

    @property
    def is_from_elsewhere(self) -> bool:
        """Whether no server of this toolkit has run on this volume, as far as the journal goes."""
        return not (self.initialised or self.was_synced or self.joining)


STARTABLE = {
    DataClass.CLEAN: 0,
    DataClass.CRASHED: 1,
    DataClass.LOST_GRASTATE: 2,
    DataClass.DDL_CRASH: 3,
}
"""The classes that may start a cluster, with their rank among equal positions."""


UNDECIDABLE = frozenset(
    {DataClass.UNKNOWN, DataClass.UUID_MISMATCH, DataClass.FOREIGN, DataClass.UNADOPTED, DataClass.RESTORED}
)
"""The classes whose position is not known or is not of this cluster."""


ADOPTABLE = frozenset({*STARTABLE, DataClass.UUID_MISMATCH, DataClass.UNADOPTED, DataClass.RESTORED})
"""The classes that an override may make the start of a cluster: this image's server has opened them, or may do so."""


BLANK = frozenset({DataClass.EMPTY, DataClass.SST_INTERRUPTED})
"""The classes that hold no usable data; what was there before, if anything, is gone."""


class Versions(NamedTuple):
    """The series of a member, such as (11, 8); None = not known."""

    server: tuple[int, int] | None = None
    """Of the server that runs on the volume."""
    tables: tuple[int, int] | None = None
    """Of the server that its system tables were made by, or upgraded for."""


NO_VERSIONS = Versions()
"""Nothing is known."""
