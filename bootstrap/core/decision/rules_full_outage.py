"""Rules of a full outage: no Primary Component lives; which pod starts, which pods wait, when a human must decide."""

from bootstrap.core.decision import quorum
from bootstrap.core.decision.decisions import Bootstrap, Decision, Hold, Wait
from bootstrap.core.decision.override import offer, why_void
from bootstrap.core.model import lineage
from bootstrap.core.model.disk import BLANK, DataClass, Position
from bootstrap.core.model.facts import Facts, PodState
from bootstrap.core.model.predicates import (
    bootstrap_position,
    disk_of,
    epoch_of,
    may_hold_complete_transfer,
    pod_name,
    pods_with_replaced_volume,
    position_text,
    why_not_counted,
)
from bootstrap.core.model.unknown import Unknown


def apply_override(facts: Facts) -> Decision | None:
    """Start a new history from this pod, without the unreachable pods, if a human has ordered that (R7, R8)."""
    override = facts.own.override
    if override is None:
        return None
    if why := why_void(facts, override):
        return Wait("override", f"the override for epoch {override.epoch} is void: {why}")
    reason = f"override: a new history from {override.base or 'data without a position'}"
    return Bootstrap("override", reason, forced=True, adopt=override.adopt, history=override.history)


def require_all_heard(facts: Facts) -> Decision | None:
    """Wait until every expected pod has answered, frozen, with a known position, unless a proof excuses the others.

    Silence alone proves nothing, however long it lasts (R6, R8, R12, R16, R18, R38, R42).
    """
    others = sorted(facts.expected - {facts.own.ordinal})
    blockers = [f"{pod_name(facts, o)} ({why})" for o in others if (why := why_not_counted(facts.peer(o)))]
    if not blockers or quorum.find_proof(facts):
        return None
    cures = dict.fromkeys(p.cure for o in others if isinstance(p := facts.peer(o), Unknown) and p.cure)
    return Wait("all-heard", f"waiting for {'; '.join([', '.join(blockers), *cures])}")


def hold_below_min_epoch(facts: Facts) -> Decision | None:
    """Hold if the newest data are of an older epoch than the configured floor: there were newer ones (R11)."""
    if facts.min_epoch and not any(bootstrap_position(pod) for pod in facts.states):
        return Hold(
            "epoch-floor",
            f"no data of epoch {facts.min_epoch} are here, although GALERA_BOOTSTRAP_MIN_EPOCH requires them: "
            "bring them back; for a new cluster, set it to 0",
        )
    if not facts.min_epoch or lineage.leading_history(facts.states) is None:
        return None
    found = epoch_of(lineage.most_advanced(facts.states), facts.states)
    if found >= facts.min_epoch:
        return None
    return Hold(
        "epoch-floor",
        f"the newest data here are of epoch {found}, below GALERA_BOOTSTRAP_MIN_EPOCH {facts.min_epoch}: bring the "
        f"newer ones back; {offer(facts, 'these here start a cluster only by `galera-bootstrap force`')}",
    )


def create_first_database(facts: Facts) -> Decision | None:
    """Create the database on the lowest ordinal if no pod has data or any trace of data (R7, R30, R31)."""
    disks = {pod.ordinal: disk_of(pod).data_class for pod in facts.states}
    if DataClass.INITIALIZED in disks.values():
        # The first Primary Component died before InnoDB held its position: a pod that was joining has nothing either.
        disks |= {pod.ordinal: DataClass.EMPTY for pod in facts.states if was_first_join_interrupted(pod)}
    if set(disks.values()) - {DataClass.EMPTY, DataClass.INITIALIZED}:
        return None
    if members := [pod.pod for pod in facts.states if pod.was_synced]:
        return Hold(
            "all-empty",
            f"every datadir is empty, but these pods were members of a cluster: {', '.join(members)}; "
            "bring the data back; for a new cluster, delete the volumes of all pods",
        )
    if founders := sorted(pod_name(facts, o) for o in pods_with_replaced_volume(facts)):
        return Hold(
            "all-empty",
            f"every datadir is empty, and the volume on which {', '.join(founders)} was about to create the cluster "
            "has been replaced: bring it back; for a new cluster, delete the volumes of all pods",
        )
    # An interrupted first start left a complete, unused database at one pod; no other pod may create a second one.
    creator = min((o for o, c in disks.items() if c is DataClass.INITIALIZED), default=min(facts.expected))
    if creator == facts.own.ordinal:
        is_second_try = disks[creator] is DataClass.INITIALIZED
        why_me = "my first start was interrupted" if is_second_try else "I have the lowest ordinal"
        return Bootstrap("first-start", f"none of the {len(disks)} expected pods has data, and {why_me}", first=True)
    return Wait("first-start", f"no expected pod has data: {pod_name(facts, creator)} creates the database")


def was_first_join_interrupted(pod: PodState) -> bool:
    """Whether a first join was interrupted here, on a disk that has never been a member."""
    interrupted = disk_of(pod).data_class is DataClass.SST_INTERRUPTED and not may_hold_complete_transfer(pod)
    return interrupted and pod.joining and not pod.was_synced


def require_one_history(facts: Facts) -> Decision | None:
    """Hold unless the disks are of one history, or of one that all others led to by forks (R10, R29)."""
    positions = {pod.pod: p for pod in facts.states if (p := bootstrap_position(pod))}
    if not positions:
        return Hold("no-candidate", "no expected pod has usable data: bring a volume or a backup back")
    if lineage.leading_history(facts.states) is None:
        listed = ", ".join(f"{pod} {position}" for pod, position in positions.items())
        return Hold(
            "two-histories",
            f"the datadirs hold different histories, {listed}: a human must choose; "
            f"{offer(facts, '`galera-bootstrap force` in the pod whose data you keep')}",
        )
    return None


def hold_for_replaced_volume(facts: Facts) -> Decision | None:
    """Hold if a member's disk held, or may still hold, data that may be the newest (R7, R9).

    Where the last Primary view is proven, only its members count: the other pods had nothing newer.
    """
    members = quorum.find_last_view(facts) or facts.expected
    best = bootstrap_position(lineage.most_advanced(facts.states))
    seen = volumes_seen_in_primary(facts, best)
    for pod in facts.states:
        if pod.ordinal not in members:
            continue
        if hold := hold_for_doubtful_member(facts, pod, best) or hold_for_missing_data(facts, pod, seen):
            return hold
    return None


def hold_for_doubtful_member(facts: Facts, pod: PodState, best: Position | None) -> Hold | None:
    """Hold if this pod's state transfer may have ended and commits may have followed it."""
    if not may_hold_complete_transfer(pod) or is_accounted_for(pod, best, lineage.forks_known_to(facts.states)):
        return None
    return Hold(
        "doubtful-transfer",
        f"{pod.pod} may hold more than all others ({disk_of(pod).detail}, {position_text(pod)}): "
        f"a human must look at its datadir; {offer(facts, 'without it: `galera-bootstrap force` in another pod')}",
    )


def is_accounted_for(pod: PodState, best: Position | None, forks: lineage.Forks) -> bool:
    """Whether the position of a doubtful disk is known, and is part of the best candidate's history or was given up."""
    mine = disk_of(pod).position
    if mine is None or best is None:
        return False
    return lineage.contains(forks, best, mine) or (mine.uuid != best.uuid and lineage.supersedes(forks, best, mine))


def volumes_seen_in_primary(facts: Facts, best: Position | None) -> frozenset[tuple[int, str]]:
    """(ordinal, volume id) of the volumes that the most advanced disks have seen in a Primary Component.

    A pod that was joining these disks has seen them, too: its own data were given up for theirs.
    """
    return frozenset(
        volume
        for pod in facts.states
        if bootstrap_position(pod) == best or (pod.joining and disk_of(pod).data_class in BLANK)
        for volume in pod.volumes
    )


def hold_for_missing_data(facts: Facts, pod: PodState, seen: frozenset[tuple[int, str]]) -> Hold | None:
    """Hold if this pod's disk is blank although it held a member's data.

    A member's disk may be blank while its join is open, because a state transfer overwrites it: a Primary Component
    that contained its history had let it join.  If that component died at once, its data may have died with it.  If it
    lived on, it has recorded the id of this volume; else `seen` has another volume for this pod.
    """
    if disk_of(pod).data_class not in BLANK:
        return None
    volumes = {volume for ordinal, volume in seen if ordinal == pod.ordinal}
    if (pod.was_synced and not pod.joining) or (volumes and pod.volume_id not in volumes):
        return Hold(
            "replaced-volume",
            f"the data of {pod.pod}, a member, are gone since the outage and may have been the newest: "
            f"bring its volume back; {offer(facts, TO_GIVE_UP)}",
        )
    return None


TO_GIVE_UP = "to give its data up: `galera-bootstrap force` in the pod whose data you keep"


def start_most_advanced(facts: Facts) -> Decision:
    """Start the most advanced disk, whichever pod has the flag in grastate.dat (R14, R24)."""
    best = lineage.most_advanced(facts.states)
    position = bootstrap_position(best)
    proof = quorum.find_proof(facts)
    name = proof.name if proof else "all-heard"
    if best.ordinal != facts.own.ordinal:
        return Wait(name, f"{best.pod} is the most advanced ({position}) and is the candidate")
    if proof is None:
        return Bootstrap(name, f"all {len(facts.states)} expected pods are frozen, none is ahead of my {position}")
    without = ", ".join(pod_name(facts, o) for o in sorted(proof.excused))
    return Bootstrap(name, f"{PROVEN[proof.name]}: {without} cannot hold more than my {position}")


PROVEN = {
    "last-view": "all members of the last Primary view are frozen",
    "last-one-out": "I was the last member, and stopped cleanly",
}
"""What a proof says, for humans."""
