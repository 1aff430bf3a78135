"""Rules on this pod alone: a server that lives on its volume, and a datadir that must be read first."""

from bootstrap.core.decision import quorum
from bootstrap.core.decision.decisions import Decision, Hold, Stop, Wait
from bootstrap.core.decision.override import advise_for_own_disk
from bootstrap.core.model.disk import UNDECIDABLE, ObstacleKind
from bootstrap.core.model.facts import Facts, Phase, PodState
from bootstrap.core.model.predicates import is_frozen, is_non_primary


def stop_stuck_server(facts: Facts) -> Decision | None:
    """Stop a live non-Primary server beside dead ones: a proof of a full outage needs its disk (R17).

    It would wait without limit.  It can commit nothing, and its last position goes to disk.  Galera forms a Primary
    Component again by itself only if all members of the last one are back, and those that are frozen do not start
    before this is decided.  Pods that a proof will excuse once this server has stopped need not answer.
    """
    if not is_non_primary(facts.own):
        return None
    if facts.own.server and facts.own.server.cluster_status == "Disconnected":
        return Stop("stuck-server", "my server has lost its group and will not connect again by itself", alone=True)
    others = [facts.peer(o) for o in sorted(facts.expected - {facts.own.ordinal})]
    last_view = quorum.find_last_view_once_stopped(facts)
    all_outside = all(isinstance(peer, PodState) and (is_non_primary(peer) or is_frozen(peer)) for peer in others)
    if not others or not (all_outside or last_view):
        return None
    dead = [peer for peer in facts.answers if is_frozen(peer)]
    if not dead:
        # Nothing can be committed, so a stop loses nothing; but Galera nearly always brings them together again.
        names = ", ".join(peer.pod for peer in facts.answers)
        reason = f"no server is in a Primary Component, and mine and those of {names} do not find each other"
        return Stop("stuck-server", reason, all_live=True)
    reason = f"my server is not in a Primary Component and {', '.join(peer.pod for peer in dead)} died"
    # Only another live member of the last view could bring it back, or an arbitrator.
    members = last_view or facts.expected
    is_alone = members <= {facts.own.ordinal, *(peer.ordinal for peer in dead)}
    return Stop("stuck-server", reason, alone=is_alone and not facts.own.has_foreign_members)


def wait_for_own_server(facts: Facts) -> Decision | None:
    """Decide nothing while something lives on this pod's volume."""
    if facts.own.has_no_server:
        return None
    if facts.own.phase is Phase.UNKNOWN:
        return Wait("own-server", "something holds this volume's lock and does not answer as a server")
    if is_non_primary(facts.own):
        return Wait(
            "own-server", "my server is in no Primary Component: it waits for other members, and takes no write"
        )
    return Wait("own-server", f"my server is {facts.own.phase}")


def wait_for_own_disk(facts: Facts) -> Decision | None:
    """Wait until the datadir has been read, and hold if its position is not known (R25, R32, R35).

    Hold also while the server refuses its options, or must not get them: it would end, or falsify the position.  The
    starter looks again every few seconds, so a corrected file is enough.
    """
    disk = facts.own.disk
    if disk is None or facts.own.phase is not Phase.FROZEN:
        return Wait("own-disk", "the datadir has not been read yet")
    if disk.obstacle is not None and disk.obstacle.kind is ObstacleKind.OPTIONS:
        return Hold("options", disk.obstacle.why)
    adopted = facts.own.override is not None and facts.own.override.adopt
    if disk.data_class in UNDECIDABLE and not adopted:
        return Hold("own-disk", f"the datadir is {disk.data_class}: {disk.detail}{advise_for_own_disk(facts)}")
    return None
