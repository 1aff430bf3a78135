"""The rules: facts in, one decision out.

Everything that affects whether a node bootstraps, joins, waits or holds is in this file.
`decide` is total and pure: it answers for every `Facts`, raises for none, reads no clock and logs nothing.
The rules are tried in the order of `RULES`; the first that has an answer wins, and its name is in the decision.

The invariants that the rules keep, together with `promise`:

1. Nobody bootstraps while anybody is known to be in a Primary Component, or while anybody expected is unknown of whom
   it is not proven that nothing newer can be there.
2. Given the same facts, at most one pod is told to bootstrap.
3. The pod that bootstraps is at or above every disk of the history: all expected pods have answered frozen (proof P3),
   or all members of the last Primary view, after which there can have been no other (proof P1, `proof`).
   "A majority has answered" is not enough: after a full outage an acknowledged commit may be on one disk only.
4. A pod joins only a history that contains its own: Galera itself lets a node with one transaction more join in silence
   once the group's seqno has caught up, and each configuration change takes a seqno (galera gcs_group.cpp,
   `gcs_node_update_status`).

A decision to bootstrap is not yet a permission: that takes the promises of all expected pods (`promise`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from bootstrap.core.decision import quorum
from bootstrap.core.decision.override import obstacle
from bootstrap.core.model import lineage
from bootstrap.core.model.facts import DataClass, Facts, Phase, Position, Record, Server, Unknown
from bootstrap.core.model.predicates import (
    BLANK,
    CANDIDATES,
    UNDECIDABLE,
    blocker,
    candidate,
    disk_of,
    doubtful,
    epoch_of,
    frozen,
    held,
    outside,
    pod_name,
    primaries,
    replaced,
    told,
)

__all__ = ("CANDIDATES", "RULES", "Bootstrap", "Decision", "Hold", "Join", "Rule", "Stop", "Wait", "decide")


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """This pod is the one to start the cluster, once all expected pods have promised."""

    rule: str
    """The rule that decided."""
    reason: str
    """Why, in one line."""
    first: bool = False
    """Whether this is the first start of a new cluster, with no data anywhere."""
    forced: bool = False
    """Whether it is by an operator's word, and so begins a new history."""
    adopt: bool = False
    """Whether these data ran without this toolkit, and need its accounts first."""


@dataclass(frozen=True, slots=True)
class Join:
    """A Primary Component lives and its history contains this pod's."""

    rule: str
    """The rule that decided."""
    reason: str
    """Why, in one line."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not decidable yet; what is missing may still come by itself."""

    rule: str
    """The rule that decided."""
    reason: str
    """For whom or what, in one line."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Will not resolve by itself: a human must look."""

    rule: str
    """The rule that decided."""
    reason: str
    """What is wrong, and what can be done."""


@dataclass(frozen=True, slots=True)
class Stop:
    """My live server is outside a Primary Component and will stay so: stop it, so that its disk counts."""

    rule: str
    """The rule that decided."""
    reason: str
    """Why, in one line."""
    alone: bool = False
    """There is no other server that could bring it back."""


Decision = Bootstrap | Join | Wait | Hold | Stop


def decide(facts: Facts) -> Decision:
    """Return what this pod may do, by the first rule that has an answer."""
    for rule in RULES:
        decision = rule.answer(facts)
        if decision is not None:
            return decision
    raise AssertionError("the last rule always answers")  # pragma: no cover


def stuck_server(facts: Facts) -> Decision | None:
    """A live non-Primary server beside dead ones waits for ever: it must stop for the proof of a full outage (R17).

    It can commit nothing, and its last position goes to disk.  Galera forms a Primary Component again by itself only
    if all members of the last one are back, and those that are frozen will not start before this is decided.  Whom a
    proof will cover once it has stopped need not be heard.
    """
    if outside(facts.own) and facts.own.server and facts.own.server.cluster_status == "Disconnected":
        return Stop("stuck-server", "my server has lost its group and will not connect again by itself", alone=True)
    others = [facts.peer(o) for o in sorted(facts.expected - {facts.own.ordinal})]
    if not outside(facts.own):
        return None
    if not all(isinstance(r, Record) and (outside(r) or frozen(r)) for r in others) and not quorum.once_stopped(facts):
        return None
    dead = [r.pod for r in facts.answers if frozen(r)]
    if not dead:
        return None
    reason = f"my server is not in a Primary Component and {', '.join(dead)} died"
    # An arbitrator may bring it back as well.
    return Stop("stuck-server", reason, alone=len(dead) == len(others) and not facts.own.strangers)


def own_server(facts: Facts) -> Decision | None:
    """While something lives on my own volume there is nothing to decide."""
    if facts.own.absent:
        return None
    if facts.own.phase is Phase.UNKNOWN:
        return Wait("own-server", "something holds this volume's lock and does not answer as a server")
    return Wait("own-server", f"my server is {facts.own.phase}")


def own_disk(facts: Facts) -> Decision | None:
    """A datadir that was not read, or could not be, decides nothing (R25, R32, R35)."""
    disk = facts.own.disk
    if disk is None or facts.own.phase is not Phase.FROZEN:
        return Wait("own-disk", "the datadir has not been read yet")
    adopted = facts.own.word is not None and facts.own.word.adopt
    if disk.data_class in UNDECIDABLE and not adopted:
        return Hold("own-disk", f"the datadir is {disk.data_class}: {disk.detail}")
    return None


def two_primaries(facts: Facts) -> Decision | None:
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


def bound_elsewhere(facts: Facts) -> Decision | None:
    """A promise binds until its winner is Primary or has given up, also against another Primary (R4, R5).

    A Primary Component with an older epoch than the promised term may be one that the winner could not see.
    """
    promise = facts.own.promise
    if promise is None or promise.winner == facts.own.ordinal:
        return None
    winner = facts.peer(promise.winner)
    state = f"unknown ({winner.reason})" if isinstance(winner, Unknown) else winner.phase.value
    bound = f"term {promise.term} is promised to {pod_name(facts, promise.winner)}, which is {state}"
    if isinstance(winner, Unknown) and (alive := sorted(primaries(facts))):
        # Nobody but the winner could end this, and where an operator has given it up it never comes.
        older = f"{pod_name(facts, alive[0])} is Primary of epoch {max(r.epoch for r in facts.answers if r.primary)}"
        return Hold(
            "promised", f"{bound}, and {older}: bring it back; if no server runs there, `galera-bootstrap discard`"
        )
    return Wait("promised", bound)


def about_to_be_lost(facts: Facts) -> Decision | None:
    """A Primary Component most of whose members are dead lasts until Galera has missed them (evs.suspect_timeout, 5 s).

    Who joined it would wait for half a minute in vain (pc.wait_prim_timeout); and when it has lost its quorum, the
    disks of all count (R17).  Where it has members that are no pods, nobody knows how many of them live; and who has
    waited long enough without that it was lost, joins.
    """
    alive = primaries(facts)
    if not alive or facts.waited or any(r.strangers for r in facts.records):
        return None
    dead = {r.ordinal for r in facts.records if r.absent}
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
    name, mine = pod_name(facts, ordinal), held(facts.own)
    if mine is None:
        return Join("join", f"{name} is Primary ({server.uuid}), my datadir is {disk_of(facts.own).data_class}")
    if mine.uuid == server.uuid and facts.own.epoch > (epoch := epoch_alive(facts)):
        if any(r.primary and r.joining for r in facts.answers):
            return Wait("join", f"{name} is Primary of epoch {epoch} or later: who has just joined it is about to tell")
        return Hold(
            "other-history",
            f"{name} is Primary of epoch {epoch}, my datadir holds {mine} of epoch {facts.own.epoch}: the cluster was "
            "begun from an older copy of this history; save what is needed from it, then `galera-bootstrap discard`",
        )
    limit = lineage.reach(lineage_of(facts, server.uuid), Position(server.uuid, server.last_committed), mine.uuid)
    if limit is None:
        return Hold(
            "other-history",
            f"{name} is Primary with history {server.uuid}, my datadir holds {mine}: "
            "save what is needed from it, then `galera-bootstrap discard`",
        )
    if mine.seqno > limit:
        return (
            beyond_fork(name, server, mine, limit)
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


def epoch_alive(facts: Facts) -> int:
    """The epoch of the live Primary Component: of whoever knows it, or is about to (R10).

    Each one is bootstrapped in a later term than all that its disks know, so one of an earlier epoch than mine was not
    begun from disks that knew of mine; that it is past my seqno by now says nothing.
    """
    alive = [r for r in facts.answers if r.primary]
    winners = [r.promise.term for r in alive if r.promise and r.promise.winner == r.ordinal]
    return max([*winners, *(r.epoch for r in alive)], default=0)


def lineage_of(facts: Facts, uuid: str) -> lineage.Forks:
    """What the members of a live Primary Component say of its history's origin."""
    return tuple(fork for r in facts.answers if r.primary and r.primary.uuid == uuid for fork in r.lineage)


def beyond_fork(name: str, server: Server, mine: Position, limit: int) -> Hold:
    """What was given up by an operator's word has come back: nobody throws it away unasked (R28)."""
    return Hold(
        "beyond-fork",
        f"my datadir holds {mine.seqno - limit} transactions that the cluster does not: it is at {mine}, and the "
        f"history of {name} ({server.uuid}) was forked at {limit}; save them, then `galera-bootstrap discard`",
    )


def operators_word(facts: Facts) -> Decision | None:
    """An operator has said that this pod starts a new history without those that nobody hears (R7, R8)."""
    word = facts.own.word
    if word is None:
        return None
    if why := obstacle(facts, word):
        return Wait("forced", f"the operator's word for epoch {word.epoch} is void: {why}")
    reason = f"an operator's word: a new history from {word.base or 'data without a position'}"
    return Bootstrap("forced", reason, forced=True, adopt=word.adopt)


def nothing_newer(facts: Facts) -> Decision | None:
    """Every expected pod has answered, frozen, with a known position (P3), or a proof does without (P1, P2).

    Silence alone proves nothing, however long it is (R6, R8, R12, R16, R18, R38, R42).
    """
    others = sorted(facts.expected - {facts.own.ordinal})
    blockers = [f"{pod_name(facts, o)} ({why})" for o in others if (why := blocker(facts.peer(o)))]
    if not blockers or quorum.of(facts):
        return None
    cures = dict.fromkeys(p.cure for o in others if isinstance(p := facts.peer(o), Unknown) and p.cure)
    return Wait("P3", f"waiting for {'; '.join([', '.join(blockers), *cures])}")


def epoch_floor(facts: Facts) -> Decision | None:
    """The best data must not be of an older epoch than the configuration's floor: newer ones were somewhere (R11)."""
    if facts.floor and not any(candidate(r) for r in facts.records):
        return Hold(
            "epoch-floor",
            f"no data of epoch {facts.floor} are here, which GALERA_BOOTSTRAP_MIN_EPOCH tells to be somewhere: bring "
            "them back; for a new cluster, set it to 0",
        )
    if not facts.floor or lineage.leading(facts.records) is None:
        return None
    found = epoch_of(lineage.most_advanced(facts.records), facts.records)
    if found >= facts.floor:
        return None
    return Hold(
        "epoch-floor",
        f"the best data here are of epoch {found}, below GALERA_BOOTSTRAP_MIN_EPOCH {facts.floor}: bring the newer "
        "ones back; what is here starts a cluster only by `galera-bootstrap force`",
    )


def first_start(facts: Facts) -> Decision | None:
    """No data anywhere and no trace that there ever was: the lowest ordinal creates the database (R7, R30, R31)."""
    disks = {r.ordinal: disk_of(r).data_class for r in facts.records}
    if DataClass.INITIALIZED in disks.values():
        # The first Primary Component died before InnoDB held its position: who was just joining it has nothing either.
        disks |= {r.ordinal: DataClass.EMPTY for r in facts.records if interrupted_first_join(r)}
    if set(disks.values()) - {DataClass.EMPTY, DataClass.INITIALIZED}:
        return None
    if lost := [r.pod for r in facts.records if r.history]:
        return Hold(
            "all-empty",
            f"every datadir is empty, but {', '.join(lost)} has been a member of a cluster: bring the data back; "
            "for a new cluster, delete the volumes of all pods",
        )
    if gone := sorted(pod_name(facts, o) for o in replaced(facts)):
        return Hold(
            "all-empty",
            f"every datadir is empty, and the volume with which {', '.join(gone)} was to found the cluster has been "
            "replaced: bring it back; for a new cluster, delete the volumes of all pods",
        )
    # An interrupted first start left a whole, unused database at one pod; nobody else may create a second one.
    creator = min((o for o, c in disks.items() if c is DataClass.INITIALIZED), default=min(facts.expected))
    if creator == facts.own.ordinal:
        return Bootstrap("first-start", f"all {len(disks)} expected pods are empty and I am the lowest", first=True)
    return Wait("first-start", f"all expected pods are empty: {pod_name(facts, creator)} creates the database")


def interrupted_first_join(record: Record) -> bool:
    """Whether a first join was interrupted here, on a disk that has never been a member."""
    interrupted = disk_of(record).data_class is DataClass.SST_INTERRUPTED and not doubtful(record)
    return interrupted and record.joining and not record.history


def one_history(facts: Facts) -> Decision | None:
    """The disks must tell of one history, or of one that all others were forked into (R10, R29)."""
    positions = {r.pod: p for r in facts.records if (p := candidate(r))}
    if not positions:
        return Hold("no-candidate", "no expected pod has usable data: bring a volume or a backup back")
    if lineage.leading(facts.records) is None:
        listed = ", ".join(f"{pod} {position}" for pod, position in positions.items())
        return Hold(
            "two-histories",
            f"the datadirs hold different histories, {listed}: a human must choose; "
            "`galera-bootstrap force` in the pod that shall win",
        )
    return None


def replaced_volume(facts: Facts) -> Decision | None:
    """A blank disk where a member's data were: what it held may have been the newest (R7, R9).

    A member's own counts as answered only while its `joining` mark is open: then a Primary Component that contained its
    history had let it join.  The most advanced disks know which volumes a Primary Component had seen.  Who is not a
    member of the last Primary view, where that is proven, had nothing newer.
    """
    members = quorum.last_view(facts) or facts.expected
    best = candidate(lineage.most_advanced(facts.records))
    # So does who was joining them: its data were given up for theirs.
    seen = {
        item
        for r in facts.records
        if candidate(r) == best or (r.joining and disk_of(r).data_class in BLANK)
        for item in r.volumes
    }
    for record in (r for r in facts.records if r.ordinal in members):
        if doubtful(record) and not accounted_for(record, best, lineage.known_to(facts.records)):
            return Hold(
                "doubtful-transfer",
                f"{record.pod} may hold more than anybody else ({disk_of(record).detail}, {told(record)}): "
                "a human must look at its datadir; without it: `galera-bootstrap force` in another pod",
            )
        if disk_of(record).data_class not in BLANK:
            continue
        volumes = {volume for ordinal, volume in seen if ordinal == record.ordinal}
        # That it was let join may rest on a Primary Component that had just died: one that lives on has the new id.
        if (record.history and not record.joining) or (volumes and record.volume_id not in volumes):
            return Hold(
                "replaced-volume",
                f"the data of {record.pod}, a member, are gone since the outage and may have been the newest: "
                "bring its volume back, or give that up: `galera-bootstrap force` in the pod that shall win",
            )
    return None


def accounted_for(record: Record, best: Position | None, told: lineage.Forks) -> bool:
    """Whether what a doubtful disk holds is known, and is part of the best candidate's history or was given up."""
    mine = disk_of(record).position
    if mine is None or best is None:
        return False
    return lineage.contains(told, best, mine) or (mine.uuid != best.uuid and lineage.supersedes(told, best, mine))


def winner(facts: Facts) -> Decision:
    """The most advanced disk starts, whoever has the flag (R14, R24)."""
    best = lineage.most_advanced(facts.records)
    position = candidate(best)
    found = quorum.of(facts)
    name = found.name if found else "P3"
    if best.ordinal != facts.own.ordinal:
        return Wait(name, f"{best.pod} is the most advanced ({position}) and is to bootstrap")
    if found is None:
        return Bootstrap(name, f"all {len(facts.records)} expected pods are frozen, none is above my {position}")
    without = ", ".join(pod_name(facts, o) for o in sorted(found.excused))
    return Bootstrap(name, f"{PROVEN[found.name]}: {without} cannot hold more than my {position}")


PROVEN = {
    "P1": "all members of the last Primary view are frozen",
    "P2": "I was the last one out",
}
"""What a proof says, for humans."""


class Rule(NamedTuple):
    """One rule with its name for humans."""

    name: str
    answer: Callable[[Facts], Decision | None]


RULES = (
    Rule("stuck-server", stuck_server),
    Rule("own-server", own_server),
    Rule("own-disk", own_disk),
    Rule("two-primaries", two_primaries),
    Rule("promised", bound_elsewhere),
    Rule("quorum", about_to_be_lost),
    Rule("join", join_primary),
    Rule("forced", operators_word),
    Rule("P3 nothing newer", nothing_newer),
    Rule("epoch-floor", epoch_floor),
    Rule("first-start", first_start),
    Rule("one-history", one_history),
    Rule("replaced-volume", replaced_volume),
    Rule("P3 winner", winner),
)
