"""What a human asks first: who is ahead, who is missing, for whom this pod waits, and what may be done.

Pure.  It explains a decision and takes no part in one.
"""

from dataclasses import dataclass

from bootstrap.core.decision import quorum
from bootstrap.core.decision.decisions import Bootstrap, Decision, Hold, Join, Stop, Wait
from bootstrap.core.decision.override import advise
from bootstrap.core.model import lineage
from bootstrap.core.model.disk import DataClass, Position
from bootstrap.core.model.facts import ABSENT, Facts, Phase, Unknown
from bootstrap.core.model.predicates import bootstrap_position, disk_of, pod_name, why_not_counted


@dataclass(frozen=True, slots=True)
class Ahead:
    """Whose data are the newest, by what is known."""

    ordinals: tuple[int, ...]
    """Who holds them; several, where they are equal."""
    position: Position
    """What they hold."""
    primary: bool
    """Whether they live in a Primary Component; else it is what was found on their disks."""
    sure: bool
    """Whether every expected pod was heard: one that is silent may hold more."""


def ahead(facts: Facts) -> Ahead | None:
    """The newest data; None where nobody who was heard has any, or their histories differ."""
    sure = not missing(facts)
    if alive := {r.ordinal: Position(s.uuid, s.last_committed) for r in facts.states if (s := r.primary_server)}:
        if len({position.uuid for position in alive.values()}) > 1:
            return None
        best = max(alive.values())
        return Ahead(tuple(o for o, position in alive.items() if position == best), best, primary=True, sure=sure)
    if lineage.leading_history(facts.states) is None:
        return None
    best_disk = bootstrap_position(lineage.most_advanced(facts.states))
    if best_disk is None:  # pragma: no cover  # the most advanced one is a candidate
        return None
    holders = tuple(r.ordinal for r in facts.states if bootstrap_position(r) == best_disk)
    return Ahead(holders, best_disk, primary=False, sure=sure)


def missing(facts: Facts) -> dict[int, str]:
    """The expected ordinals that do not answer, and why not."""
    return {
        ordinal: peer.reason
        for ordinal in sorted(facts.expected - {facts.own.ordinal})
        if isinstance(peer := facts.peer(ordinal), Unknown)
    }


def awaited(facts: Facts, decision: Decision) -> dict[int, str]:
    """The ordinals without which this pod does not go on, and what each would have to do.

    Nobody is awaited by a pod whose server lives, and nobody by one that holds: that takes a human.
    """
    if not isinstance(decision, Wait) or facts.own.phase is not Phase.FROZEN:
        return {}
    bound = facts.own.promise
    if decision.rule == "promised" and bound is not None and bound.candidate != facts.own.ordinal:
        return {bound.candidate: f"term {bound.term} is promised to it"}
    others = sorted(facts.expected - {facts.own.ordinal})
    blockers = {ordinal: why for ordinal in others if (why := why_not_counted(facts.peer(ordinal)))}
    return blockers if blockers and quorum.find_proof(facts) is None else _due(facts)


def _due(facts: Facts) -> dict[int, str]:
    """Everybody was heard, and somebody else is to act: the most advanced pod, or the one that creates the database."""
    if lineage.leading_history(facts.states) is not None:
        first = lineage.most_advanced(facts.states).ordinal
    else:
        made = [r.ordinal for r in facts.states if disk_of(r).data_class is DataClass.INITIALIZED]
        first = min(made, default=min(facts.expected))
    return {} if first == facts.own.ordinal else {first: "it is to bootstrap"}


def helps(facts: Facts, decision: Decision) -> str:
    """What a human may do now, in one line; what need not be done is said, too."""
    if text := advise(facts, decision.rule):
        return f"{_look(facts)}; {text}"
    match decision:
        case Hold():
            return "a human must act, as the reason says: this pod starts nothing before"
        case Stop():
            return "nothing: the agent stops this server, so that its disk counts"
        case Bootstrap() | Join():
            return "nothing: this pod starts its server by itself"
        case Wait():
            return _patience(facts, decision)


def _patience(facts: Facts, decision: Wait) -> str:
    if facts.own.phase is Phase.UNKNOWN:
        return "see the server's log (container mysql): it starts, receives its state, or hangs"
    if facts.own.phase not in ABSENT:
        return _look(facts)
    return _look(facts) or ("nothing: it goes on by itself" if awaited(facts, decision) else "")


def _look(facts: Facts) -> str:
    """Where to look for the cause of a silence."""
    silent = [pod_name(facts, ordinal) for ordinal in missing(facts)]
    return f"see why {', '.join(silent)} is silent: `kubectl describe pod {' '.join(silent)}`" if silent else ""
