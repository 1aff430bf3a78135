"""What one pod's record says by itself: what its disk stands for, whether it is frozen, outside, or Primary.

Pure questions that the rules (`decide`), the promise (`promise`) and the operator's word (`word`) share.
"""

from collections.abc import Iterable

from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.core.model.facts import Facts, Phase, PodState, Server, Unknown

STARTABLE = {
    DataClass.CLEAN: 0,
    DataClass.CRASHED: 1,
    DataClass.LOST_GRASTATE: 2,
    DataClass.DDL_CRASH: 3,
}
"""The classes that may start a cluster, with their rank among equal positions."""

UNDECIDABLE = frozenset({DataClass.UNKNOWN, DataClass.UUID_MISMATCH, DataClass.FOREIGN})
"""The classes whose position is not known or is not of this cluster."""

BLANK = frozenset({DataClass.EMPTY, DataClass.SST_INTERRUPTED})
"""The classes that hold no usable data; what was there before, if anything, is gone."""


def disk_of(record: PodState) -> Disk:
    """The disk of a record, as UNKNOWN where it was not read."""
    return record.disk or Disk(DataClass.UNKNOWN)


def bootstrap_position(record: PodState) -> Position | None:
    """The position with which this pod may start the cluster, if it may (R23: never after an interrupted SST)."""
    disk = disk_of(record)
    return disk.position if disk.data_class in STARTABLE else None


def position_to_keep(record: PodState) -> Position | None:
    """The position that this disk must not lose: a candidate's, or that of a transfer that may have ended."""
    return disk_of(record).position if may_hold_complete_transfer(record) else bootstrap_position(record)


def may_hold_complete_transfer(record: PodState) -> bool:
    """Whether a state transfer here may have ended, with commits after it."""
    return disk_of(record).transfer_may_be_complete


def is_non_primary(record: PodState) -> bool:
    """Whether a live server says that it is outside a Primary Component."""
    return record.phase is Phase.RUNNING and record.server is not None and not record.server.is_primary


def is_frozen(record: PodState) -> bool:
    """Whether this pod is frozen with a position that counts."""
    return why_not_counted(record) is None


def why_not_counted(peer: PodState | Unknown) -> str | None:
    """Say why this peer keeps proof P3 from holding, or None when it does not; whoever works answers so (R42)."""
    if isinstance(peer, Unknown):
        return f"unknown: {peer.reason}"
    if peer.server is not None and peer.phase is Phase.RUNNING:
        return f"its server runs, {peer.server.cluster_status}"
    if peer.phase is not Phase.FROZEN or peer.disk is None:
        return peer.phase.value
    if peer.disk.data_class in UNDECIDABLE:
        return f"its datadir is {peer.disk.data_class}: {peer.disk.detail}"
    return None


def primaries(facts: Facts) -> dict[int, Server]:
    """The peers that live in a Primary Component."""
    return {r.ordinal: server for r in facts.answers if (server := r.primary_server)}


def replaced(facts: Facts) -> frozenset[int]:
    """The ordinals of which anybody remembers another volume than the one that answers."""
    volumes = {r.ordinal: r.volume_id for r in facts.states}
    return frozenset(o for r in facts.states for o, volume in r.volumes if volumes.get(o, volume) != volume)


def epoch_of(record: PodState, records: Iterable[PodState]) -> int:
    """The epoch of the data on this disk, as far as these records tell.

    The journal of a joiner that was killed before it was seen Synced knows an older one than it was let join.
    """
    mine = bootstrap_position(record)
    known = [
        r.epoch for r in records if record.joining and mine and (c := bootstrap_position(r)) and c.uuid == mine.uuid
    ]
    return max([record.epoch, *known])


def position_text(record: PodState) -> str:
    """The position of a disk for humans."""
    return str(disk_of(record).position or "its position is unknown")


def pod_name(facts: Facts, ordinal: int) -> str:
    """The name of an ordinal: all pods of a StatefulSet share what stands before the number."""
    return f"{facts.own.pod.rpartition('-')[0]}-{ordinal}"
