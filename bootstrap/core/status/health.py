"""How the cluster is, in one word and one line: the first thing that a human wants to know.

Pure, and for humans only: no decision reads it.  It rests on what this pod's agent has heard, so a pod that does not
answer is counted as missing, not as dead.
"""

from enum import StrEnum
from typing import NamedTuple

from bootstrap.core.decision.decisions import Decision, Hold
from bootstrap.core.model.facts import SYNCED, Facts, Phase, PodState
from bootstrap.core.model.predicates import is_one_component, pod_name
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.status.summary import find_awaited


class Health(StrEnum):
    """How the cluster is, as far as this pod knows."""

    HEALTHY = "healthy"
    """Every expected pod is Synced in one Primary Component."""
    DEGRADED = "degraded"
    """A Primary Component lives, and expected pods are not Synced in it."""
    SPLIT = "split"
    """Two Primary Components live."""
    DOWN = "down"
    """Every expected pod has answered, and none is in a Primary Component."""
    UNCERTAIN = "uncertain"
    """No pod that answers is in a Primary Component; one that is not heard may be."""


class HealthLine(NamedTuple):
    """The word, and what goes with it."""

    health: Health
    """The word."""
    line: str
    """How many members, and what is with the others."""


def describe_health(facts: Facts, decision: Decision) -> HealthLine:
    """How the cluster is."""
    alive = {pod.ordinal: server for pod in facts.states if (server := pod.primary_server)}
    total = len(facts.expected)
    if alive:
        if len({server.uuid for server in alive.values()}) > 1 or not is_one_component(alive.values()):
            names = ", ".join(pod_name(facts, o) for o in sorted(alive))
            return HealthLine(Health.SPLIT, f"{names} are Primary in different components")
        synced = [o for o, server in alive.items() if server.local_state == SYNCED]
        line = f"{len(synced)} of {total} Synced"
        others = [_describe_other(facts, o) for o in sorted(facts.expected - set(synced))]
        return HealthLine(Health.DEGRADED if others else Health.HEALTHY, "; ".join([line, *others]))
    missing = [pod_name(facts, o) for o in sorted(facts.expected) if isinstance(facts.peers.get(o), Unknown)]
    where = "no pod that answers is Primary" if missing else "no pod is Primary"
    return HealthLine(Health.UNCERTAIN if missing else Health.DOWN, f"{where}; {_next(facts, decision)}")


def _describe_other(facts: Facts, ordinal: int) -> str:
    peer = facts.own if ordinal == facts.own.ordinal else facts.peer(ordinal)
    if not isinstance(peer, PodState):
        return f"{pod_name(facts, ordinal)} does not answer"
    if peer.phase is Phase.UNKNOWN:
        return f"the server of {peer.pod} does not answer"
    server = peer.primary_server
    return f"{peer.pod} is {server.local_state if server else 'stopped' if peer.phase is Phase.FROZEN else peer.phase}"


def _next(facts: Facts, decision: Decision) -> str:
    """What happens next in this pod."""
    own = facts.own.pod
    if isinstance(decision, Hold):
        return f"{own} holds"
    if awaited := find_awaited(facts, decision):
        return f"{own} waits for {', '.join(pod_name(facts, o) for o in awaited)}"
    return f"{own}: {facts.own.phase}" if facts.own.phase != "frozen" else f"{own} goes on"
