"""Proofs P1 and P2: who need not be heard before a cluster may start, because nothing newer can be there.  Pure.

After a full outage the newest commits may be on one disk only, so every expected pod is heard (proof P3, `decide`).
Where some are silent, two things can show that these hold nothing beyond what the others hold:

**P1, the last Primary view is whole.**  Galera writes each Primary view to disk before it delivers it, and so before
anything is ordered in it (gcomm pc.cpp, `handle_up`); and a later Primary Component takes more than half of the one
before (pc_proto.cpp).  So if every member of a view has answered, frozen, and has no newer view on its disk, then:

- Nobody has gone on from that view by a majority of it, since one of its members would have written the next view.
- Who left in order before that view holds nothing that was ordered after it.  But its members may not have applied yet
  what was ordered before: hence the mark, a durable note of one of them that it had applied the view's own
  configuration change, and a winner that has come as far.
- A next view may have been agreed on that all of these died before they wrote it, while newcomers in it outnumbered
  them and went on.  Galera offers no sign of that, so the others must be too few: not more than half of the members,
  rounded down, plus one; and one less where an arbitrator was ever seen.  (Asking each member for a durable ticket
  before a join would prove a little more, and would let one silent agent stop all joins.)

It says nothing where members have other weights, or stopped in order, which removes the view from their disks; what a
server that its own agent has stopped, or a join that came to nothing, has left counts still (`facts.Left`).  It knows
nothing of a `pc.bootstrap` by hand.

**P2, the last one out**, only where the settings allow it: a pod that stopped in order as the only member.  It does not
hear from the others at all, so where an operator's word has begun a new history without this pod it is wrong.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from bootstrap.core.model import lineage
from bootstrap.core.model.disk import DataClass, Disk, LostView, Position, View
from bootstrap.core.model.facts import Facts, Phase, PodState, Server, Unknown
from bootstrap.core.model.predicates import STARTABLE, bootstrap_position, disk_of, is_non_primary, why_not_counted


class Proof(NamedTuple):
    """Why a cluster may start although not everybody has answered."""

    name: str
    """P1 or P2."""
    members: frozenset[int]
    """Whose data it speaks of; one of them starts."""
    excused: frozenset[int]
    """The expected ordinals that need not be heard, nor be bound by a promise."""


def find_proof(facts: Facts) -> Proof | None:
    """The proof that covers all who are not frozen with a known position (R8, R9); None = there is none, or no need."""
    others = facts.expected - {facts.own.ordinal}
    missing = frozenset(o for o in others if why_not_counted(facts.peer(o)))
    if not missing or not dispensable(facts, missing) or lineage.leading_history(facts.states) is None:
        return None
    if why_not_counted(facts.own) is None and (members := last_view(facts)):
        return Proof("last-view", members, missing)
    best = lineage.most_advanced(facts.states)
    disk = disk_of(best)
    if facts.last_one_out and disk.data_class is DataClass.CLEAN and disk.safe_to_bootstrap:
        return Proof("last-one-out", frozenset({best.ordinal}), missing)
    return None


def dispensable(facts: Facts, missing: Iterable[int]) -> bool:
    """Whether these, who block P3, may be left out at all, once everybody was asked.

    Nothing is heard of them, or they can start nothing themselves.  One that is reading its datadir will have read it,
    and a server that lives must end first.
    """
    peers = [facts.peer(o) for o in missing]
    asked = facts.expected - {facts.own.ordinal} <= facts.peers.keys()
    return asked and all(isinstance(p, Unknown) or (p.phase is Phase.FROZEN and p.disk is not None) for p in peers)


def once_stopped(facts: Facts) -> bool:
    """Whether P1 would cover the silent pods if the servers that are outside of a Primary Component stopped (R17).

    A member of the last view must be dead: else that view may come together again by itself.
    """
    others = facts.expected - {facts.own.ordinal}
    missing = [o for o in others if why_not_counted(facts.peer(o)) and not is_outside(facts.peer(o))]
    if not dispensable(facts, missing):
        return False
    members = last_view(facts, live=True)
    return any(r.ordinal in members and why_not_counted(r) is None for r in facts.answers)


def is_outside(peer: PodState | Unknown) -> bool:
    """Whether a peer's live server says that it is outside of a Primary Component."""
    return isinstance(peer, PodState) and is_non_primary(peer)


def last_view(facts: Facts, *, live: bool = False) -> frozenset[int]:
    """The members of the Primary view after which no other one can have been (P1); empty = that is not proven.

    `live`: servers that are outside of a Primary Component count as if they were dead.
    """
    by_name: dict[str, list[PodState]] = {}
    for record in facts.states:
        view = view_of(record)
        if view is not None and (live or not is_non_primary(record)):
            by_name.setdefault(view.name, []).append(record)
    best = furthest(facts, live=live)
    if best is None:
        return frozenset()
    for holders in by_name.values():
        if whole(holders) and reached(holders, *best) and not outnumbered(holders, facts):
            return frozenset(r.ordinal for r in holders)
    return frozenset()


def view_of(record: PodState) -> View | None:
    """The last Primary view on this disk, or of the live server that is outside of one."""
    if is_non_primary(record):
        return record.server.view if record.server else None
    return disk_of(record).view if why_not_counted(record) is None else None


def views(records: list[PodState]) -> list[View]:
    """The views of these."""
    return [view for r in records if (view := view_of(r))]


def furthest(facts: Facts, *, live: bool) -> tuple[int, Position] | None:
    """Who is the most advanced, and where; None where that cannot be told."""
    if not live:
        if lineage.leading_history(facts.states) is None:
            return None
        best = lineage.most_advanced(facts.states)
        position = bootstrap_position(best)
        return (best.ordinal, position) if position else None
    held = {
        r.ordinal: r.server.position if r.server and is_non_primary(r) else bootstrap_position(r) for r in facts.states
    }
    found = {ordinal: position for ordinal, position in held.items() if position}
    if len({p.uuid for p in found.values()}) != 1:
        return None
    return max(found.items(), key=lambda item: item[1].seqno)


def whole(holders: list[PodState]) -> bool:
    """Whether these are all members of their view, each once, and none of their disks is in doubt (R8)."""
    found = views(holders)
    members = sorted(found[0].members)
    if sorted(v.my_uuid for v in found) != members or any(sorted(v.members) != members for v in found):
        return False
    return all(is_non_primary(r) or disk_of(r).data_class in STARTABLE or is_joiner(r) for r in holders)


def is_joiner(record: PodState) -> bool:
    """Whether a member was still receiving its data: it has committed nothing of its own."""
    disk = disk_of(record)
    return disk.data_class is DataClass.SST_INTERRUPTED and record.joining and not disk.transfer_may_be_complete


def reached(holders: list[PodState], best: int, position: Position) -> bool:
    """Whether the most advanced disk is one of theirs, and has come to where a mark says that the view began (R8)."""
    (name,) = {view.name for view in views(holders)}
    marks = [r.view_checkpoint.position for r in holders if r.view_checkpoint and r.view_checkpoint.view == name]
    came = any(mark.uuid == position.uuid and mark.seqno <= position.seqno for mark in marks)
    return came and best in {r.ordinal for r in holders}


def outnumbered(holders: list[PodState], facts: Facts) -> bool:
    """Whether so many others may have come into a next view that they could go on without these members (R8, R36)."""
    epoch, members = max(r.epoch for r in holders), {r.ordinal for r in holders}
    if any(r.epoch > epoch for r in facts.states):
        return True
    view = views(holders)[0]
    stayed_away = {r.ordinal for r in facts.states if not may_have_come(r, view, epoch)}
    newcomers = len(facts.expected - members - stayed_away)
    strangers = any(r.has_foreign_members for r in holders)  # an arbitrator's vote would come on top of these
    rejoined = sum(disk_of(r).join_attempted for r in holders)  # and so would that of a member which came in anew
    return newcomers + strangers + rejoined > len(members) // 2 + 1


def may_have_come(record: PodState, view: View, epoch: int) -> bool:
    """Whether a pod that is not in this view may have been in a later one.

    Not if its own last view is an earlier one, which has a member, hence a life of a server, in common with this one;
    nor if it has not been a member since the Primary Component began that this view is of, and no join is open.
    """
    if why_not_counted(record) is not None or record.joining:
        return True
    theirs = disk_of(record).view
    earlier = theirs is not None and theirs.view_seq < view.view_seq and bool({*theirs.members} & {*view.members})
    return not earlier and record.epoch >= epoch


def with_lost_view(disk: Disk, left: LostView | None) -> Disk:
    """The disk with the view that its data have lost, if they are still just where they were then."""
    if left is None or disk.view or disk.data_class not in STARTABLE or disk.position != left.position:
        return disk
    return replace(disk, view=left.view, join_attempted=left.join_attempted)


def lost_by_stop(server: Server | None) -> LostView | None:
    """What a server that is outside of a Primary Component leaves behind when it is stopped now."""
    return LostView(server.view, server.position) if server and server.view and server.position else None


def lost_by_join(disk: Disk | None) -> LostView | None:
    """What a disk loses by a join that is about to begin."""
    found = disk and disk.view and disk.position and LostView(disk.view, disk.position, join_attempted=True)
    return found or None
