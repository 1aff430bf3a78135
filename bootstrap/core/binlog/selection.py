"""Which transactions of a file belong into a copy of the log: those of the cluster, after one GTID, up to a moment.

Pure.  The same rule makes a piece from a member's file, and what is replayed from a piece.  What a member writes only
for itself has another domain, and is left out: it is not what the cluster holds.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bootstrap.core.binlog.events import BETWEEN, FORMAT, INCIDENT, Event, Gtid
from bootstrap.errors import BinlogInvalidError


class Limits(NamedTuple):
    """Which transactions are wanted."""

    domain: int
    after: int
    """The seqno of the last one that is there already."""
    last: int | None = None
    """The seqno of the last one that is wanted; None = all."""
    before: int | None = None
    """The first one of this second or later ends the selection; None = at none."""


class Part(NamedTuple):
    """What is to be written next."""

    raw: bytes
    begins: Gtid | None
    """With this part, this transaction begins."""
    time: int


class Stop(NamedTuple):
    """The first transaction that is not wanted any more, because of `last` or `before`."""

    gtid: Gtid
    time: int


def select(events: Iterable[Event], limits: Limits) -> Iterator[Part | Stop]:
    """Yield the description of the format and the wanted transactions, `Stop` last; raises BinlogInvalidError."""
    wanted, highest = False, -1
    for event in events:
        if event.type == INCIDENT:
            raise BinlogInvalidError("the member's binary log has an incident: events before it are lost")
        if event.type == FORMAT:
            yield Part(event.raw, None, event.time)
        if event.type in BETWEEN:
            wanted = False
        if gtid := event.gtid:
            is_ours = gtid.domain == limits.domain
            if is_ours and gtid.seqno <= highest:
                raise BinlogInvalidError(f"{gtid} comes after number {highest}: the numbers do not rise")
            highest = gtid.seqno if is_ours else highest
            wanted = is_ours and gtid.seqno > limits.after
            if wanted and is_beyond(gtid, event.time, limits):
                yield Stop(gtid, event.time)
                return
        if wanted:
            yield Part(event.raw, gtid, event.time)


def is_beyond(gtid: Gtid, time: int, limits: Limits) -> bool:
    """Whether this transaction is the first that is not wanted."""
    if limits.last is not None and gtid.seqno > limits.last:
        return True
    return limits.before is not None and time >= limits.before
