"""The moments that backups and log of one cluster lead to, as spans without a gap, for people.  Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from bootstrap.core.binlog import chain
from bootstrap.core.binlog.chain import Piece
from bootstrap.core.binlog.events import Gtid
from bootstrap.core.repository.snapshots import Snapshot


class Span(NamedTuple):
    """All moments from the end of one backup on, up to where its log ends."""

    backups: tuple[Snapshot, ...]
    """The backups in it, the oldest first."""
    first: Gtid
    """The end of its oldest backup."""
    last: Gtid
    """How far the log leads."""
    until: str
    """All that was acknowledged before this time is there; it has the form of a name; empty = not known."""
    gap: Gtid | None
    """The log goes on only after this one; None = there is no later piece."""

    @property
    def history(self) -> str:
        """The cluster state uuid."""
        return self.backups[0].history

    @property
    def taken(self) -> str:
        """The first moment, in the form of a name."""
        return self.backups[0].taken


def find_spans(backups: Iterable[Snapshot], pieces: Iterable[Piece]) -> tuple[Span, ...]:
    """Find the spans, the oldest first; backups without a GTID are in none."""
    every = tuple(pieces)
    found: list[Span] = []
    known = ((one, one.gtid) for one in backups if one.gtid)
    for one, gtid in sorted(known, key=lambda pair: (pair[0].history, pair[1].domain, pair[1].seqno, pair[0].name)):
        # From a backup within a span the log leads as far as from the span's first one.
        if found and _has(found[-1], one.history, gtid):
            found[-1] = found[-1]._replace(backups=(*found[-1].backups, one))
            continue
        links = chain.build(every, one.history, gtid)
        found.append(Span((one,), gtid, links.last, links.until, links.gap[1] if links.gap else None))
    return tuple(sorted(found, key=lambda span: span.taken))


def _has(span: Span, history: str, gtid: Gtid) -> bool:
    return (span.history, span.last.domain) == (history, gtid.domain) and gtid.seqno <= span.last.seqno
