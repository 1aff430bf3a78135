"""Rules of a full outage: no Primary Component lives; which pod starts, which pods wait, when a human must decide."""

from bootstrap.core.decision import quorum
from bootstrap.core.decision.decisions import Bootstrap, Decision, Hold, Wait
from bootstrap.core.decision.override import offer, why_void
from bootstrap.core.model import branches, lineage
from bootstrap.core.model.branches import Copy
from bootstrap.core.model.disk import BLANK, UNKNOWN_SEQNO, DataClass, Position
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


def wait_for_directory(facts: Facts) -> Decision | None:
    """Wait until DNS or peer-finder has shown once which pods there are: its silence is not "nobody else" (R12)."""
    if facts.has_directory:
        return None
    return Wait("dns", "DNS has not shown yet which pods there are: look at the Service and the name server")


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
    unknown = {pod_name(facts, o): p for o in others if isinstance(p := facts.peer(o), Unknown)}
    cures = list(dict.fromkeys(peer.cure for peer in unknown.values() if peer.cure))
    if all(disk_of(pod).data_class is DataClass.EMPTY for pod in facts.states):
        # Nobody shall look at the empty ones only, and begin with them.
        cures.append(f"no other pod has data: unless this is a first start, the only copy is at {', '.join(unknown)}")
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


def hold_without_expected_data(facts: Facts) -> Decision | None:
    """Hold if volumes that are taken over are not there: an empty one has nothing that shows where its data are (R44).

    Once any pod has been a member here, the journals know all volumes.
    """
    if not facts.expect_data or any(pod.was_synced for pod in facts.states):
        return None
    empty = [pod.pod for pod in facts.states if disk_of(pod).data_class is DataClass.EMPTY and not pod.joining]
    if not empty:
        return None
    return Hold(
        "expected-data",
        f"nothing is on the volume of {', '.join(empty)}, although GALERA_BOOTSTRAP_EXPECT_DATA=yes: its data are on "
        "another claim or volume; if it begins empty, set that to no",
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
    """Hold unless the disks are of one history, or of one that all others led to by forks (R10, R29).

    Nor may that history have two branches: the higher number is not the newer copy then.
    """
    positions = {pod.pod: p for pod in facts.states if (p := bootstrap_position(pod))}
    if not positions:
        return Hold("no-candidate", "no expected pod has usable data: bring a volume or a backup back")
    if lineage.leading_history(facts.states) is not None:
        return None
    listed = ", ".join(f"{pod} {position}" for pod, position in positions.items())
    uuid = lineage.newest_history(facts.states)
    if uuid is None:
        return Hold(
            "two-histories",
            f"the datadirs hold different histories, {listed}: a human must choose; {offer(facts, TO_KEEP)}",
        )
    parted = branches.find_parting(lineage.startable_copies(facts.states), uuid)
    return Hold(
        "two-branches",
        f"two branches of one history are here, {listed}: nothing shows that they are the same after {parted}, "
        f"one may be an older copy{_name_new_volumes(facts)}; a human must choose; {offer(facts, TO_KEEP)}",
    )


def _name_new_volumes(facts: Facts) -> str:
    """The pods whose volume the others do not know: what shows to which branch it belongs is not there."""
    names = ", ".join(sorted(pod_name(facts, o) for o in pods_with_replaced_volume(facts)))
    return (
        f"; the others do not know the volume of {names}: it is another one, or its journal was deleted"
        if names
        else ""
    )


def hold_for_replaced_volume(facts: Facts) -> Decision | None:
    """Hold if a member's disk held, or may still hold, data that may be the newest (R7, R9).

    Where the last Primary view is proven, only its members count: the other pods had nothing newer.  (That proof takes
    a pod whose volume is empty or was replaced for one that may have gone on.)
    """
    ordinals = quorum.find_last_view(facts) or facts.expected
    members = [pod for pod in facts.states if pod.ordinal in ordinals]
    best = lineage.most_advanced(facts.states)
    for pod in members:
        if hold := hold_for_doubtful_member(facts, pod, best):
            return hold
    missing = [why for pod in members if (why := why_data_missing(facts, pod, best))]
    if not missing:
        return None
    return Hold(
        "replaced-volume",
        f"{'; '.join(missing)}: what was there may have been the newest; bring it back; "
        f"{offer(facts, f'to give it up: {TO_KEEP}')}",
    )


def hold_for_doubtful_member(facts: Facts, pod: PodState, best: PodState) -> Hold | None:
    """Hold if this pod's state transfer may have ended and commits may have followed it."""
    if not may_hold_complete_transfer(pod) or is_accounted_for(pod, best, lineage.forks_known_to(facts.states)):
        return None
    return Hold(
        "doubtful-transfer",
        f"{pod.pod} may hold more than all others ({disk_of(pod).detail}, {position_text(pod)}): "
        f"a human must look at its datadir; {offer(facts, 'without it: `galera-bootstrap force` in another pod')}",
    )


def is_accounted_for(pod: PodState, best: PodState, forks: lineage.Forks) -> bool:
    """Whether the position of a doubtful disk is known, and is part of the best candidate's history or was given up."""
    mine, theirs = disk_of(pod).position, bootstrap_position(best)
    if mine is None or theirs is None:
        return False
    return lineage.accounts_for(forks, Copy(theirs, best.bootstraps), Copy(mine, pod.bootstraps))


def why_data_missing(facts: Facts, pod: PodState, best: PodState) -> str | None:
    """How it shows that this pod's volume held a member's data, and does not hold them now; None = it does not.

    A member's disk may be blank while its join is open, because a state transfer overwrites it: a Primary Component
    that contained its history had let it join.  If that component died at once, its data may have died with it.  If it
    lived on, it has recorded the id of this volume; else another volume is remembered for this pod.  What a doubtful
    disk held is still there.
    """
    was_emptied = pod.was_synced and not pod.joining and not may_hold_complete_transfer(pod)
    volumes = newest_memory(facts, pod, bootstrap_position(best))
    data_class = disk_of(pod).data_class
    if data_class in BLANK and was_emptied:
        return f"{pod.pod} was a member and its datadir is {data_class} now"
    if volumes and pod.volume_id not in volumes:
        cause = "it is another volume" if data_class in BLANK else "it is another volume, or its journal was deleted"
        return f"{pod.pod} was a member and its volume, {data_class} now, is not known to the others: {cause}"
    return None


def newest_memory(facts: Facts, pod: PodState, best: Position | None) -> set[str]:
    """The ids of this pod's volume as the most advanced disks ahead of it remember it that remember it at all (R9).

    A journal that does not have this pod says nothing of it: it may be new, or its agent has never reached the pod.
    A blank pod that was joining these disks has seen its peers, too: its own data were given up for theirs.
    """
    mine = bootstrap_position(pod)
    reached = mine.seqno if mine and best and mine.uuid == best.uuid else UNKNOWN_SEQNO
    ahead: dict[int, set[str]] = {}
    joiners: set[str] = set()
    for other in facts.states:
        volumes, position = (
            {volume for o, volume in other.volumes if o == pod.ordinal and volume},
            bootstrap_position(other),
        )
        if volumes and position and best and position.uuid == best.uuid and position.seqno > reached:
            ahead.setdefault(position.seqno, set()).update(volumes)
        elif mine is None and other.joining and disk_of(other).data_class in BLANK:
            joiners |= volumes
    return (ahead[max(ahead)] if ahead else set()) | joiners


TO_KEEP = "`galera-bootstrap force` in the pod whose data you keep"


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
