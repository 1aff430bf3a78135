"""Rules while a Primary Component lives: join it, wait, or hold."""

from bootstrap.core.decision.decisions import Decision, Hold, Join, Wait
from bootstrap.core.model import lineage
from bootstrap.core.model.disk import Position
from bootstrap.core.model.facts import Facts, Server, Unknown
from bootstrap.core.model.predicates import (
    disk_of,
    pod_name,
    position_to_keep,
    primaries,
)


def hold_between_two_primaries(facts: Facts) -> Decision | None:
    """Two Primary Components: joining either would take a side (R29).

    Of one history, too, where `pc.bootstrap` was said on both sides of a partition (R38): each of them says how many
    members it has.  Records are read one by one, so a change of the component looks like that for a moment.
    """
    alive = primaries(facts).values()
    uuids, sizes = sorted({p.uuid for p in alive}), sorted({p.size for p in alive})
    if len(uuids) > 1:
        return Hold("two-primaries", f"two clusters are alive, {' and '.join(uuids)}: stop the wrong one")
    if len(sizes) < 2 and len(alive) <= sum(sizes):
        return None
    return Wait(
        "two-primaries",
        f"{len(alive)} pods are Primary, and say that their members are {' or '.join(map(str, sizes))}: "
        "if that stays, they are two clusters of one history, stop the wrong one",
    )


def wait_while_promised(facts: Facts) -> Decision | None:
    """A promise binds until its winner is Primary or has given up, also against another Primary (R4, R5).

    A Primary Component with an older epoch than the promised term may be one that the winner could not see.
    """
    promise = facts.own.promise
    if promise is None or promise.candidate == facts.own.ordinal:
        return None
    winner = facts.peer(promise.candidate)
    state = f"unknown ({winner.reason})" if isinstance(winner, Unknown) else winner.phase.value
    bound = f"term {promise.term} is promised to {pod_name(facts, promise.candidate)}, which is {state}"
    if isinstance(winner, Unknown) and (alive := sorted(primaries(facts))):
        # Nobody but the winner could end this, and where an operator has given it up it never comes.
        epoch = max(r.epoch for r in facts.answers if r.primary_server)
        older = f"{pod_name(facts, alive[0])} is Primary of epoch {epoch}"
        return Hold(
            "promised", f"{bound}, and {older}: bring it back; if no server runs there, `galera-bootstrap discard`"
        )
    return Wait("promised", bound)


def wait_for_lost_quorum(facts: Facts) -> Decision | None:
    """A Primary Component most of whose members are dead lasts until Galera has missed them (evs.suspect_timeout, 5 s).

    Who joined it would wait for half a minute in vain (pc.wait_prim_timeout); and when it has lost its quorum, the
    disks of all count (R17).  Where it has members that are no pods, nobody knows how many of them live; and who has
    waited long enough without that it was lost, joins.
    """
    alive = primaries(facts)
    if not alive or facts.waited_for_quorum_loss or any(r.has_foreign_members for r in facts.states):
        return None
    dead = {r.ordinal for r in facts.states if r.has_no_server}
    size, left = max(p.size for p in alive.values()), len(facts.expected - dead)
    if 2 * left > size:
        return None
    name = pod_name(facts, min(alive))
    return Wait("quorum", f"{name} is Primary of {size}, of which at most {left} live: its quorum may be lost")


def join_primary(facts: Facts) -> Decision | None:
    """A Primary lives: join it if its history contains mine, else hold (R27-R29)."""
    alive = primaries(facts)
    if not alive:
        return None
    ordinal, server = max(alive.items(), key=lambda item: (item[1].last_committed, -item[0]))
    name, mine = pod_name(facts, ordinal), position_to_keep(facts.own)
    if mine is None:
        return Join("join", f"{name} is Primary ({server.uuid}), my datadir is {disk_of(facts.own).data_class}")
    if mine.uuid == server.uuid and facts.own.epoch > (epoch := primary_epoch(facts)):
        if any(r.primary_server and r.joining for r in facts.answers):
            return Wait("join", f"{name} is Primary of epoch {epoch} or later: who has just joined it is about to tell")
        return Hold(
            "other-history",
            f"{name} is Primary of epoch {epoch}, my datadir holds {mine} of epoch {facts.own.epoch}: the cluster was "
            "begun from an older copy of this history; save what is needed from it, then `galera-bootstrap discard`",
        )
    limit = lineage.reach(
        lineage_of_primary(facts, server.uuid), Position(server.uuid, server.last_committed), mine.uuid
    )
    if limit is None:
        return Hold(
            "other-history",
            f"{name} is Primary with history {server.uuid}, my datadir holds {mine}: "
            "save what is needed from it, then `galera-bootstrap discard`",
        )
    if mine.seqno > limit:
        return (
            hold_beyond_fork(name, server, mine, limit)
            if mine.uuid != server.uuid
            else Hold(
                "ahead-of-primary",
                f"my datadir holds {mine.seqno - limit} transactions that {name} (Primary at {limit}) does not: "
                "joining would lose or hide them; save them, then `galera-bootstrap discard`",
            )
        )
    if mine.uuid != server.uuid:
        return Join("join", f"{name} is Primary, its history was forked from mine at {limit}, mine is {mine.seqno}")
    return Join("join", f"{name} is Primary at {server.last_committed}, mine is {mine.seqno} of the same history")


def primary_epoch(facts: Facts) -> int:
    """The epoch of the live Primary Component: of whoever knows it, or is about to (R10).

    Each one is bootstrapped in a later term than all that its disks know, so one of an earlier epoch than mine was not
    begun from disks that knew of mine; that it is past my seqno by now says nothing.
    """
    alive = [r for r in facts.answers if r.primary_server]
    winners = [r.promise.term for r in alive if r.promise and r.promise.candidate == r.ordinal]
    return max([*winners, *(r.epoch for r in alive)], default=0)


def lineage_of_primary(facts: Facts, uuid: str) -> lineage.Forks:
    """What the members of a live Primary Component say of its history's origin."""
    members = (r for r in facts.answers if r.primary_server and r.primary_server.uuid == uuid)
    return tuple(fork for r in members for fork in r.lineage)


def hold_beyond_fork(name: str, server: Server, mine: Position, limit: int) -> Hold:
    """What was given up by an operator's word has come back: nobody throws it away unasked (R28)."""
    return Hold(
        "beyond-fork",
        f"my datadir holds {mine.seqno - limit} transactions that the cluster does not: it is at {mine}, and the "
        f"history of {name} ({server.uuid}) was forked at {limit}; save them, then `galera-bootstrap discard`",
    )
