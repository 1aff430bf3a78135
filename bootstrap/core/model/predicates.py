"""Questions about one pod: what its disk may start with, whether it is frozen, non-Primary, or Primary.

Pure; the rules (`decide`), the promise (`election`) and the override (`override`) share them.
"""

from collections.abc import Iterable

from bootstrap.core.model.disk import STARTABLE, UNDECIDABLE, DataClass, Disk, Position
from bootstrap.core.model.facts import Facts, Phase, PodState, Server
from bootstrap.core.model.unknown import Unknown


def disk_of(pod: PodState) -> Disk:
    """The disk of this pod; of the class UNKNOWN if it was not read."""
    return pod.disk or Disk(DataClass.UNKNOWN)


def bootstrap_position(pod: PodState) -> Position | None:
    """The position with which this pod may start the cluster, if it may (R23: never after an interrupted SST)."""
    disk = disk_of(pod)
    return disk.position if disk.data_class in STARTABLE else None


def position_to_keep(pod: PodState) -> Position | None:
    """The position that this disk must not lose: that of a startable disk, or of a transfer that may have ended."""
    return disk_of(pod).position if may_hold_complete_transfer(pod) else bootstrap_position(pod)


def may_hold_complete_transfer(pod: PodState) -> bool:
    """Whether a state transfer here may have ended, with commits after it."""
    return disk_of(pod).transfer_may_be_complete


def is_silent(facts: Facts, ordinal: int) -> bool:
    """Whether this pod was asked, and no agent answered."""
    peer = facts.peer(ordinal)
    return isinstance(peer, Unknown) and peer.is_silent


def is_non_primary(pod: PodState) -> bool:
    """Whether a live server reports that it is not in a Primary Component."""
    return pod.phase is Phase.RUNNING and pod.server is not None and not pod.server.is_primary


def is_frozen(pod: PodState) -> bool:
    """Whether this pod is frozen with a position that counts."""
    return why_not_counted(pod) is None


def why_not_counted(peer: PodState | Unknown) -> str | None:
    """Why this peer does not count for `all-heard`; None = it does.  A busy agent answers with its phase (R42)."""
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
    """The servers of the peers that are in a Primary Component."""
    return {peer.ordinal: server for peer in facts.answers if (server := peer.primary_server)}


def is_one_component(servers: Iterable[Server]) -> bool:
    """Whether these Primary servers of one history may be of one Primary Component: each counts its members."""
    sizes = [server.size for server in servers]
    return len(set(sizes)) < 2 and len(sizes) <= sum(set(sizes))


def term_of_member(pod: PodState) -> int:
    """The epoch of the Primary Component that this pod is in, as far as it knows it or will know it in a moment.

    A member that was let in a moment ago knows it by that permission: it may be the only one that answers a joiner.
    """
    is_candidate = pod.promise is not None and pod.promise.candidate == pod.ordinal
    return max(pod.epoch, pod.joined_epoch, pod.promise.term if pod.promise and is_candidate else 0)


def best_informed_member(pods: Iterable[PodState]) -> PodState | None:
    """The member of the live Primary Component whose journal knows which bootstraps led to it.

    That is one with the highest epoch: a server that was cut off and has come back by itself may be a member before its
    own journal has the bootstraps since.  None = no member can read its journal.
    """
    members = (pod for pod in pods if pod.primary_server and pod.volume_id)
    return max(members, key=term_of_member, default=None)


def why_quorum_uncertain(facts: Facts) -> str | None:
    """Why it is not certain that the Primary Component that was heard still has a quorum; None = it is (R17).

    Only the members that were heard as Primary are certainly alive.  If they are not more than half of the component,
    it may have lost its quorum without having noticed it: then the disks count again, and the newest one may be mine.
    A component that has not noticed anything for long enough has not lost it: its other members live and are not heard,
    or are no pods.
    """
    alive = primaries(facts)
    if not alive or facts.has_primary_kept_quorum:
        return None
    size = max(server.size for server in alive.values())
    if 2 * len(alive) > size:
        return None
    name = pod_name(facts, min(alive))
    return f"{name} is Primary with {size} members, {len(alive)} of them heard: it may have lost its quorum"


def pods_with_replaced_volume(facts: Facts) -> frozenset[int]:
    """The ordinals of which any pod remembers another volume than the one that is there now.

    A pod that cannot read its journal does not know the id of its volume.
    """
    volumes = {pod.ordinal: pod.volume_id for pod in facts.states if pod.volume_id}
    known = {(o, volume) for pod in facts.states for o, volume in pod.volumes if volume}
    return frozenset(o for o, volume in known if volumes.get(o, volume) != volume)


def epoch_of(pod: PodState, pods: Iterable[PodState]) -> int:
    """The epoch of the data on this disk, as far as these pods know it.

    If a joiner was killed before it was seen Synced, its journal has an older epoch than that of the cluster it joined.
    Then its data are of the epoch of a disk of the same history if they have come as far as that disk.
    """
    mine = bootstrap_position(pod)
    if mine is None or not pod.joining:
        return pod.epoch
    reached = [
        other.epoch
        for other in pods
        if (theirs := bootstrap_position(other)) and theirs.uuid == mine.uuid and theirs.seqno <= mine.seqno
    ]
    return max([pod.epoch, *reached])


def position_text(pod: PodState) -> str:
    """The position of a disk for humans."""
    return str(disk_of(pod).position or "its position is unknown")


def pod_name(facts: Facts, ordinal: int) -> str:
    """The name of an ordinal: all pods of a StatefulSet share what stands before the number."""
    return f"{facts.own.pod.rpartition('-')[0]}-{ordinal}"
