"""A backup and the log after it, up to a moment, as a source of `restore`."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from bootstrap.core.binlog.chain import Piece
from bootstrap.core.binlog.events import Gtid
from bootstrap.core.binlog.selection import Limits
from bootstrap.core.galera import server_version
from bootstrap.core.repository import moments, pieces, restic
from bootstrap.core.repository.moments import Moment, Plan
from bootstrap.core.repository.pieces import Segment
from bootstrap.errors import BinlogInvalidError, RestoreRefusedError
from bootstrap.mariadb.recover import Recover
from bootstrap.operations import fetch
from bootstrap.operations.backup_store import Backup
from bootstrap.operations.binlog import remote
from bootstrap.operations.binlog.replay import replay
from bootstrap.operations.binlog.spool import Selected, copy_selected
from bootstrap.process.log import Log
from bootstrap.settings import Settings

SHOWN = "%Y-%m-%dT%H:%M:%SZ"


class PointInTime:
    """As restore.Source: what it copies is the newest backup before the moment, with the log up to there."""

    def __init__(self, settings: Settings, backups: fetch.Remote, moment: Moment, log: Log) -> None:
        self._settings, self._backups, self._moment, self._log = settings, backups, moment, log
        self._pieces = remote.Remote(backups.repository, backups.cluster)
        self._plan: Plan | None = None

    def read(self, name: str) -> Backup:
        """Choose backup and pieces; raises MomentUnreachableError, RestoreRefusedError, and those of Repository."""
        found = self._pieces.read()
        self._plan = chosen = moments.make_plan(found.backups, found.pieces, self._moment, name)
        backup = self._backups.read(chosen.backup.name)
        if (backup.position.uuid, backup.gtid) != (chosen.backup.history, chosen.start):
            raise BinlogInvalidError(
                f"NOT RESTORED: the tags of {backup.name} and its list differ: restore another one"
            )
        ours = server_version.parse_series(Recover((self._settings.mariadbd,)).read_version())
        wrote = server_version.parse_series(backup.server)
        if ours != wrote:
            shown = server_version.describe_series(wrote) or "unknown"
            raise RestoreRefusedError(
                f"NOT RESTORED: the log is replayed only by the series that wrote the backup, {shown}: use its image, "
                "and upgrade afterwards"
            )
        return backup

    def copy(self, backup: Backup, to: Path) -> Path:
        """Copy the backup and replay the log on it; raises BinlogInvalidError too."""
        chosen = self._plan
        assert chosen is not None  # noqa: S101  # a fault of ours: `read` comes first
        data = self._backups.copy(backup, to)
        place = to / "log"
        place.mkdir(mode=0o700)
        files: list[Path] = []
        last, last_time, stop = chosen.start, 0, None
        for piece in chosen.chain.pieces:
            for segment in self._fetch(piece, place):
                if segment.last.seqno <= last.seqno or stop:
                    (place / segment.name).unlink()
                    continue
                taken = self._select(place / segment.name, segment, chosen.limits, last)
                files.append(place / f"{len(files):06}")
                (place / "selected").rename(files[-1])
                last, last_time, stop = taken.last or last, taken.last_time or last_time, taken.stop
            (place / pieces.LIST).unlink()
        if not stop and last != chosen.chain.last:
            raise BinlogInvalidError(f"NOT RESTORED: the pieces end at {last} instead of {chosen.chain.last}")
        self._log(f"replaying the log from {chosen.start} to {format_end(last, last_time)}")
        if files:
            replay(self._settings, data, tuple(files), backup.position)
        shutil.rmtree(place)
        rest = f"; the next one, {format_end(stop.gtid, stop.time)}, is left out" if stop else "; the log has no more"
        self._log(f"reached {format_end(last, last_time)}{rest}")
        return data

    def _fetch(self, piece: Piece, place: Path) -> tuple[Segment, ...]:
        self._log(f"fetching the piece {piece.name}: from {piece.after} to {piece.last}")
        self._backups.repository.run(restic.fetch(piece.id, str(place)))
        return pieces.parse_list((place / pieces.LIST).read_bytes(), piece)

    @staticmethod
    def _select(path: Path, segment: Segment, limits: Limits, last: Gtid) -> Selected:
        """Write what is wanted of a file beside it, and compare the file with the list."""
        target = path.with_name("selected")
        whole = copy_selected(path, target, Limits(limits.domain, segment.after.seqno))
        found = (whole.last, whole.transactions, whole.size, whole.sha256)
        if found != (segment.last, segment.transactions, segment.size, segment.sha256):
            raise BinlogInvalidError(f"NOT RESTORED: {path.name} of the log has changed since it was sent")
        taken = copy_selected(path, target, limits._replace(after=last.seqno))
        path.unlink()
        return taken


def format_end(gtid: Gtid, time: int) -> str:
    """Show a transaction and its time, by the clock of the member that it was made at."""
    return f"{gtid} of {datetime.fromtimestamp(time, UTC):{SHOWN}}" if time else str(gtid)
