"""What a repository has of a cluster: backups, and pieces of the log."""

from typing import NamedTuple

from bootstrap.core.binlog.chain import Piece
from bootstrap.core.repository import pieces, restic
from bootstrap.core.repository.snapshots import Snapshot
from bootstrap.operations.repository import Repository


class Found(NamedTuple):
    """Of one cluster."""

    backups: tuple[Snapshot, ...]
    pieces: tuple[Piece, ...]
    others: tuple[str, ...] = ()
    """The other clusters that have backups there, for people."""


class Remote(NamedTuple):
    """One cluster's part of a repository."""

    repository: Repository
    cluster: str

    def read(self, *, create: bool = False) -> Found:
        """List backups and pieces; raises the errors of Repository."""
        every = self.repository.open(create=create)
        ours = tuple(one for one in every if one.cluster == self.cluster)
        return Found(ours, self.read_pieces(), tuple(sorted({one.cluster for one in every} - {self.cluster})))

    def read_pieces(self) -> tuple[Piece, ...]:
        """List the pieces; raises the errors of Repository."""
        found = pieces.parse(self.repository.run(restic.LIST_PIECES).output)
        return tuple(one for one in found if one.cluster == self.cluster)
