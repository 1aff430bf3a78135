"""Sends the cluster's binary log to a repository, continuously: what was acknowledged there survives the site.

Each look reads from one member what came after the last transaction that was read, and sends the piece as it is then.
Two programs that do so at once make pieces that overlap, which a restore recognises by their GTIDs; a program that was
killed leaves a piece that ends earlier.  Neither can make a restore apply something twice or leave something out.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bootstrap.core.binlog import chain
from bootstrap.core.binlog.chain import Piece
from bootstrap.core.binlog.events import Gtid
from bootstrap.core.galera import server_version
from bootstrap.core.repository import moments, pieces, restic
from bootstrap.core.repository.snapshots import TIME
from bootstrap.errors import (
    BinlogInvalidError,
    LogNotSentError,
    RepositoryFullError,
    RepositoryLockedError,
    RepositoryUnreachableError,
)
from bootstrap.network.directory import Directory
from bootstrap.operations.binlog import log_source, member
from bootstrap.operations.binlog.log_source import Login, Look, Unusable
from bootstrap.operations.binlog.member import Place
from bootstrap.operations.binlog.remote import Remote
from bootstrap.operations.binlog.sender_health import SenderHealth
from bootstrap.operations.binlog.spool import Spool
from bootstrap.process.announcer import Announcer
from bootstrap.process.log import Log
from bootstrap.settings import Settings

REPLACED = 10
"""So many snapshots of a growing piece may be there before the older ones are removed: that needs the whole repository
for a moment."""

MORE = "there is more to read"
"""The piece is large enough: it is sent before the next file is read, so that no backlog fills the folder."""

CHECKED = 10
"""Once in so many looks the repository is read as a restore would read it."""

NEVER = "19700101T000000Z"
"""The time before which a piece that has seen no member has everything."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to send, and how."""

    login: Login
    spool: Path
    interval: float
    """Seconds from one look to the next: with the time that sending takes, it is the largest loss."""
    piece_bytes: int
    piece_seconds: float
    """A piece is closed when it is so large or so old."""
    sparing: str
    """The member that is read only if no other can be: the writer."""


class Shipper:
    """The program's state; what counts is in the repository."""

    def __init__(self, settings: Settings, remote: Remote, order: Order, log: Log) -> None:
        self.remote, self.order, self.log = remote, order, log
        self.health = SenderHealth(order.interval)
        self._settings, self._directory = settings, Directory.open(settings)
        self._announcer = Announcer(log)
        self._spool: Spool | None = None
        self._place: Place | None = None
        self._began = 0.0
        self._looks = 0
        self._sent: list[str] = []
        """The snapshots of the open piece."""

    def run(self) -> None:
        """Send without end; raises RepositoryRefusedError, LogNotSentError, SettingInvalidError."""
        while True:
            begun = time.monotonic()
            trouble = self.look_and_send()
            if trouble == MORE:
                continue
            self._announcer.report_trouble("sending the binary log", trouble)
            time.sleep(max(0.0, self.order.interval - (time.monotonic() - begun)))

    def look_and_send(self) -> str:
        """Send what is new; returns what is in the way, empty if nothing is."""
        try:
            trouble = self._read()
            if not trouble or self._is_unsent():
                self._send()
            self._looks += 1
            if self.health.obstacle or self._looks % CHECKED == 0:
                self._check()
        except (RepositoryUnreachableError, RepositoryLockedError, RepositoryFullError, BinlogInvalidError) as exc:
            return str(exc)
        except OSError as exc:
            raise LogNotSentError(f"the folder of the pieces fails: {exc.strerror} ({exc.filename})") from exc
        return trouble

    def _read(self) -> str:
        """Read on, from the member that was read last if it can be; returns why nothing could be read."""
        reasons = []
        for host in self._find_hosts():
            now = datetime.now(UTC)
            seen = log_source.look(host, self.order.login)
            if isinstance(seen, Look):
                trouble = self._read_from(seen, f"{now:{TIME}}")
                if trouble in {"", MORE}:
                    return trouble
                reasons.append(f"{host}: {trouble}")
            else:
                reasons.append(f"{host}: {seen.reason}")
        return self._begin_after_gap() or "; ".join(reasons) or "DNS shows no member"

    def _find_hosts(self) -> list[str]:
        own = self._settings
        ordinals = self._directory.possible_ordinals()
        named = [
            (own.pod_of(o), host) for o in sorted(ordinals, reverse=True) for host in self._directory.addresses((o,))
        ]
        last = self._place.host if self._place else ""
        return [host for _, host in sorted(named, key=lambda one: (one[1] != last, one[0] == self.order.sparing))]

    def _read_from(self, seen: Look, now: str) -> str:
        """Read one member's log on; returns why that is not possible."""
        if seen.at is None:
            return "no transaction is in its binary log yet"
        if not self._is_open_for(seen) and self._is_unsent():
            return "what was read of another history or domain is sent before"
        if not self._is_open_for(seen) or self._is_full():
            self._begin(seen, now)
        spool = self._spool
        assert spool is not None  # noqa: S101  # for mypy
        after = spool.piece.last
        if seen.at.seqno < after.seqno:
            return f"it has {seen.at}, and {after} of the same history was sent: was a volume put back?"
        place = self._place
        if place is None or (place.host, place.run) != (seen.host, seen.run):
            start = member.find_start(seen, self.order.login, after)
            if isinstance(start, Unusable):
                return start.reason
            if start.place is None:
                return f"its log begins after {start.oldest or 'an unknown transaction'}, and was sent up to {after}"
            place = start.place
            self.log(f"reading {seen.host}, {place.file}, after {after} of {seen.history}")
        found = member.read_on(seen, self.order.login, place, spool, self.order.piece_bytes)
        self._place = None if isinstance(found, Unusable) else found.place
        if isinstance(found, Unusable):
            return found.reason
        if not found.is_complete:
            return MORE
        spool.note(now, seen.server)
        return ""

    def _is_open_for(self, seen: Look) -> bool:
        piece = self._spool.piece if self._spool else None
        return piece is not None and (piece.history, piece.after.domain) == (seen.history, seen.domain)

    def _is_full(self) -> bool:
        """Whether the open piece, which was sent as it is, is large or old enough."""
        spool = self._spool
        if spool is None or self.health.sent != spool.piece:
            return False
        return spool.size >= self.order.piece_bytes or time.monotonic() - self._began >= self.order.piece_seconds

    def _begin(self, seen: Look, now: str) -> None:
        """Begin a piece where the last one ended: the one before it, or the one in the repository."""
        if self._spool is not None and self._is_open_for(seen):
            self._open(seen.history, self._spool.piece.last, now)
            return
        assert seen.at is not None  # noqa: S101  # for mypy
        found = self.remote.read(create=True)
        end = chain.find_end(found.pieces, seen.history, seen.domain)
        backups = [one.gtid for one in found.backups if one.history == seen.history and one.gtid]
        ours = [gtid for gtid in backups if gtid.domain == seen.domain]
        if end is None and ours:
            end = max(ours, key=lambda gtid: gtid.seqno)
        if end is None:
            self.log(f"the log of the history {seen.history} begins after {seen.at}; the next backup makes it useful")
        self._place = None
        self._open(seen.history, end or seen.at, now)

    def _open(self, history: str, after: Gtid, now: str) -> None:
        self._remove_replaced(0)
        before = self._spool.piece if self._spool else None
        until = before.until if before and before.history == history else NEVER
        self._spool = Spool(self.order.spool, Piece("", self.remote.cluster, now, history, after, after, until))
        self._sent, self._began = [], time.monotonic()

    def _begin_after_gap(self) -> str:
        """Where no member has what comes next, and all of them could be asked: go on after the gap, and say so."""
        spool = self._spool
        if spool is None or self._is_unsent():
            return ""
        after, starts = spool.piece.last, []
        hosts = self._find_hosts()
        for host in hosts:
            seen = log_source.look(host, self.order.login)
            if isinstance(seen, Unusable) or seen.at is None or seen.history != spool.piece.history:
                return ""
            start = member.find_start(seen, self.order.login, after)
            if isinstance(start, Unusable) or start.place is not None or start.oldest is None:
                return ""
            starts.append(start.oldest)
        if not starts:
            return ""
        oldest = min(starts, key=lambda gtid: gtid.seqno)
        self.log(
            f"GAP: no member has what came after {after} any more, and the log goes on after {oldest}: nothing between "
            "them can be restored, and no moment after them before the next backup"
        )
        self.health.note_gap()
        self._place = None
        self._open(spool.piece.history, oldest, f"{datetime.now(UTC):{TIME}}")
        return f"a gap from {after} to {oldest}"

    def _check(self) -> None:
        """Find out whether a restore could come up to the present, and say so when that changes."""
        if (piece := self.health.sent) is None:
            return
        found = self.remote.read()
        ours = [one for one in found.backups if one.history == piece.history]
        obstacle = moments.find_obstacle(ours, found.pieces, piece.last)
        self.health.note_obstacle(obstacle)
        self._announcer.report_trouble("restoring up to the present", obstacle)

    def _is_unsent(self) -> bool:
        spool = self._spool
        return spool is not None and bool(spool.segments) and self.health.sent != spool.piece

    def _send(self) -> None:
        """Send the piece as it is."""
        spool = self._spool
        assert spool is not None  # noqa: S101  # for mypy
        shown = server_version.describe_series(server_version.parse_series(spool.server)) or "unknown"
        tags = pieces.make_tags(spool.piece, shown)
        spool.write_list()
        result = self.remote.repository.run(restic.send_piece(self.remote.cluster, tags), cwd=spool.folder)
        self._sent.append(pieces.parse_sent(result.output))
        if len(self._sent) == 1:
            self.log(f"piece {spool.piece.name} is in the repository: from {spool.piece.after} to {spool.piece.last}")
        self.health.note_sent(spool.piece)
        self._remove_replaced(REPLACED)

    def _remove_replaced(self, allowed: int) -> None:
        """Remove the older snapshots of the open piece; where another job works, later."""
        old = self._sent[:-1]
        if len(old) <= allowed:
            return
        try:
            self.remote.repository.run(restic.forget(*old), lock=0.0)
        except (RepositoryLockedError, RepositoryUnreachableError):
            return
        self._sent = self._sent[-1:]
