"""What a volume remembers over crashes, and how it is learnt: from a round, from a disk, by a permission.  Pure.

`journal` makes it durable; the model checker drives these functions as the agent does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bootstrap.core.decision import quorum
from bootstrap.core.model import lineage
from bootstrap.core.model.disk import UNKNOWN_SEQNO, Disk, LostView, ViewCheckpoint
from bootstrap.core.model.facts import Fork, Override, PodState, Promise, Server
from bootstrap.core.model.predicates import STARTABLE
from bootstrap.core.model.shapes import Ordinal, PodName, Token, UuidOrNone

Volumes = tuple[tuple[int, str], ...]
"""(ordinal, volume id), by ordinal."""


@dataclass(frozen=True, slots=True)
class PersistentState:
    """The content of the journal."""

    cluster_id: str
    """The cluster that this volume belongs to."""
    pod: PodName
    """The pod that it belongs to."""
    volume_id: Token
    """Random, made with the journal: tells a replaced volume from the one that was there before."""
    initialised: bool = False
    """This toolkit has created, or was creating, the first database on this volume."""
    joining_boot_id: Token = ""
    """A join was permitted in this life of the machine, and Synced has not been seen since; empty = no join is open."""
    history_uuid: UuidOrNone = ""
    """The history that this volume was last a Synced member of; empty = none yet."""
    epoch: int = 0
    """The term in which that history's Primary Component was bootstrapped."""
    joined_epoch: int = 0
    """The epoch of the Primary Component under which a join was permitted last: whoever told it may be gone by then."""
    promise: Promise | None = None
    """The promise that binds this pod."""
    highest_term: int = 0
    """The highest term that this pod has ever promised, to itself or to others; no term is used twice."""
    volumes: tuple[tuple[Ordinal, Token], ...] = ()
    """(ordinal, volume id) of the peers seen while in a Primary Component."""
    lineage: tuple[Fork, ...] = ()
    """The forks that led to this volume's history; one without a uuid was permitted and has not been seen since."""
    override: Override | None = None
    """The operator's word under which this pod stands for election; worth nothing without the promise beside it."""
    view_checkpoint: ViewCheckpoint | None = None
    """How far this volume had certainly come in the newest view that it was seen in."""
    has_foreign_members: bool = False
    """A component that this volume was in has had members that are no pods of this set."""
    lost_view: LostView | None = None
    """The view that these data have lost by a stop or a join; None once a Primary was seen here, or may bootstrap."""
    overrides: tuple[str, ...] = ()
    """What operators have decided here, a line each, for humans."""


def after_round(
    memory: PersistentState, own: PodState, heard: Sequence[PodState], *, durable: bool, awaited: frozenset[int]
) -> PersistentState:
    """What a round teaches: in a Primary Component its epoch, its history and its members' volumes.

    `durable` says that what a state transfer wrote is; `awaited` are those whom the settings and DNS name.
    """
    server = own.primary_server
    if server is None:
        return replace(memory, volumes=add_founders(memory, [r for r in heard if r.primary_server]))
    memory = replace(memory, lost_view=None)
    settled = server.has_complete_data and durable
    volumes = {r.ordinal: r.volume_id for r in heard if r.volume_id}
    if not (settled and memory.history_uuid and memory.history_uuid != server.uuid):
        # Else it is another history, by an operator's word: who was seen in the one before was given up, or comes.
        volumes = dict(memory.volumes) | volumes
    away = scaled_away(memory, server, heard, awaited)
    members = tuple(sorted((o, v) for o, v in volumes.items() if o not in away))
    if not settled:
        return replace(memory, volumes=members)
    # What is on this disk now is this history, of this epoch, of this origin and of these members.
    forks = lineage.ancestry(
        (*lineage.resolve_pending(memory.lineage, server.uuid), *forks_of_primaries(heard)), server.uuid
    )
    epoch = current_epoch(memory, own.ordinal, server, heard)
    return replace(memory, epoch=epoch, history_uuid=server.uuid, joining_boot_id="", lineage=forks, volumes=members)


def add_founders(memory: PersistentState, founders: Sequence[PodState]) -> Volumes:
    """The volumes to remember when these pods start, or have started, a cluster that this volume was never in.

    Before anybody has joined, nobody else knows that there ever were data: if the founder's volume is lost with its
    first commits, empty datadirs must not pass for a first start (R7, R11).
    """
    if memory.history_uuid:
        return memory.volumes
    volumes = {r.ordinal: r.volume_id for r in founders if r.volume_id}
    return tuple(sorted((dict(memory.volumes) | volumes).items()))


def scaled_away(
    memory: PersistentState, server: Server, heard: Sequence[PodState], awaited: frozenset[int]
) -> frozenset[int]:
    """The ordinals that need not be awaited in a later outage (R13, R15, R36).

    Beyond the configured replicas, without a record in DNS and without an answer; but what makes it safe is none
    of these: all members of this live Primary Component are known by name, so those are not among them, and all
    that their disks hold is in it.  Who joins again answers again, and is remembered again.
    """
    members = [r for r in heard if r.primary_server and r.primary_server.uuid == server.uuid]
    if not server.has_complete_data or server.size != len(members) + 1:
        return frozenset()
    return frozenset(o for o, _ in memory.volumes) - awaited - {r.ordinal for r in heard}


def current_epoch(memory: PersistentState, ordinal: int, server: Server, heard: Sequence[PodState]) -> int:
    """The epoch of the Primary Component that this pod is in: the highest that its members or this volume know."""
    epochs = [memory.epoch, *(r.epoch for r in heard if r.primary_server and r.primary_server.uuid == server.uuid)]
    if memory.joining_boot_id:
        epochs.append(memory.joined_epoch)
    # Bound to myself and Primary: the server was started under that promise, maybe permitted by an earlier life.
    if memory.promise is not None and memory.promise.candidate == ordinal:
        epochs.append(memory.promise.term)
    return max(epochs)


def forks_of_primaries(heard: Sequence[PodState]) -> lineage.Forks:
    """The forks that led to the histories of those who are Primary now, as they tell them."""
    alive = [(r.lineage, r.primary_server.uuid) for r in heard if r.primary_server]
    return tuple(dict.fromkeys(fork for forks, uuid in alive for fork in lineage.ancestry(forks, uuid)))


def after_inspection(memory: PersistentState, disk: Disk) -> PersistentState:
    """A new history was permitted, and whoever saw what came of it has died: the disk itself tells."""
    forked = lineage.pending_fork(memory.lineage)
    if forked is None or disk.position is None or disk.data_class not in STARTABLE:
        return memory
    uuid = disk.position.uuid
    memory = replace(memory, lineage=lineage.resolve_pending(memory.lineage, uuid))
    if uuid == forked.parent:
        return memory
    return replace(memory, history_uuid=uuid, epoch=max(memory.epoch, forked.epoch), volumes=())


def before_join(
    memory: PersistentState, disk: Disk | None, heard: Sequence[PodState], *, life: str, epoch: int
) -> PersistentState:
    """What must be remembered before a starter may join: until Synced is seen, the disk may be in a state transfer.

    `life` is that of the machine, `epoch` that of the Primary Component.  A fork that came to nothing ends with this.
    """
    # The disk may be of the joined history, and only the disk, before the journal is written again at Synced.
    forks = tuple(dict.fromkeys((*_seen(memory), *forks_of_primaries(heard))))
    left = quorum.lost_by_join(disk)
    return replace(memory, joining_boot_id=life, joined_epoch=epoch, lineage=forks, override=None, lost_view=left)


def before_bootstrap(memory: PersistentState, *, first: bool, forced: bool) -> PersistentState:
    """What must be remembered before a starter may bootstrap; the operator's word is used up by it."""
    # A winner's disk stands for itself: with an old mark on it a power cut would make it worthless.
    forks, initialised = _forks_to_start(memory, forced=forced), memory.initialised or first
    memory = replace(memory, joining_boot_id="", joined_epoch=0, lost_view=None)
    return replace(memory, initialised=initialised, lineage=forks, override=None)


def _forks_to_start(memory: PersistentState, *, forced: bool) -> lineage.Forks:
    """The new history of a forced start has no name yet: its server makes one."""
    word = memory.override
    if word is None or not forced:
        return _seen(memory)
    if word.base is None:
        return (Fork("", UNKNOWN_SEQNO, word.epoch),)
    return (*lineage.ancestry(_seen(memory), word.base.uuid), Fork(word.base.uuid, word.base.seqno, word.epoch))


def _seen(memory: PersistentState) -> lineage.Forks:
    return tuple(fork for fork in memory.lineage if fork.uuid)
