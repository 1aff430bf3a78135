"""The proofs `last-view` and `last-one-out`: pods that need not answer before a cluster may start.  Pure.

After a full outage the newest commits may be on one disk only, so every expected pod must answer (`all-heard`).
Where some do not answer, two things can show that these hold nothing beyond what the others hold:

**`last-view`: the last Primary view is whole.**  Galera writes each Primary view to disk before it delivers it, and so
before anything is ordered in it (gcomm pc.cpp, `handle_up`); and a later Primary Component takes more than half of the
one before (pc_proto.cpp).  So if every member of a view has answered, frozen, and has no newer view on its disk, then:

- No majority of that view has gone on without the others, since one of its members would have written the next view.
- A member that left in order before that view holds nothing that was ordered after it.  But the view's own members may
  not have applied yet what was ordered before.  Hence the view checkpoint, a durable note of one of them that it had
  applied the view's own configuration change, and a candidate that has come as far.
- A next view may have been agreed on that all of these died before they wrote it, while newcomers in it outnumbered
  them and went on.  Galera leaves no sign of that, so the others must be too few: not more than half of the members,
  rounded down, plus one; and one less where an arbitrator was ever seen.  Each pod counts as one of these newcomers
  unless its own record shows that it has stayed away (`has_stayed_away`).  A record that says nothing shows nothing:
  that of an empty or replaced volume, of a new journal, of a pod that has not read its datadir.  (Asking each member
  for a durable ticket before a join would prove a little more, and would let one silent agent stop all joins.)
- Whatever a pod that answers knows of a later view with a server of this one is a veto (`knows_later_view`), and so is
  a disk that holds more than the candidate.  Neither can be if all of the above is right.  It can be if Galera could
  not write the view (it only logs a warning), or if a volume was put back to an earlier state.

It proves nothing where members have other weights, or stopped in order, which removes the view from their disks.  The
view still counts if the server was stopped by its own agent, or if it was removed by a join that was abandoned
(`disk.LostView`).  It knows nothing of a `pc.bootstrap` by hand.

**`last-one-out`**, only where the settings allow it: a pod that stopped in order as the only member starts alone.  It
does not ask the others at all, so it is wrong where an override has begun a new history without this pod.
"""

from collections.abc import Iterable
from typing import NamedTuple

from bootstrap.core.model import branches, lineage
from bootstrap.core.model.branches import Copy
from bootstrap.core.model.disk import STARTABLE, DataClass, Disk, LostView, Position, View
from bootstrap.core.model.facts import ABSENT, Facts, Phase, PodState, Server
from bootstrap.core.model.predicates import (
    bootstrap_position,
    disk_of,
    is_non_primary,
    may_hold_complete_transfer,
    why_not_counted,
)
from bootstrap.core.model.unknown import Unknown


class Proof(NamedTuple):
    """Why a cluster may start although not all pods have answered."""

    name: str
    """last-view or last-one-out."""
    members: frozenset[int]
    """The ordinals whose data it speaks of; one of them starts."""
    excused: frozenset[int]
    """The expected ordinals that need neither answer nor promise."""


def find_proof(facts: Facts) -> Proof | None:
    """The proof that excuses all pods that are not frozen with a known position (R8, R9); None = none, or no need."""
    others = facts.expected - {facts.own.ordinal}
    missing = frozenset(o for o in others if why_not_counted(facts.peer(o)))
    if not missing or lineage.leading_history(facts.states) is None:
        return None
    is_frozen = why_not_counted(facts.own) is None
    if is_frozen and may_be_left_out(facts, missing, ABSENT) and (members := find_last_view(facts)):
        return Proof("last-view", members, missing)
    best = lineage.most_advanced(facts.states)
    disk = disk_of(best)
    may_be_last = facts.last_one_out and may_be_left_out(facts, missing, frozenset({Phase.FROZEN}))
    if may_be_last and disk.data_class is DataClass.CLEAN and disk.safe_to_bootstrap:
        return Proof("last-one-out", frozenset({best.ordinal}), missing)
    return None


def may_be_left_out(facts: Facts, missing: Iterable[int], phases: frozenset[Phase]) -> bool:
    """Whether these pods, which block `all-heard`, may be left out at all (R8).

    They may if they are silent, or in one of these phases; a server that lives must end first.  Where something answers
    and is not understood, such as another release or key, a server may live that an override has started without these
    pods.  Nor is a pod silent that was not asked, or could not be.
    All phases of ABSENT are good enough for `last-view`: a container that never starts must not be waited for longer
    than a machine that is off.  Such a pod starts nothing by itself.  To join, it needs a Primary Component.  To
    bootstrap, it needs the promises of all pods, and the candidate has promised to itself.
    """
    peers = [facts.peer(o) for o in missing]
    return all(peer.is_silent if isinstance(peer, Unknown) else peer.phase in phases for peer in peers)


def find_last_view_once_stopped(facts: Facts) -> frozenset[int]:
    """The members by which `last-view` would excuse the silent pods if the servers outside stopped; empty = none (R17).

    A member of the last view must be dead: else that view may come together again by itself.
    """
    others = facts.expected - {facts.own.ordinal}
    missing = [o for o in others if not is_known_non_primary(facts.peer(o))]
    if not may_be_left_out(facts, missing, ABSENT):
        return frozenset()
    members = find_last_view(facts, live=True)
    is_one_dead = any(pod.ordinal in members and why_not_counted(pod) is None for pod in facts.answers)
    return members if is_one_dead else frozenset()


def is_known_non_primary(peer: PodState | Unknown) -> bool:
    """Whether a peer has answered that its live server is non-Primary."""
    return isinstance(peer, PodState) and is_non_primary(peer)


def find_last_view(facts: Facts, *, live: bool = False) -> frozenset[int]:
    """The members of the Primary view that no other one can have followed; empty = that is not proven.

    `live`: non-Primary servers count as if they were dead.
    """
    by_name: dict[str, list[PodState]] = {}
    for pod in facts.states:
        view = view_of(pod)
        if view is not None and (live or not is_non_primary(pod)):
            by_name.setdefault(view.name, []).append(pod)
    best = find_most_advanced(facts, live=live)
    if best is None:
        return frozenset()
    for holders in by_name.values():
        is_last = is_whole(holders) and has_reached_view(holders, *best)
        if is_last and not is_contradicted(holders, *best, facts) and not may_be_outnumbered(holders, facts):
            return frozenset(pod.ordinal for pod in holders)
    return frozenset()


def view_of(pod: PodState) -> View | None:
    """The last Primary view on this pod's disk, or of its live server that is non-Primary."""
    if is_non_primary(pod):
        return pod.server.view if pod.server else None
    return disk_of(pod).view if why_not_counted(pod) is None else None


def views_of(pods: list[PodState]) -> list[View]:
    """The views of these pods."""
    return [view for pod in pods if (view := view_of(pod))]


def find_most_advanced(facts: Facts, *, live: bool) -> tuple[int, Position] | None:
    """The ordinal of the most advanced pod, and its position; None if that is not known."""
    if not live:
        if lineage.leading_history(facts.states) is None:
            return None
        best = lineage.most_advanced(facts.states)
        position = bootstrap_position(best)
        return (best.ordinal, position) if position else None
    positions = {
        pod.ordinal: pod.server.position if pod.server and is_non_primary(pod) else bootstrap_position(pod)
        for pod in facts.states
    }
    found = {ordinal: position for ordinal, position in positions.items() if position}
    is_hidden = any(is_non_primary(pod) and positions[pod.ordinal] is None for pod in facts.states)
    if is_hidden or len({p.uuid for p in found.values()}) != 1:
        return None
    copies = [Copy(found[pod.ordinal], pod.bootstraps) for pod in facts.states if pod.ordinal in found]
    if branches.find_parting(copies, copies[0].position.uuid) is not None:
        return None
    return max(found.items(), key=lambda item: item[1].seqno)


def is_whole(holders: list[PodState]) -> bool:
    """Whether these are all members of their view, each once, and none of their disks is in doubt (R8)."""
    found = views_of(holders)
    members = sorted(found[0].members)
    if sorted(v.my_uuid for v in found) != members or any(sorted(v.members) != members for v in found):
        return False
    return all(is_non_primary(pod) or disk_of(pod).data_class in STARTABLE or is_joiner(pod) for pod in holders)


def is_joiner(pod: PodState) -> bool:
    """Whether a member was still receiving its data: it has committed nothing of its own."""
    disk = disk_of(pod)
    return disk.data_class is DataClass.SST_INTERRUPTED and pod.joining and not disk.transfer_may_be_complete


def has_reached_view(holders: list[PodState], best: int, position: Position) -> bool:
    """Whether the most advanced disk is a member's, and has come to where a checkpoint notes the view's start (R8)."""
    has_come = any(start.uuid == position.uuid and start.seqno <= position.seqno for start in starts_of_view(holders))
    return has_come and best in {pod.ordinal for pod in holders}


def starts_of_view(holders: list[PodState]) -> list[Position]:
    """What these members had certainly applied in their view, its own change included."""
    (name,) = {view.name for view in views_of(holders)}
    checkpoints = [pod.view_checkpoint for pod in holders if pod.view_checkpoint]
    return [checkpoint.position for checkpoint in checkpoints if checkpoint.view == name]


def is_contradicted(holders: list[PodState], best: int, position: Position, facts: Facts) -> bool:
    """Whether what any pod reports shows that this view was not the last one, whatever that pod's own state is (R8)."""
    view = views_of(holders)[0]
    forks = lineage.forks_known_to(facts.states)
    newest = next(Copy(position, pod.bootstraps) for pod in facts.states if pod.ordinal == best)
    doubtful = [
        Copy(found, pod.bootstraps)
        for pod in facts.states
        if may_hold_complete_transfer(pod) and (found := disk_of(pod).position)
    ]
    is_behind = any(not lineage.accounts_for(forks, newest, copy) for copy in doubtful)
    return is_behind or any(knows_later_view(pod, view) for pod in facts.states)


def knows_later_view(pod: PodState, view: View) -> bool:
    """Whether a pod knows a later Primary view, by its disk, its server or its journal.

    Only views that have a run of a server in common can be compared: its numbers rise.
    """
    views = (disk_of(pod).view, pod.server.view if pod.server else None)
    known = [(found.view_seq, {found.view_uuid, *found.members}) for found in views if found]
    if pod.view_checkpoint:
        # The view's name has its number, and its representative, which is one of its members.
        representative, _, number = pod.view_checkpoint.view.rpartition(":")
        known += [(int(number), {representative})] if number.isdigit() else []
    return any(number > view.view_seq and runs & {view.view_uuid, *view.members} for number, runs in known)


def may_be_outnumbered(holders: list[PodState], facts: Facts) -> bool:
    """Whether so many others may have come into a next view that they could go on without these members (R8, R36)."""
    epoch, members = max(pod.epoch for pod in holders), {pod.ordinal for pod in holders}
    if any(pod.epoch > epoch for pod in facts.states):
        return True
    stayed_away = {pod.ordinal for pod in facts.states if has_stayed_away(pod, holders)}
    newcomers = len(facts.expected - members - stayed_away)
    foreign = any(pod.has_foreign_members for pod in holders)  # an arbitrator's vote would come on top of these
    rejoined = sum(disk_of(pod).join_attempted for pod in holders)  # so would that of a member that has joined again
    return newcomers + foreign + rejoined > len(members) // 2 + 1


def has_stayed_away(pod: PodState, holders: list[PodState]) -> bool:
    """Whether the record of a pod that is not in the view of these members shows that it was in no later one (R8).

    It does if the pod's own last view is an earlier one, which has a member, hence a run of a server, in common with
    this one; if it has not been a member since the Primary Component of this view began; or if it was stopped in order
    before this view began.
    """
    if not has_record(pod, holders):
        return False
    view, own_view = views_of(holders)[0], disk_of(pod).view
    is_earlier = own_view is not None and own_view.view_seq < view.view_seq
    if is_earlier and own_view and {*own_view.members} & {*view.members}:
        return True
    return pod.epoch < max(member.epoch for member in holders) or was_stopped_before(pod, holders)


def has_record(pod: PodState, holders: list[PodState]) -> bool:
    """Whether this volume's own record counts: that of a known volume of a member, whole and without an open join (R9).

    A pod whose volume is empty, or whose journal is new, may have been a member of a later view: its record is gone.
    So may one that has another volume than the members remember, or that they do not remember.
    """
    is_closed = why_not_counted(pod) is None and pod.was_synced and not pod.joining
    if not is_closed or disk_of(pod).data_class not in STARTABLE:
        return False
    volumes = {volume for member in holders for o, volume in member.volumes if o == pod.ordinal}
    return volumes - {""} == {pod.volume_id}


def was_stopped_before(pod: PodState, holders: list[PodState]) -> bool:
    """Whether this disk was stopped in order with less than what these members had applied in their view.

    The view's own change, and that of every later one, takes a seqno (galera gcs_group.cpp, `gcs_group_act_conf`), and
    a server that stops in order has applied the changes of all views that it was in.
    """
    disk = disk_of(pod)
    if disk.data_class is not DataClass.CLEAN or disk.position is None or disk.view:
        return False
    return any(
        start.uuid == disk.position.uuid and disk.position.seqno < start.seqno for start in starts_of_view(holders)
    )


def with_lost_view(disk: Disk, lost: LostView | None) -> Disk:
    """The disk with the view that its data have lost, if the data are still just where they were then."""
    if lost is None or disk.view or disk.data_class not in STARTABLE or disk.position != lost.position:
        return disk
    return disk._replace(view=lost.view, join_attempted=lost.join_attempted)


def lost_by_stop(server: Server | None) -> LostView | None:
    """The view that a non-Primary server loses when it is stopped now."""
    return LostView(server.view, server.position) if server and server.view and server.position else None


def lost_by_join(disk: Disk | None) -> LostView | None:
    """The view that a disk loses by a join that is about to begin."""
    found = disk and disk.view and disk.position and LostView(disk.view, disk.position, join_attempted=True)
    return found or None
