"""What a volume remembers over crashes, and how that changes: by a round, by an inspection, by a permission.  Pure.

`storage.journal` makes it durable; the model checker drives these functions as the agent does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bootstrap.core.decision import quorum
from bootstrap.core.model import branches, lineage
from bootstrap.core.model.disk import STARTABLE, UNKNOWN_SEQNO, Disk, LostView, ViewCheckpoint
from bootstrap.core.model.facts import BootstrapPoint, Bootstraps, Fork, Override, PodState, Promise, Server
from bootstrap.core.model.predicates import best_informed_member, is_one_component, term_of_member
from bootstrap.core.model.shapes import Ordinal, PodName, Token, UuidOrNone

Volumes = tuple[tuple[int, str], ...]
"""(ordinal, volume id), by ordinal."""


@dataclass(frozen=True, slots=True)
class PersistentState:
    """The content of the journal.

    `storage/journal.py` refuses a journal without one of these keys, or with another one.  So a new field also needs a
    new VERSION there, and the value that is true of a volume whose journal is of the version before.
    """

    cluster_id: str
    """The cluster that this volume belongs to."""
    pod: PodName
    """The pod that it belongs to."""
    volume_id: Token
    """Random, made with the journal: distinguishes a replaced volume from the one that was there before."""
    initialised: bool = False
    """This toolkit has created, or was creating, the first database on this volume."""
    joining_boot_id: Token = ""
    """The boot of the machine in which a join was permitted, until Synced is seen; empty = no join is open."""
    history_uuid: UuidOrNone = ""
    """The history that this volume was last a Synced member of; empty = none yet."""
    epoch: int = 0
    """The term in which that history's Primary Component was bootstrapped."""
    joined_epoch: int = 0
    """The epoch of the Primary Component that a join was last permitted to; the pod that reported it may be gone."""
    promise: Promise | None = None
    """The promise that binds this pod."""
    highest_term: int = 0
    """The highest term that this pod has ever promised, to itself or to others; no term is used twice."""
    volumes: tuple[tuple[Ordinal, Token], ...] = ()
    """(ordinal, volume id) of the peers seen while in a Primary Component; empty = it was not heard yet."""
    lineage: tuple[Fork, ...] = ()
    """The forks that led to this volume's history, or to one that was permitted here and has not been seen since."""
    pending_history: UuidOrNone = ""
    """The history that an override last permitted to begin here, until some history is seen here; empty = none."""
    bootstraps: Bootstraps = ()
    """The bootstraps that led to this volume's data, and to those of a cluster that it may have joined since."""
    override: Override | None = None
    """The override under which this pod is the candidate; it counts only together with the promise beside it."""
    view_checkpoint: ViewCheckpoint | None = None
    """How far this volume had certainly come in the newest view that it was seen in."""
    has_foreign_members: bool = False
    """A component that this volume was in has had members that are no pods of this set."""
    lost_view: LostView | None = None
    """The view that these data have lost by a stop or a join; None once a Primary was seen here, or may bootstrap."""
    overrides: tuple[str, ...] = ()
    """The overrides that were given here, a line each, for humans."""


def after_round(
    state: PersistentState, own: PodState, answers: Sequence[PodState], *, durable: bool, awaited: frozenset[int]
) -> PersistentState:
    """Learn from a round: in a Primary Component, its epoch, its history and its members' volumes.

    `answers` are those of the peers.  `durable`: what a state transfer wrote is durable.  `awaited` are the ordinals
    that the settings and DNS name.
    """
    server = own.primary_server
    if server is None:
        return replace(state, volumes=add_founders(state, [peer for peer in answers if peer.primary_server]))
    epoch, bootstraps = current_component(state, own, server, answers)
    state = replace(state, lost_view=None, bootstraps=bootstraps)
    settled = server.has_complete_data and durable
    volumes = {peer.ordinal: peer.volume_id for peer in answers if peer.volume_id}
    if not (settled and state.history_uuid and state.history_uuid != server.uuid):
        # Else an override has begun another history: pods that were seen in the one before were given up, or come back.
        volumes = dict(state.volumes) | volumes
    away = find_scaled_away(state, server, answers, awaited)
    members = tuple(sorted((o, v) for o, v in volumes.items() if o not in away))
    if not settled:
        return replace(state, volumes=members)
    # What is on this disk now is this history, of this epoch, of this origin and of these members.
    forks = lineage.ancestry((*state.lineage, *forks_of_primaries(answers)), server.uuid)
    state = replace(state, epoch=epoch, history_uuid=server.uuid, lineage=forks, volumes=members)
    return replace(state, joining_boot_id="", pending_history="")


def add_founders(state: PersistentState, founders: Sequence[PodState]) -> Volumes:
    """The volumes to remember when these pods start, or have started, a cluster that this volume was never in.

    Before any pod has joined, no other pod knows that there ever were data.  If the founder's volume is lost with its
    first commits, empty datadirs must not pass for a first start (R7, R11).
    """
    if state.history_uuid:
        return state.volumes
    volumes = {pod.ordinal: pod.volume_id for pod in founders if pod.volume_id}
    return tuple(sorted((dict(state.volumes) | volumes).items()))


def find_scaled_away(
    state: PersistentState, server: Server, answers: Sequence[PodState], awaited: frozenset[int]
) -> frozenset[int]:
    """The ordinals that need not be awaited in a later outage (R13, R15, R36).

    They are beyond the configured replicas, without a record in DNS and without an answer.  But none of that makes it
    safe.  It is safe because all members of this live Primary Component are known by name, so these pods are not among
    them, and all that their disks hold is in it.  A pod that joins again answers again, and is remembered again.
    """
    members = [peer for peer in answers if peer.primary_server and peer.primary_server.uuid == server.uuid]
    if not server.has_complete_data or server.size != len(members) + 1:
        return frozenset()
    return frozenset(o for o, _ in state.volumes) - awaited - {peer.ordinal for peer in answers}


def current_component(
    state: PersistentState, own: PodState, server: Server, answers: Sequence[PodState]
) -> tuple[int, Bootstraps]:
    """The epoch of the Primary Component that this pod is in, and the bootstraps that led to it.

    They are those of the member that knows the highest epoch.  This volume knows them before its server starts, unless
    the server was cut off, and joined the next Primary Component by itself.  Then they are taken over at once, and the
    epoch once this pod is settled.  While the members may be of two components, only this volume's own count.
    """
    epochs = [state.epoch]
    if state.joining_boot_id:
        epochs.append(state.joined_epoch)
    # Bound to itself and Primary: its server was started under that promise, maybe permitted by an earlier run.
    if state.promise is not None and state.promise.candidate == own.ordinal:
        epochs.append(state.promise.term)
    members = [peer for peer in answers if peer.primary_server and peer.primary_server.uuid == server.uuid]
    best = best_informed_member(members)
    is_one = is_one_component([server, *(peer.primary_server for peer in members if peer.primary_server)])
    if best is None or not is_one or term_of_member(best) <= max(epochs):
        return max(epochs), state.bootstraps
    return term_of_member(best), best.bootstraps


def forks_of_primaries(answers: Sequence[PodState]) -> lineage.Forks:
    """The forks that led to the histories of the peers that are Primary now, as these report them."""
    alive = [(peer.lineage, peer.primary_server.uuid) for peer in answers if peer.primary_server]
    return tuple(dict.fromkeys(fork for forks, uuid in alive for fork in lineage.ancestry(forks, uuid)))


def pending_fork(state: PersistentState) -> Fork | None:
    """The fork whose new history was permitted here and has not been seen."""
    return next((fork for fork in state.lineage if fork.uuid == state.pending_history), None)


def after_inspection(state: PersistentState, disk: Disk) -> PersistentState:
    """Learn from the disk whether a permitted new history has begun, since the run that saw it may have ended.

    Only its own uuid shows that: a human may have put another datadir there meanwhile (R29).
    """
    fork = pending_fork(state)
    if fork is None or disk.data_class not in STARTABLE or disk.position is None or disk.position.uuid != fork.uuid:
        return state
    epoch = max(state.epoch, fork.epoch)
    return replace(state, history_uuid=fork.uuid, epoch=epoch, volumes=(), pending_history="")


def before_join(
    state: PersistentState, disk: Disk | None, answers: Sequence[PodState], *, kernel_boot_id: str, epoch: int
) -> PersistentState:
    """What must be durable before a starter may join: until Synced is seen, the disk may be in a state transfer.

    `kernel_boot_id` is the boot of this machine, `epoch` that of the Primary Component.
    """
    # The disk may be of the joined history, and only the disk, before the journal is written again at Synced.
    forks = tuple(dict.fromkeys((*state.lineage, *forks_of_primaries(answers))))
    lost = quorum.lost_by_join(disk)
    state = replace(
        state, joining_boot_id=kernel_boot_id, joined_epoch=epoch, lineage=forks, override=None, lost_view=lost
    )
    # All that is here is a part of that cluster, so its bootstraps led to what is here, and to what will be (R10).
    member = best_informed_member(answers)
    return replace(state, bootstraps=member.bootstraps) if member else state


def before_bootstrap(state: PersistentState, disk: Disk | None, *, first: bool, forced: bool) -> PersistentState:
    """What must be durable before a starter may bootstrap from this disk; this uses the override up."""
    # A candidate's disk stands for itself: if its join stayed open, a power cut would make the disk worthless.
    state = replace(state, joining_boot_id="", joined_epoch=0, lost_view=None, initialised=state.initialised or first)
    if not (first or forced) and disk and disk.position and state.promise:
        # Else the server begins a history of its own.  What it commits now no older copy has (R10).
        uuid, seqno = disk.position.uuid, disk.position.seqno
        point = BootstrapPoint(uuid, seqno, state.promise.term, state.promise.run_id)
        state = replace(state, bootstraps=branches.add_bootstrap(state.bootstraps, point))
    return replace(_with_fork(state, state.override) if forced and state.override else state, override=None)


def _with_fork(state: PersistentState, override: Override) -> PersistentState:
    """The state with the fork of an override, whose server is about to begin the new history."""
    base = override.base
    before = lineage.ancestry(state.lineage, base.uuid) if base else ()
    parent, seqno = (base.uuid, base.seqno) if base else ("", UNKNOWN_SEQNO)
    fork = Fork(parent, seqno, override.epoch, override.history)
    return replace(state, lineage=(*before, fork), pending_history=override.history)
