"""What the kubelet and Prometheus see of the program that sends the log: how much would be lost now, in seconds."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from bootstrap.core.binlog.chain import Piece
from bootstrap.core.status.metrics.text_format import counter, gauge, render
from bootstrap.network.text_server import PLAIN, PROMETHEUS, Answer
from bootstrap.operations.backup_store import parse_time

PREFIX = "galera_bootstrap_log"

LATE = 5
"""A look that is so many intervals late makes the program not ready."""


class SenderHealth:
    """Written by the program, read by its server's threads."""

    def __init__(self, interval: float, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.sent: Piece | None = None
        """The newest piece, as it is in the repository."""
        self.gaps = 0
        self.obstacle = "it is not known yet which backup the log follows"
        """Why no restore could come up to the present; empty = one could."""
        self._interval, self._now = interval, now

    def note_sent(self, piece: Piece) -> None:
        """All that was acknowledged before the time of this piece is in the repository."""
        self.sent = piece

    def note_obstacle(self, obstacle: str) -> None:
        """What keeps a restore from coming up to the present; empty = nothing."""
        self.obstacle = obstacle

    def note_gap(self) -> None:
        """Something is missing for good."""
        self.gaps += 1

    @property
    def behind(self) -> float | None:
        """For how many seconds acknowledged commits may not be in the repository; None = nothing was sent yet."""
        if self.sent is None:
            return None
        return max(0.0, (self._now() - parse_time(self.sent.until)).total_seconds())

    @property
    def is_ready(self) -> bool:
        """Whether a restore could come up to the present, but for a few intervals."""
        behind = self.behind
        return behind is not None and behind <= LATE * self._interval and not self.obstacle

    def format_metrics(self) -> str:
        """Return what Prometheus gets."""
        families = (
            gauge("behind_seconds", "For how many seconds commits may be lost with the site.", self.behind),
            gauge("restorable", "1: backups and log lead up to what was sent last.", float(not self.obstacle)),
            gauge("sent_seqno", "The number of the last transaction in the repository.", self._seqno),
            counter("gaps_total", "How often transactions were gone before they were sent.", float(self.gaps)),
        )
        return render(PREFIX, families)

    @property
    def _seqno(self) -> float | None:
        return float(self.sent.last.seqno) if self.sent else None

    def answer(self, path: str) -> Answer | None:
        """Answer the kubelet and Prometheus."""
        if path == "/readyz":
            return (
                (HTTPStatus.OK, PLAIN, "ready\n")
                if self.is_ready
                else (HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, "late or a gap\n")
            )
        return (HTTPStatus.OK, PROMETHEUS, self.format_metrics()) if path == "/metrics" else None
