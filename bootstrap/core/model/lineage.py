"""Which history contains which: the forks that operators have made by their word.  Pure.

A forced start gives the data a new uuid, because Galera lets a node that is ahead join in silence under the same one.
What connects the new history with the old one is a fork: it contains the old one up to the fork's seqno, whatever its
own numbers are, and nothing after it.  Every member of a history carries the forks that led to it.
"""

from collections.abc import Iterable
from dataclasses import replace

from bootstrap.core.model.disk import UNKNOWN_SEQNO, Position
from bootstrap.core.model.facts import Fork, PodState
from bootstrap.core.model.predicates import STARTABLE, bootstrap_position, disk_of

Forks = tuple[Fork, ...]


def ancestry(forks: Iterable[Fork], uuid: str) -> Forks:
    """The forks that led to this history, the oldest first; two stories of one history's origin are none."""
    origins: dict[str, Fork | None] = {}
    for fork in forks:
        if fork.uuid:
            origins[fork.uuid] = fork if origins.get(fork.uuid, fork) == fork else None
    chain: list[Fork] = []
    while (origin := origins.pop(uuid, None)) is not None:  # popped: a circle ends where it began
        chain.insert(0, origin)
        uuid = origin.parent
    return tuple(chain)


def reach(forks: Iterable[Fork], now: Position, uuid: str) -> int | None:
    """Up to which seqno of the history `uuid` everything is contained at `now`; None = nothing says that any is."""
    if now.uuid == uuid:
        return now.seqno
    limits = {fork.parent: fork.seqno for fork in ancestry(forks, now.uuid)}
    return limits.get(uuid)


def forks_known_to(records: Iterable[PodState]) -> Forks:
    """What all of these tell: a joiner that was killed before its journal was written does not know its origin."""
    return tuple(fork for record in records for fork in record.lineage)


def contains(forks: Iterable[Fork], now: Position, other: Position) -> bool:
    """Whether everything up to the other position is known to be part of what is at `now`."""
    limit = reach(forks, now, other.uuid)
    return limit is not None and other.seqno <= limit


def supersedes(forks: Iterable[Fork], now: Position, other: Position) -> bool:
    """Whether `now` is of the same history, or of one that was forked from it, wherever that was."""
    return reach(forks, now, other.uuid) is not None


def leading_history(records: Iterable[PodState]) -> str | None:
    """The one history that supersedes all others on these candidates' disks; None when there is none such."""
    holders = [(record, position) for record in records if (position := bootstrap_position(record))]
    told = forks_known_to(record for record, _ in holders)
    leaders = {now.uuid for _, now in holders if all(supersedes(told, now, other) for _, other in holders)}
    return leaders.pop() if len(leaders) == 1 else None


def most_advanced(records: Iterable[PodState]) -> PodState:
    """The candidate of the leading history with the highest seqno; at least one must exist.

    Ties by class, by the flag in grastate.dat, which is no more than a hint, by ordinal (R14, R26).
    """
    records = list(records)

    def rank(record: PodState) -> tuple[int, int, bool, int]:
        disk, position = disk_of(record), bootstrap_position(record)
        seqno = position.seqno if position else UNKNOWN_SEQNO
        return (-seqno, STARTABLE[disk.data_class], not disk.safe_to_bootstrap, record.ordinal)

    uuid = leading_history(records)
    return min((r for r in records if (p := bootstrap_position(r)) and p.uuid == uuid), key=rank)


def pending_fork(forks: Forks) -> Fork | None:
    """The fork whose new history has not been seen yet."""
    return next((fork for fork in forks if not fork.uuid), None)


def resolve_pending(forks: Forks, uuid: str) -> Forks:
    """The forks once the data turn out to be of this history: a pending fork has happened, or has come to nothing."""
    return tuple(replace(f, uuid=f.uuid or uuid) for f in forks if f.uuid or f.parent != uuid)
