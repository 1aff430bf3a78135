"""Rules while a Primary Component lives: join it, wait, or hold."""

from bootstrap.core.decision.decisions import Decision, Hold, Join, Wait
from bootstrap.core.decision.override import offer
from bootstrap.core.model import branches, lineage
from bootstrap.core.model.disk import Position
from bootstrap.core.model.facts import Facts, Server
from bootstrap.core.model.predicates import (
    best_informed_member,
    disk_of,
    is_one_component,
    pod_name,
    position_to_keep,
    primaries,
    term_of_member,
    why_quorum_uncertain,
)
from bootstrap.core.model.unknown import Unknown


def hold_between_two_primaries(facts: Facts) -> Decision | None:
    """Join neither of two Primary Components: that would take a side (R29).

    This also covers two of one history, after `pc.bootstrap` was set on both sides of a partition (R38): each reports
    how many members it has.  Pods are asked one by one, so a change of the component looks like that for a moment.
    """
    alive = primaries(facts).values()
    uuids, sizes = sorted({p.uuid for p in alive}), sorted({p.size for p in alive})
    if len(uuids) > 1:
        return Hold("two-primaries", f"two clusters are alive, {' and '.join(uuids)}: stop the wrong one")
    if is_one_component(alive):
        return None
    return Wait(
        "two-primaries",
        f"{len(alive)} pods are Primary and report a cluster size of {' or '.join(map(str, sizes))}: "
        "if this lasts, there are two clusters of one history, stop the wrong one",
    )


def wait_while_promised(facts: Facts) -> Decision | None:
    """Keep a promise until its candidate is Primary or has given up, also against another Primary (R4, R5).

    A Primary Component with an older epoch than the promised term may be one that the candidate could not see.
    """
    promise = facts.own.promise
    if promise is None or promise.candidate == facts.own.ordinal:
        return None
    candidate = facts.peer(promise.candidate)
    state = f"unknown ({candidate.reason})" if isinstance(candidate, Unknown) else candidate.phase.value
    bound = f"term {promise.term} is promised to {pod_name(facts, promise.candidate)}, which is {state}"
    if isinstance(candidate, Unknown) and (alive := sorted(primaries(facts))) and not why_quorum_uncertain(facts):
        # Only the candidate could end this, and if an override has given it up, it never comes.
        epoch = max(pod.epoch for pod in facts.answers if pod.primary_server)
        older = f"{pod_name(facts, alive[0])} is Primary of epoch {epoch}"
        return Hold(
            "promised",
            f"{bound}, and {older}: bring it back; "
            f"{offer(facts, 'if no server runs there, `galera-bootstrap discard`')}",
        )
    return Wait("promised", bound)


def wait_for_lost_quorum(facts: Facts) -> Decision | None:
    """Wait while a Primary Component has lost most of its members and has not noticed it (evs.suspect_timeout, 5 s).

    A pod that joined it now would wait half a minute for nothing (pc.wait_prim_timeout).  Once it has lost its quorum,
    all disks count (R17).  If it has foreign members, it is not known how many of them live, so this rule does not
    apply.  Nor does it once the component has been the same for long enough.
    """
    alive = primaries(facts)
    if not alive or facts.has_primary_kept_quorum or any(pod.has_foreign_members for pod in facts.states):
        return None
    dead = {pod.ordinal for pod in facts.states if pod.has_no_server}
    size, left = max(p.size for p in alive.values()), len(facts.expected - dead)
    if 2 * left > size:
        return None
    name = pod_name(facts, min(alive))
    return Wait("quorum", f"{name} is Primary with {size} members, at most {left} alive: it may have lost its quorum")


def join_or_hold(facts: Facts) -> Decision | None:
    """Join a live Primary or hold beside it; hold only if it certainly has its quorum (R17).

    A hold sends a human to `discard`.  If the quorum is lost, what is here may be the newest of all.
    """
    decision = join_primary(facts)
    if isinstance(decision, Hold) and (why := why_quorum_uncertain(facts)):
        return Wait("quorum", why)
    obstacle = disk_of(facts.own).obstacle
    if isinstance(decision, Join) and obstacle is not None:
        # A transfer that finds no room leaves neither the old data nor the new ones.
        return Hold("room", obstacle.why)
    return decision


def join_primary(facts: Facts) -> Decision | None:
    """Join a live Primary if its history contains mine, else hold (R10, R27-R29)."""
    alive = primaries(facts)
    if not alive:
        return None
    ordinal, server = max(alive.items(), key=lambda item: (item[1].last_committed, -item[0]))
    name, mine = pod_name(facts, ordinal), position_to_keep(facts.own)
    if mine is None:
        return Join("join", f"{name} is Primary ({server.uuid}), my datadir is {disk_of(facts.own).data_class}")
    member = best_informed_member(facts.answers)
    if member is None:
        return Wait(
            "join",
            f"{name} is Primary, and its agent cannot read its journal: it is not known whether that cluster contains "
            "my data; look at that agent's log",
        )
    if mine.uuid == server.uuid and facts.own.epoch > (epoch := primary_epoch(facts)):
        if any(pod.primary_server and pod.joining for pod in facts.answers):
            return Wait(
                "join",
                f"{name} is Primary of epoch {epoch} or later: "
                "the member that has just joined will report its epoch in a moment",
            )
        return Hold(
            "other-history",
            f"{name} is Primary of epoch {epoch}, my datadir holds {mine} of epoch {facts.own.epoch}: the cluster was "
            f"started again from an older copy of this history; {offer(facts, SAVE_AND_DISCARD)}",
        )
    limit = lineage.reach(
        lineage_of_primary(facts, server.uuid), Position(server.uuid, server.last_committed), mine.uuid
    )
    if limit is None:
        return Hold(
            "other-history",
            f"{name} is Primary with history {server.uuid}, my datadir holds {mine}: {offer(facts, SAVE_AND_DISCARD)}",
        )
    parted = branches.part_after(member.bootstraps, facts.own.bootstraps, mine.uuid, min(limit, mine.seqno))
    if parted is not None:
        return hold_on_other_branch(name, mine, parted, offer(facts, SAVE_AND_DISCARD))
    if mine.seqno > limit:
        advice = offer(facts, SAVE_AND_DISCARD)
        return (
            hold_beyond_fork(name, server, mine, limit, advice)
            if mine.uuid != server.uuid
            else Hold(
                "ahead-of-primary",
                f"my datadir holds {mine.seqno - limit} transactions that {name} (Primary at {limit}) does not have: "
                f"joining would lose or hide them; {advice}",
            )
        )
    if mine.uuid != server.uuid:
        return Join(
            "join", f"{name} is Primary, its history was forked from mine at {limit}, my datadir is at {mine.seqno}"
        )
    return Join(
        "join", f"{name} is Primary at {server.last_committed}, my datadir is at {mine.seqno} of the same history"
    )


SAVE_AND_DISCARD = (
    "to join, `galera-bootstrap discard` puts my datadir aside on this volume, where what is needed can be read later"
)


def primary_epoch(facts: Facts) -> int:
    """The epoch of the live Primary Component, by any of its members that knows it or will know it in a moment (R10).

    Each Primary Component is bootstrapped in a later term than all that its disks know.  So one of an earlier epoch
    than mine was not begun from disks that knew of mine; that it is past my seqno by now proves nothing.
    """
    return max((term_of_member(pod) for pod in facts.answers if pod.primary_server), default=0)


def lineage_of_primary(facts: Facts, uuid: str) -> lineage.Forks:
    """The forks that the members of a live Primary Component report of its history's origin."""
    members = (pod for pod in facts.answers if pod.primary_server and pod.primary_server.uuid == uuid)
    return tuple(fork for pod in members for fork in pod.lineage)


def hold_on_other_branch(name: str, mine: Position, parted: int, advice: str) -> Hold:
    """Hold with data that went on without the cluster's: the same numbers may be other commits there."""
    return Hold(
        "other-branch",
        f"my datadir is at {mine}, and nothing shows that {name} (Primary) has its {mine.seqno - parted} transactions "
        f"after {parted}: one of the two may be an older copy that went on; {advice}",
    )


def hold_beyond_fork(name: str, server: Server, mine: Position, limit: int, advice: str) -> Hold:
    """Hold with data that an override has given up: they are not thrown away without an order (R28)."""
    return Hold(
        "beyond-fork",
        f"my datadir is at {mine} and holds {mine.seqno - limit} transactions that the cluster does not have: the "
        f"history of {name} ({server.uuid}) was forked at {limit}; {advice}",
    )
