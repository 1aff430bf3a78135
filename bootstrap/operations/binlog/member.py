"""Reads the log of the members: from one at a time, from where the last look ended."""

from typing import NamedTuple

from bootstrap.core.binlog.events import Gtid
from bootstrap.errors import BinlogInvalidError
from bootstrap.operations.binlog import log_source
from bootstrap.operations.binlog.log_source import Login, Look, Unusable
from bootstrap.operations.binlog.spool import Spool


class Place(NamedTuple):
    """Where to go on in a member's log; counts for one run of its server only."""

    host: str
    run: str
    file: str
    position: int


class Start(NamedTuple):
    """A member's log leads on from a transaction, or begins after it."""

    place: Place | None
    """None: what comes next is not in this log any more."""
    oldest: Gtid | None
    """The last transaction before the oldest file; None = not known."""


def find_start(seen: Look, login: Login, after: Gtid) -> Start | Unusable:
    """Find the newest file that begins at or before this transaction.  Raises BinlogInvalidError."""
    files = log_source.list_files(seen.host, login)
    if isinstance(files, Unusable):
        return files
    oldest: tuple[Gtid, str] | None = None
    for file in reversed(files):
        start = log_source.read_start(seen.host, login, file, seen.domain)
        if isinstance(start, Unusable):
            return start
        if start is None:
            continue
        if start.seqno <= after.seqno:
            return Start(Place(seen.host, seen.run, file, 4), start)
        oldest = (start, file)
    return Start(None, oldest[0] if oldest else None)


class Progress(NamedTuple):
    """How far a member's log was read."""

    place: Place
    is_complete: bool
    """Up to its present end; else the piece is large enough."""


def read_on(seen: Look, login: Login, place: Place, spool: Spool, enough: int) -> Progress | Unusable:
    """Add to the spool what this member's log has after this place, or the first files of it that are `enough` bytes.

    The member must be the same run of the same history after it as before, else what was added is dropped again: a file
    of another history must not get this one's name.  Raises BinlogInvalidError, LogNotSentError, OSError.
    """
    before = len(spool.segments)
    found = _read_files(seen, login, place, spool, enough)
    again = log_source.look(seen.host, login)
    if isinstance(again, Look) and (again.history, again.run) != (seen.history, seen.run):
        again = Unusable("it was started again meanwhile")
    if isinstance(again, Unusable):
        spool.drop_after(before)
        return again
    is_complete = isinstance(found, Progress) and found.is_complete
    if is_complete and seen.at and spool.piece.last.seqno < seen.at.seqno:
        return Unusable(f"it has {seen.at}, and its files end at {spool.piece.last}")
    return found


def _read_files(seen: Look, login: Login, place: Place, spool: Spool, enough: int) -> Progress | Unusable:
    files = log_source.list_files(seen.host, login)
    if isinstance(files, Unusable):
        return files
    if place.file not in files:
        return Unusable(f"{place.file} is no longer there")
    for file in files[files.index(place.file) :]:
        position = place.position if file == place.file else 4
        raw = log_source.pull(seen, login, file, position, spool.scratch)
        if isinstance(raw, Unusable):
            return raw
        try:
            taken = spool.add(raw)
        except BinlogInvalidError as exc:
            return Unusable(f"{file}: {exc}")
        finally:
            raw.unlink(missing_ok=True)
        place = place._replace(file=file, position=taken.next_position or position)
        if spool.size >= enough and file != files[-1]:
            return Progress(place, is_complete=False)
    return Progress(place, is_complete=True)
