"""What a human asks first: which pod is ahead, which is missing, which one this pod waits for, and what can be done.

Pure.  It explains a decision and takes no part in one.
"""

from typing import NamedTuple

from bootstrap.core.decision import quorum
from bootstrap.core.decision.decisions import Bootstrap, Decision, Hold, Join, Stop, Wait
from bootstrap.core.decision.override import advise, describe_answer
from bootstrap.core.model import lineage
from bootstrap.core.model.disk import DataClass, Position
from bootstrap.core.model.facts import Facts, Phase
from bootstrap.core.model.predicates import bootstrap_position, disk_of, pod_name, why_not_counted
from bootstrap.core.model.unknown import Contact, Unknown


class Ahead(NamedTuple):
    """The pods with the newest data, as far as is known."""

    ordinals: tuple[int, ...]
    """The pods that hold them; several if they are equal."""
    position: Position
    """What they hold."""
    primary: bool
    """Whether they are in a Primary Component; else the position was found on their disks."""
    sure: bool
    """Whether every expected pod has answered: one that is silent may hold more."""


def find_ahead(facts: Facts) -> Ahead | None:
    """The newest data; None if no pod that answers has any, or their histories differ."""
    sure = not find_missing(facts)
    if alive := {p.ordinal: Position(s.uuid, s.last_committed) for p in facts.states if (s := p.primary_server)}:
        if len({position.uuid for position in alive.values()}) > 1:
            return None
        best = max(alive.values())
        return Ahead(tuple(o for o, position in alive.items() if position == best), best, primary=True, sure=sure)
    if lineage.leading_history(facts.states) is None:
        return None
    best_disk = bootstrap_position(lineage.most_advanced(facts.states))
    if best_disk is None:  # pragma: no cover  # the most advanced one has a position
        return None
    holders = tuple(pod.ordinal for pod in facts.states if bootstrap_position(pod) == best_disk)
    return Ahead(holders, best_disk, primary=False, sure=sure)


def find_missing(facts: Facts) -> dict[int, str]:
    """The expected ordinals that do not answer, and why not."""
    return {
        ordinal: peer.reason
        for ordinal in sorted(facts.expected - {facts.own.ordinal})
        if isinstance(peer := facts.peer(ordinal), Unknown)
    }


def find_awaited(facts: Facts, decision: Decision) -> dict[int, str]:
    """The ordinals that this pod waits for, and why.

    A pod whose server lives waits for no other pod.  Nor does a pod that holds: it needs a human.
    """
    if not isinstance(decision, Wait) or facts.own.phase is not Phase.FROZEN:
        return {}
    bound = facts.own.promise
    if decision.rule == "promised" and bound is not None and bound.candidate != facts.own.ordinal:
        return {bound.candidate: f"it is the candidate of term {bound.term}"}
    others = sorted(facts.expected - {facts.own.ordinal})
    blockers = {ordinal: why for ordinal in others if (why := why_not_counted(facts.peer(ordinal)))}
    return blockers if blockers and quorum.find_proof(facts) is None else _due(facts)


def _due(facts: Facts) -> dict[int, str]:
    """If all pods have answered, the one that acts next: the most advanced, or the one that creates the database."""
    if lineage.leading_history(facts.states) is not None:
        first = lineage.most_advanced(facts.states).ordinal
    else:
        made = [pod.ordinal for pod in facts.states if disk_of(pod).data_class is DataClass.INITIALIZED]
        first = min(made, default=min(facts.expected))
    return {} if first == facts.own.ordinal else {first: "it is the candidate"}


def suggest(facts: Facts, decision: Decision) -> str:
    """What a human can do now, in one line, even if that is nothing."""
    if text := advise(facts, decision.rule):
        return f"{_look(facts)}; {text}"
    match decision:
        case Hold():
            return "act as the reason says: until then this pod starts nothing"
        case Stop():
            return "nothing: the agent stops this server, so that its disk counts"
        case Bootstrap() | Join():
            return "nothing: this pod starts its server by itself"
        case Wait():
            return _patience(facts, decision)


def _patience(facts: Facts, decision: Wait) -> str:
    if facts.own.phase is Phase.UNKNOWN:
        return "see the server's log (container mysql): it starts, receives its state, or hangs"
    return _look(facts) or ("nothing: it goes on by itself" if find_awaited(facts, decision) else "")


def _look(facts: Facts) -> str:
    """Where to look for the reason why pods do not answer."""
    unknown = {pod_name(facts, o): p for o in find_missing(facts) if isinstance(p := facts.peer(o), Unknown)}
    found = [f"{name} {describe_answer(p)}" for name, p in unknown.items() if p.contact is Contact.ANSWER]
    # One cure for all that could not be asked: it is the same for all peers with that reason.
    found += dict.fromkeys(p.cure for p in unknown.values() if p.contact is Contact.NOT_ASKED and p.cure)
    if silent := [name for name, peer in unknown.items() if peer.is_silent]:
        verb = "are" if len(silent) > 1 else "is"
        found.append(f"see why {', '.join(silent)} {verb} silent: `kubectl describe pod {' '.join(silent)}`")
    return "; ".join(found)
