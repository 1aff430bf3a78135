"""Rules of a full outage: no Primary Component lives; who starts, who waits and when a human must decide."""

from bootstrap.core.decision import quorum
from bootstrap.core.decision.decisions import Bootstrap, Decision, Hold, Wait
from bootstrap.core.decision.override import why_void
from bootstrap.core.model import lineage
from bootstrap.core.model.disk import DataClass, Position
from bootstrap.core.model.facts import Facts, PodState, Unknown
from bootstrap.core.model.predicates import (
    BLANK,
    bootstrap_position,
    disk_of,
    epoch_of,
    may_hold_complete_transfer,
    pod_name,
    position_text,
    replaced,
    why_not_counted,
)


def apply_override(facts: Facts) -> Decision | None:
    """An operator has said that this pod starts a new history without those that nobody hears (R7, R8)."""
    word = facts.own.override
    if word is None:
        return None
    if why := why_void(facts, word):
        return Wait("override", f"the operator's word for epoch {word.epoch} is void: {why}")
    reason = f"an operator's word: a new history from {word.base or 'data without a position'}"
    return Bootstrap("override", reason, forced=True, adopt=word.adopt)


def require_all_heard(facts: Facts) -> Decision | None:
    """Every expected pod has answered, frozen, with a known position (P3), or a proof does without (P1, P2).

    Silence alone proves nothing, however long it is (R6, R8, R12, R16, R18, R38, R42).
    """
    others = sorted(facts.expected - {facts.own.ordinal})
    blockers = [f"{pod_name(facts, o)} ({why})" for o in others if (why := why_not_counted(facts.peer(o)))]
    if not blockers or quorum.find_proof(facts):
        return None
    cures = dict.fromkeys(p.cure for o in others if isinstance(p := facts.peer(o), Unknown) and p.cure)
    return Wait("all-heard", f"waiting for {'; '.join([', '.join(blockers), *cures])}")


def hold_below_min_epoch(facts: Facts) -> Decision | None:
    """The best data must not be of an older epoch than the configuration's floor: newer ones were somewhere (R11)."""
    if facts.min_epoch and not any(bootstrap_position(r) for r in facts.states):
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
        f"the best data here are of epoch {found}, below GALERA_BOOTSTRAP_MIN_EPOCH {facts.min_epoch}: bring the newer "
        "ones back; what is here starts a cluster only by `galera-bootstrap force`",
    )


def create_first_database(facts: Facts) -> Decision | None:
    """No data anywhere and no trace that there ever was: the lowest ordinal creates the database (R7, R30, R31)."""
    disks = {r.ordinal: disk_of(r).data_class for r in facts.states}
    if DataClass.INITIALIZED in disks.values():
        # The first Primary Component died before InnoDB held its position: who was just joining it has nothing either.
        disks |= {r.ordinal: DataClass.EMPTY for r in facts.states if was_first_join_interrupted(r)}
    if set(disks.values()) - {DataClass.EMPTY, DataClass.INITIALIZED}:
        return None
    if lost := [r.pod for r in facts.states if r.was_synced]:
        return Hold(
            "all-empty",
            f"every datadir is empty, but {', '.join(lost)} has been a member of a cluster: bring the data back; "
            "for a new cluster, delete the volumes of all pods",
        )
    if gone := sorted(pod_name(facts, o) for o in replaced(facts)):
        return Hold(
            "all-empty",
            f"every datadir is empty, and the volume with which {', '.join(gone)} was to found the cluster has been "
            "replaced: bring it back; for a new cluster, delete the volumes of all pods",
        )
    # An interrupted first start left a whole, unused database at one pod; nobody else may create a second one.
    creator = min((o for o, c in disks.items() if c is DataClass.INITIALIZED), default=min(facts.expected))
    if creator == facts.own.ordinal:
        return Bootstrap("first-start", f"all {len(disks)} expected pods are empty and I am the lowest", first=True)
    return Wait("first-start", f"all expected pods are empty: {pod_name(facts, creator)} creates the database")


def was_first_join_interrupted(record: PodState) -> bool:
    """Whether a first join was interrupted here, on a disk that has never been a member."""
    interrupted = disk_of(record).data_class is DataClass.SST_INTERRUPTED and not may_hold_complete_transfer(record)
    return interrupted and record.joining and not record.was_synced


def require_one_history(facts: Facts) -> Decision | None:
    """The disks must tell of one history, or of one that all others were forked into (R10, R29)."""
    positions = {r.pod: p for r in facts.states if (p := bootstrap_position(r))}
    if not positions:
        return Hold("no-candidate", "no expected pod has usable data: bring a volume or a backup back")
    if lineage.leading_history(facts.states) is None:
        listed = ", ".join(f"{pod} {position}" for pod, position in positions.items())
        return Hold(
            "two-histories",
            f"the datadirs hold different histories, {listed}: a human must choose; "
            "`galera-bootstrap force` in the pod that shall win",
        )
    return None


def hold_for_replaced_volume(facts: Facts) -> Decision | None:
    """A blank disk where a member's data were: what it held may have been the newest (R7, R9).

    A member's own counts as answered only while its `joining` mark is open: then a Primary Component that contained its
    history had let it join.  The most advanced disks know which volumes a Primary Component had seen.  Who is not a
    member of the last Primary view, where that is proven, had nothing newer.
    """
    members = quorum.last_view(facts) or facts.expected
    best = bootstrap_position(lineage.most_advanced(facts.states))
    # So does who was joining them: its data were given up for theirs.
    seen = {
        item
        for r in facts.states
        if bootstrap_position(r) == best or (r.joining and disk_of(r).data_class in BLANK)
        for item in r.volumes
    }
    for record in (r for r in facts.states if r.ordinal in members):
        if may_hold_complete_transfer(record) and not is_accounted_for(
            record, best, lineage.forks_known_to(facts.states)
        ):
            return Hold(
                "doubtful-transfer",
                f"{record.pod} may hold more than anybody else ({disk_of(record).detail}, {position_text(record)}): "
                "a human must look at its datadir; without it: `galera-bootstrap force` in another pod",
            )
        if disk_of(record).data_class not in BLANK:
            continue
        volumes = {volume for ordinal, volume in seen if ordinal == record.ordinal}
        # That it was let join may rest on a Primary Component that had just died: one that lives on has the new id.
        if (record.was_synced and not record.joining) or (volumes and record.volume_id not in volumes):
            return Hold(
                "replaced-volume",
                f"the data of {record.pod}, a member, are gone since the outage and may have been the newest: "
                "bring its volume back, or give that up: `galera-bootstrap force` in the pod that shall win",
            )
    return None


def is_accounted_for(record: PodState, best: Position | None, told: lineage.Forks) -> bool:
    """Whether what a doubtful disk holds is known, and is part of the best candidate's history or was given up."""
    mine = disk_of(record).position
    if mine is None or best is None:
        return False
    return lineage.contains(told, best, mine) or (mine.uuid != best.uuid and lineage.supersedes(told, best, mine))


def start_most_advanced(facts: Facts) -> Decision:
    """The most advanced disk starts, whoever has the flag (R14, R24)."""
    best = lineage.most_advanced(facts.states)
    position = bootstrap_position(best)
    found = quorum.find_proof(facts)
    name = found.name if found else "all-heard"
    if best.ordinal != facts.own.ordinal:
        return Wait(name, f"{best.pod} is the most advanced ({position}) and is to bootstrap")
    if found is None:
        return Bootstrap(name, f"all {len(facts.states)} expected pods are frozen, none is above my {position}")
    without = ", ".join(pod_name(facts, o) for o in sorted(found.excused))
    return Bootstrap(name, f"{PROVEN[found.name]}: {without} cannot hold more than my {position}")


PROVEN = {
    "last-view": "all members of the last Primary view are frozen",
    "last-one-out": "I was the last one out",
}
"""What a proof says, for humans."""
