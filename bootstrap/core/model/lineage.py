"""Which history contains which: the forks that overrides have made.  Pure.

A forced start gives the data a new uuid, because Galera lets a node that is ahead join silently under the same one.
A fork connects the new history with the old one: the new history contains the old one up to the fork's seqno, whatever
its own numbers are, and nothing after it.  Every member of a history carries the forks that led to it.
"""

from collections.abc import Iterable

from bootstrap.core.model import branches
from bootstrap.core.model.branches import Copy
from bootstrap.core.model.disk import STARTABLE, UNKNOWN_SEQNO, Position
from bootstrap.core.model.facts import Fork, PodState
from bootstrap.core.model.predicates import bootstrap_position, disk_of

Forks = tuple[Fork, ...]


def ancestry(forks: Iterable[Fork], uuid: str) -> Forks:
    """The forks that led to this history, the oldest first; two different origins of one history count as none."""
    origins: dict[str, Fork | None] = {}
    for fork in forks:
        origins[fork.uuid] = fork if origins.get(fork.uuid, fork) == fork else None
    chain: list[Fork] = []
    while (origin := origins.pop(uuid, None)) is not None:  # pop: a circle ends where it began
        chain.insert(0, origin)
        uuid = origin.parent
    return tuple(chain)


def reach(forks: Iterable[Fork], now: Position, uuid: str) -> int | None:
    """The seqno up to which the history `uuid` is contained at `now`; None = nothing shows that any of it is."""
    if now.uuid == uuid:
        return now.seqno
    limits = {fork.parent: fork.seqno for fork in ancestry(forks, now.uuid)}
    return limits.get(uuid)


def forks_known_to(pods: Iterable[PodState]) -> Forks:
    """The forks that any of these pods reports: a joiner that was killed early does not know its own origin."""
    return tuple(fork for pod in pods for fork in pod.lineage)


def contains(forks: Iterable[Fork], now: Copy, other: Copy) -> bool:
    """Whether all of the other data are known to be a part of these."""
    uuid, seqno = other.position.uuid, other.position.seqno
    limit = reach(forks, now.position, uuid)
    if limit is None or seqno > limit:
        return False
    return branches.part_after(now.bootstraps, other.bootstraps, uuid, seqno) is None


def supersedes(forks: Iterable[Fork], now: Position, other: Position) -> bool:
    """Whether `now` is of the same history, or of one that was forked from it, wherever that was."""
    return reach(forks, now, other.uuid) is not None


def accounts_for(forks: Iterable[Fork], now: Copy, other: Copy) -> bool:
    """Whether all of the other data are a part of these, or were given up by a fork before them."""
    forks, mine, theirs = tuple(forks), now.position, other.position
    return contains(forks, now, other) or (theirs.uuid != mine.uuid and supersedes(forks, mine, theirs))


def leading_history(pods: Iterable[PodState]) -> str | None:
    """The one history that supersedes all others on the startable disks of these pods; None if there is none.

    Nor is there one if its own disks are of two branches.
    """
    pods = list(pods)
    uuid = newest_history(pods)
    return None if uuid is None or branches.find_parting(startable_copies(pods), uuid) is not None else uuid


def newest_history(pods: Iterable[PodState]) -> str | None:
    """The same, where its own disks may be of two branches."""
    holders = [(pod, position) for pod in pods if (position := bootstrap_position(pod))]
    forks = forks_known_to(pod for pod, _ in holders)
    leaders = {now.uuid for _, now in holders if all(supersedes(forks, now, other) for _, other in holders)}
    return leaders.pop() if len(leaders) == 1 else None


def startable_copies(pods: Iterable[PodState]) -> list[Copy]:
    """The data of these pods that may start a cluster."""
    return [Copy(position, pod.bootstraps) for pod in pods if (position := bootstrap_position(pod))]


def most_advanced(pods: Iterable[PodState]) -> PodState:
    """The pod of the leading history with the highest seqno; at least one must exist.

    Among equals a copy whose transfer was never seen to end is the last one (R23): files that were cut off may look
    complete.  Then the class decides, the flag in grastate.dat, which is only a hint, and the ordinal (R14, R26).
    """
    pods = list(pods)

    def rank(pod: PodState) -> tuple[int, bool, int, bool, int]:
        disk, position = disk_of(pod), bootstrap_position(pod)
        seqno = position.seqno if position else UNKNOWN_SEQNO
        return (-seqno, pod.joining, STARTABLE[disk.data_class], not disk.safe_to_bootstrap, pod.ordinal)

    uuid = leading_history(pods)
    return min((pod for pod in pods if (p := bootstrap_position(pod)) and p.uuid == uuid), key=rank)
