"""Whether a member should stay a moment longer before it stops: somebody is on the way in.

Pure, and a courtesy only: no promise rests on it, and whoever asks has a bound of his own.
Without it three nodes that are drained one after the other, each as soon as its pod is gone, leave nobody to serve the
clients and to send the others what they have missed.
"""

from bootstrap.core.model.facts import ABSENT, Facts, Phase, PodState
from bootstrap.core.model.predicates import pod_name

COMING = ABSENT | {Phase.BOOTSTRAPPING, Phase.JOINING}
"""A pod whose server is not there yet.  One that has just stopped for good looks the same for a moment."""


def reason(facts: Facts) -> str:
    """For whom this member should stay, in one clause; nothing where it may go (R40).

    Only a member of a Primary Component with whole data is of use to others.  Who is silent is not waited for: that may
    last, and says nothing of coming back.
    """
    server = facts.own.server
    if server is None or not server.is_primary or not server.has_complete_data:
        return ""
    coming = [f"{pod_name(facts, peer.ordinal)} is {_state(peer)}" for peer in facts.answers if _comes(peer)]
    return ", ".join(coming)


def _comes(peer: PodState) -> bool:
    return peer.phase in COMING or (peer.server is not None and not peer.server.has_complete_data)


def _state(peer: PodState) -> str:
    return peer.phase.value if peer.server is None else peer.server.local_state
