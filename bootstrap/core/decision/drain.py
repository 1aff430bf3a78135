"""Whether a member should stay a moment longer before it stops, because another pod is on its way in.

Pure, and a courtesy only: no promise rests on it, and the caller has a time limit of its own.
Without it, three nodes that are drained one after the other, each as soon as its pod is gone, leave no member that
serves the clients and sends the others what they have missed.
"""

from bootstrap.core.model.facts import ABSENT, Facts, Phase, PodState
from bootstrap.core.model.predicates import pod_name

COMING = ABSENT | {Phase.BOOTSTRAPPING, Phase.JOINING}
"""A pod whose server is not there yet.  A pod that has just stopped for good looks the same for a moment."""


def why_stay(facts: Facts) -> str:
    """Name the pods for which this member should stay, in one clause; empty = it may stop now (R40).

    Only a member of a Primary Component with complete data is of use to others.  It does not stay for unreachable pods:
    their silence may last, and does not show that they are coming back.
    """
    server = facts.own.server
    if server is None or not server.is_primary or not server.has_complete_data:
        return ""
    coming = [f"{pod_name(facts, peer.ordinal)} is {_state(peer)}" for peer in facts.answers if _is_coming(peer)]
    return ", ".join(coming)


def _is_coming(peer: PodState) -> bool:
    return peer.phase in COMING or (peer.server is not None and not peer.server.has_complete_data)


def _state(peer: PodState) -> str:
    return peer.phase.value if peer.server is None else peer.server.local_state
