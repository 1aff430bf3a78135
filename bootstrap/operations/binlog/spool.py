"""The piece that is being made, in a folder of its own: files that do not change any more, and their list.

Lost with the pod, and that is harmless: the next piece begins where the last one in the repository ends.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bootstrap.core.binlog.chain import Piece
from bootstrap.core.binlog.events import MAGIC, Event, Gtid, split
from bootstrap.core.binlog.selection import Limits, Stop, select
from bootstrap.core.repository import pieces
from bootstrap.core.repository.pieces import Segment
from bootstrap.storage import atomic

CHUNK = 1 << 20


class Selected(NamedTuple):
    """What was taken out of a file."""

    last: Gtid | None
    """The last transaction; None = there was none."""
    last_time: int
    transactions: int
    size: int
    sha256: str
    next_position: int
    """Where the next event begins in the member's file; 0 = not known."""
    stop: Stop | None
    """The first transaction that was not wanted any more; None = the file had none."""


class Reader:
    """Yields the events of an open file, and remembers where the member's file goes on."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.next_position = 0

    def __iter__(self) -> Iterator[Event]:
        for event in split(iter(lambda: self._file.read(CHUNK), b"")):
            self.next_position = event.next_position or self.next_position
            yield event


def copy_selected(source: Path, target: Path, limits: Limits) -> Selected:
    """Write the wanted transactions of a file into a new one, durably.  Raises BinlogInvalidError, OSError."""
    digest = hashlib.sha256()
    last: Gtid | None = None
    last_time = transactions = size = 0
    stop = None
    with source.open("rb") as file, target.open("wb") as out:

        def write(raw: bytes) -> None:
            out.write(raw)
            digest.update(raw)

        reader = Reader(file)
        write(MAGIC)
        size = len(MAGIC)
        for part in select(reader, limits):
            if isinstance(part, Stop):
                stop = part
                break
            write(part.raw)
            size += len(part.raw)
            if part.begins:
                last, last_time, transactions = part.begins, part.time, transactions + 1
        out.flush()
        os.fsync(out.fileno())
    return Selected(last, last_time, transactions, size, digest.hexdigest(), reader.next_position, stop)


class Spool:
    """The piece that is open."""

    def __init__(self, root: Path, empty: Piece) -> None:
        """Make an empty folder for it.  Raises OSError."""
        self.folder, self.scratch = root / "piece", root / "scratch"
        for folder in (self.folder, self.scratch):
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(mode=0o700, parents=True)
        self.segments: tuple[Segment, ...] = ()
        self.piece = empty
        self.server = ""
        """The version of the server that was read last."""

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(one.size for one in self.segments)

    def add(self, raw: Path) -> Selected:
        """Take over what is new in a copy of a member's file.  Raises BinlogInvalidError, OSError."""
        after = self.piece.last
        target = self.folder / f"{len(self.segments) + 1:06}.binlog"
        try:
            found = copy_selected(raw, target, Limits(after.domain, after.seqno))
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        if found.last is None:
            target.unlink()
            return found
        one = Segment(target.name, after, found.last, found.transactions, found.size, found.sha256)
        self.segments = (*self.segments, one)
        self.piece = self.piece._replace(last=found.last)
        return found

    def drop_after(self, number: int) -> None:
        """Forget the files after the first `number`: they may not belong to the same history.  Raises OSError."""
        for one in self.segments[number:]:
            (self.folder / one.name).unlink()
        self.segments = self.segments[:number]
        last = self.segments[-1].last if self.segments else self.piece.after
        self.piece = self.piece._replace(last=last)

    def note(self, until: str, server: str) -> None:
        """All that was acknowledged before this time is there."""
        self.piece, self.server = self.piece._replace(until=until), server

    def write_list(self) -> None:
        """Write the list of the files.  Raises OSError."""
        atomic.replace(self.folder / pieces.LIST, pieces.format_list(self.piece, self.segments, self.server))
