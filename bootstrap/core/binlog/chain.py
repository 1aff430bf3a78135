"""How pieces of a cluster's log follow each other: one chain without a gap, in which nothing counts twice.  Pure.

A piece holds every transaction of one history after one GTID up to another one.  Two programs that send at once, or one
that was killed, leave pieces that overlap: the longest one counts, and of the next only what comes after it.
A hole in the numbers is no gap: a statement that fails takes a number, too.
"""

from collections.abc import Iterable
from typing import NamedTuple

from bootstrap.core.binlog.events import Gtid


class Piece(NamedTuple):
    """A piece of the log in a repository."""

    id: str
    """Its snapshot."""
    cluster: str
    name: str
    """When it was begun, as a backup's name."""
    history: str
    """The cluster state uuid.  A new history may use the numbers of a given-up one again, so no chain has both."""
    after: Gtid
    """It begins with the first transaction after this one."""
    last: Gtid
    """Its last transaction; the same as `after` if it has none."""
    until: str
    """All that was acknowledged before this time is in it or before it; it has the form of a name."""


class Chain(NamedTuple):
    """What a repository has after one GTID."""

    pieces: tuple[Piece, ...]
    """In the order of the log."""
    last: Gtid
    """How far they lead."""
    until: str
    """All that was acknowledged before this time is there; empty = not known."""
    gap: tuple[Gtid, Gtid] | None
    """What comes after it is missing, up to where the next piece begins; None = there is no later piece."""


def build(pieces: Iterable[Piece], history: str, start: Gtid) -> Chain:
    """Build the longest chain after this GTID of this history."""
    ours = [one for one in pieces if (one.history, one.after.domain) == (history, start.domain)]
    chosen: list[Piece] = []
    last = start
    while following := [one for one in ours if one.after.seqno <= last.seqno < one.last.seqno]:
        chosen.append(max(following, key=lambda one: (one.last.seqno, one.until, one.id)))
        last = chosen[-1].last
    # None of those that begin in the chain leads beyond its end: each shows that there was nothing more at its time.
    known = [one.until for one in ours if one.after.seqno <= last.seqno]
    later = [one.after for one in ours if one.after.seqno > last.seqno]
    gap = (last, min(later, key=lambda one: one.seqno)) if later else None
    return Chain(tuple(chosen), last, max(known, default=""), gap)


def find_end(pieces: Iterable[Piece], history: str, domain: int) -> Gtid | None:
    """Find how far the log of this history was sent; None = nothing of it was."""
    ends = [one.last for one in pieces if (one.history, one.last.domain) == (history, domain)]
    return max(ends, key=lambda one: one.seqno, default=None)


def find_contained(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Find the pieces that another one contains."""
    kept: list[Piece] = []
    found: list[Piece] = []
    for one in sorted(pieces, key=lambda one: (one.last.seqno - one.after.seqno, one.until, one.id), reverse=True):
        (found if any(_contains(other, one) for other in kept) else kept).append(one)
    return tuple(found)


def _contains(large: Piece, small: Piece) -> bool:
    return (
        (large.cluster, large.history, large.after.domain) == (small.cluster, small.history, small.after.domain)
        and large.after.seqno <= small.after.seqno
        and small.last.seqno <= large.last.seqno
        and small.until <= large.until
    )


def find_old(pieces: Iterable[Piece], starts: Iterable[tuple[str, Gtid]], newest: str) -> tuple[Piece, ...]:
    """Find the pieces that no restore can need: those before the first backup of their history.

    `starts` are the backups' histories and GTIDs.  A history without any backup is given up, except the newest one:
    its first backup may still come.
    """
    firsts: dict[tuple[str, int], int] = {}
    for history, gtid in starts:
        key = (history, gtid.domain)
        firsts[key] = min(gtid.seqno, firsts.get(key, gtid.seqno))
    found = []
    for one in pieces:
        first = firsts.get((one.history, one.after.domain))
        if (first is None and one.history != newest) or (first is not None and one.last.seqno < first):
            found.append(one)
    return tuple(found)
