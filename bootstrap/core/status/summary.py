"""What a human asks first: which pod is ahead, which is missing, and which one this pod waits for.

Pure.  It explains a decision and takes no part in one.
"""

from typing import NamedTuple

from bootstrap.core.decision import quorum
from bootstrap.core.decision.decisions import Decision, Wait
from bootstrap.core.decision.override import has_lost_data
from bootstrap.core.model import lineage
from bootstrap.core.model.disk import UNDECIDABLE, DataClass, Position
from bootstrap.core.model.facts import Facts, Phase, PodState
from bootstrap.core.model.predicates import bootstrap_position, disk_of, pods_with_replaced_volume, why_not_counted
from bootstrap.core.model.unknown import Unknown


class Ahead(NamedTuple):
    """The pods with the newest data, as far as is known."""

    ordinals: tuple[int, ...]
    """The pods that hold them; several if they are equal."""
    position: Position
    """What they hold."""
    primary: bool
    """Whether they are in a Primary Component; else the position was found on their disks."""
    sure: bool
    """Whether every expected pod has answered, and what it holds or held is known: another one may hold more."""


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
    sure = sure and not any(_may_hold_unknown(facts, pod) for pod in facts.states)
    return Ahead(holders, best_disk, primary=False, sure=sure)


def _may_hold_unknown(facts: Facts, pod: PodState) -> bool:
    """Whether this pod holds data of which nobody knows how new they are, or has lost such data."""
    disk = disk_of(pod)
    is_unread = disk.data_class in UNDECIDABLE or disk.transfer_may_be_complete
    return is_unread or has_lost_data(pod, facts) or pod.ordinal in pods_with_replaced_volume(facts)


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
