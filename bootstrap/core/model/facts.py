"""What has been observed of a server and of the pods; what is not known is a value of its own.

Pure values that only answer small questions about themselves.  Nothing here reads a file, a clock or a socket.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from bootstrap.core.model.disk import (
    NIL_UUID,
    NO_VERSIONS,
    UNKNOWN_SEQNO,
    Disk,
    Position,
    Versions,
    View,
    ViewCheckpoint,
)
from bootstrap.core.model.shapes import Count, Ordinal, PodName, Seqno, Token, Uuid, UuidOrNone
from bootstrap.core.model.unknown import Unknown


class Phase(StrEnum):
    """What a pod is doing, as its own agent knows it."""

    STARTING = "starting"
    """No server, and the datadir has not been read since the last one."""
    RECOVERING = "recovering"
    """No server; the datadir is being read, however long that takes."""
    FROZEN = "frozen"
    """No server, and none will be started before this agent has decided."""
    BOOTSTRAPPING = "bootstrapping"
    """A starter has taken the permission to bootstrap; the server is not Primary yet."""
    JOINING = "joining"
    """A starter has taken the permission to join; the server does not answer yet."""
    RUNNING = "running"
    """A server is alive and answers."""
    UNKNOWN = "unknown"
    """Something is alive on the volume and does not answer."""


ABSENT = frozenset({Phase.STARTING, Phase.RECOVERING, Phase.FROZEN})
"""The phases that prove that no server lives on the volume."""


SYNCED, DONOR = "Synced", "Donor/Desynced"
"""States of a server that has all data; a donor gives them to a joiner (wsrep_local_state_comment)."""


@dataclass(frozen=True, slots=True)
class Server:
    """What a live server reports of itself (`SHOW GLOBAL STATUS LIKE 'wsrep_%'`)."""

    cluster_status: str
    """`wsrep_cluster_status`: Primary, non-Primary or Disconnected."""
    local_state: str
    """`wsrep_local_state_comment`: Synced, Donor/Desynced, Joined, ..."""
    uuid: Uuid
    """`wsrep_cluster_state_uuid`."""
    last_committed: Seqno
    """`wsrep_last_committed`; -1 if the server does not know it."""
    size: int
    """`wsrep_cluster_size`."""
    view: View | None = None
    """The last Primary view that it has written, if it is non-Primary now."""

    @property
    def position(self) -> Position | None:
        """What it has committed; None if it does not know that itself."""
        known = self.uuid != NIL_UUID and self.last_committed != UNKNOWN_SEQNO
        return Position(self.uuid, self.last_committed) if known else None

    @property
    def has_complete_data(self) -> bool:
        """Whether its data are complete, as a Synced member's or a donor's are."""
        return self.local_state in (SYNCED, DONOR)

    @property
    def is_primary(self) -> bool:
        """Whether it is in a Primary Component whose history has a uuid."""
        return self.cluster_status == "Primary" and self.uuid != NIL_UUID


class Promise(NamedTuple):
    """The durable statement of a pod: only this candidate, in this run of its agent, may bootstrap."""

    term: int
    """Rises with every attempt; a Primary Component carries the term of its bootstrap as its epoch."""
    candidate: Ordinal
    """The ordinal that may bootstrap."""
    run_id: Token
    """The run of the candidate's agent that asked."""


class Fork(NamedTuple):
    """Where an override began a new history."""

    parent: UuidOrNone
    """The history that it was forked from; empty if that has no uuid, as with adopted data."""
    seqno: Seqno
    """The last write set of the parent that the new history contains."""
    epoch: int
    """The term in which the new history's first Primary Component was bootstrapped."""
    uuid: Uuid
    """The new history, chosen before its server starts: other data cannot be taken for it."""


class BootstrapPoint(NamedTuple):
    """Where a Primary Component was bootstrapped, in a history that had begun before."""

    uuid: Uuid
    """The history."""
    seqno: Count
    """What the candidate's disk held: this Primary Component ordered what follows."""
    epoch: int
    """The term in which it was bootstrapped; two copies of a volume may use the same one."""
    run_id: Token
    """The run of the candidate's agent, which makes it unique."""


Bootstraps = tuple[BootstrapPoint, ...]
"""The bootstraps that led to some data, the oldest first; see `branches`."""


class Override(NamedTuple):
    """A human's order: this pod starts a new history from its data, without the unreachable pods."""

    epoch: int
    """The term that it is for; it ends with this pod's candidacy in that term."""
    base: Position | None
    """What this pod's disk holds, the new history's start; None if adopted data have no position."""
    unreachable: frozenset[Ordinal] = frozenset()
    """The ordinals that did not answer: what only they hold is given up."""
    accepted_ahead: frozenset[Ordinal] = frozenset()
    """The ordinals that answered and may hold more: what only they hold is given up, too."""
    adopt: bool = False
    """The data ran without this toolkit: accounts must be made in them first."""
    history: UuidOrNone = ""
    """The uuid of the new history; empty only while it is asked what an override would need."""


def find_primary(phase: Phase, server: Server | None) -> Server | None:
    """The live server of a pod in this phase, if it is in a Primary Component."""
    return server if phase is Phase.RUNNING and server and server.is_primary else None


@dataclass(frozen=True, slots=True)
class PodState:
    """What one agent reports of its own pod."""

    pod: PodName
    """The pod's name."""
    ordinal: Ordinal
    """Its ordinal in the StatefulSet."""
    run_id: Token
    """Random for each run of the agent."""
    volume_id: Token
    """Random for each volume; a replaced volume has another one."""
    phase: Phase
    """What the pod is doing."""
    disk: Disk | None = None
    """What was found on the datadir; None while a server runs, or before the datadir was read."""
    server: Server | None = None
    """What the live server reports; None if there is none or it does not answer."""
    joining: bool = False
    """A join was permitted, and has not ended yet; the live Primary Component held everything that this disk held."""
    was_synced: bool = False
    """This volume has been a Synced member of a cluster."""
    epoch: int = 0
    """The term of the Primary Component that this volume was last a Synced member of; 0 = none yet."""
    joined_epoch: int = 0
    """The term of the Primary Component that a join was permitted to, until this pod is settled in it."""
    abandoned_term: int = 0
    """The highest term under which this run of the agent will not bootstrap (any more)."""
    promise: Promise | None = None
    """The promise that binds this pod now."""
    expected: frozenset[Ordinal] = frozenset()
    """The ordinals that this pod expects by its own knowledge; what others have reported is not repeated."""
    volumes: tuple[tuple[Ordinal, Token], ...] = ()
    """(ordinal, volume id) of the members seen while this pod was in a Primary Component; empty = not known."""
    lineage: tuple[Fork, ...] = ()
    """The forks that led to the history on this disk, the oldest first, and to one that it may have joined since."""
    bootstraps: Bootstraps = ()
    """The bootstraps that led to what is on this disk, or may be, the oldest first; only the newest are kept."""
    override: Override | None = None
    """The override under which this pod is the candidate."""
    view_checkpoint: ViewCheckpoint | None = None
    """How far this volume had certainly come in the newest view that it was seen in."""
    has_foreign_members: bool = False
    """A component that this volume was in has had members that are no pods of this set: an arbitrator, or a guest."""
    data_bytes: Count | None = None
    """What the datadir of a member takes on its volume: a joiner needs about as much; None = not known."""
    versions: Versions = NO_VERSIONS
    """The series of a member's server, and of its system tables."""

    @property
    def has_no_server(self) -> bool:
        """Whether it is proven that no server lives on this pod's volume."""
        return self.phase in ABSENT

    @property
    def primary_server(self) -> Server | None:
        """The live server, if it is in a Primary Component."""
        return find_primary(self.phase, self.server)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a decision rests on."""

    own: PodState
    """This pod."""
    peers: dict[int, PodState | Unknown]
    """The other expected ordinals; an ordinal that is not in it is unknown."""
    min_epoch: int = 0
    """Data of an older epoch than this do not start a cluster (MIN_EPOCH)."""
    last_one_out: bool = False
    """Whether a pod that stopped as the only member may start without the others' answers (`last-one-out`)."""
    expect_data: bool = False
    """Whether the volumes have had data before this toolkit has started anything on them (EXPECT_DATA)."""
    is_primary_confirmed: bool = False
    """Whether the round before has heard the same Primary Component."""
    has_primary_kept_quorum: bool = False
    """Whether it has not changed for so long that it would have noticed the loss of its quorum by now."""
    has_directory: bool = True
    """Whether DNS, or peer-finder, has shown in this run of the agent which pods there are."""

    @property
    def expected(self) -> frozenset[int]:
        """The ordinals that must answer: those that have been asked, and those that any pod that answered expects."""
        known = self.states
        return frozenset({pod.ordinal for pod in known} | self.peers.keys()).union(*(pod.expected for pod in known))

    @property
    def answers(self) -> list[PodState]:
        """The peers that answered, by ordinal."""
        return [peer for _, peer in sorted(self.peers.items()) if isinstance(peer, PodState)]

    @property
    def states(self) -> list[PodState]:
        """This pod and the peers that answered, by ordinal."""
        return sorted([self.own, *self.answers], key=lambda pod: pod.ordinal)

    def peer(self, ordinal: int) -> PodState | Unknown:
        """What is known of an ordinal."""
        return self.peers.get(ordinal, Unknown("not asked yet"))
