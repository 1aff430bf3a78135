"""Rules on this pod alone: a server that lives on its volume, and a datadir that must be read first."""

from bootstrap.core.decision import quorum
from bootstrap.core.decision.decisions import Decision, Hold, Stop, Wait
from bootstrap.core.model.facts import Facts, Phase, PodState
from bootstrap.core.model.predicates import (
    UNDECIDABLE,
    is_frozen,
    is_non_primary,
)


def stop_stuck_server(facts: Facts) -> Decision | None:
    """A live non-Primary server beside dead ones waits for ever: it must stop for the proof of a full outage (R17).

    It can commit nothing, and its last position goes to disk.  Galera forms a Primary Component again by itself only
    if all members of the last one are back, and those that are frozen will not start before this is decided.  Whom a
    proof will cover once it has stopped need not be heard.
    """
    if is_non_primary(facts.own) and facts.own.server and facts.own.server.cluster_status == "Disconnected":
        return Stop("stuck-server", "my server has lost its group and will not connect again by itself", alone=True)
    others = [facts.peer(o) for o in sorted(facts.expected - {facts.own.ordinal})]
    if not is_non_primary(facts.own):
        return None
    if not all(
        isinstance(r, PodState) and (is_non_primary(r) or is_frozen(r)) for r in others
    ) and not quorum.once_stopped(facts):
        return None
    dead = [r.pod for r in facts.answers if is_frozen(r)]
    if not dead:
        return None
    reason = f"my server is not in a Primary Component and {', '.join(dead)} died"
    # An arbitrator may bring it back as well.
    return Stop("stuck-server", reason, alone=len(dead) == len(others) and not facts.own.has_foreign_members)


def wait_for_own_server(facts: Facts) -> Decision | None:
    """While something lives on my own volume there is nothing to decide."""
    if facts.own.has_no_server:
        return None
    if facts.own.phase is Phase.UNKNOWN:
        return Wait("own-server", "something holds this volume's lock and does not answer as a server")
    return Wait("own-server", f"my server is {facts.own.phase}")


def wait_for_own_disk(facts: Facts) -> Decision | None:
    """A datadir that was not read, or could not be, decides nothing (R25, R32, R35)."""
    disk = facts.own.disk
    if disk is None or facts.own.phase is not Phase.FROZEN:
        return Wait("own-disk", "the datadir has not been read yet")
    adopted = facts.own.override is not None and facts.own.override.adopt
    if disk.data_class in UNDECIDABLE and not adopted:
        return Hold("own-disk", f"the datadir is {disk.data_class}: {disk.detail}")
    return None
