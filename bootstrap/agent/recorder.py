"""What an agent remembers for humans: counts, times and events.

Nothing here waits for a disk or raises for an expected fault, so that it is never in the way of a decision; events are
written by `eventlog` in the background.  The counts of a life begin with it; the events are those of the volume.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bootstrap.core.decision.decisions import Hold, RoundResult
from bootstrap.core.model.facts import Facts, Server, Unknown
from bootstrap.core.model.predicates import pod_name
from bootstrap.core.model.text import one_line
from bootstrap.core.status import summary
from bootstrap.core.status.counters import Counters, Round, add_round, restrict_to
from bootstrap.core.status.events import Event, keep_newest


@dataclass
class Recorder:
    """One agent's; events may be told by any thread."""

    log: tuple[Event, ...] = ()
    """The events of this volume, the oldest first."""
    counters: Counters = field(default_factory=lambda: Counters(since=time.monotonic()))
    """The counts of this life, replaced whole."""
    changed: Callable[[], None] = lambda: None
    """Called after each event; it must not wait."""
    bytes_received: int | None = None
    """Bytes that came to the datadir since a join was permitted; None where no join is open."""
    joined: float = field(default_factory=time.time)
    """When the last join was permitted, by the machine's clock, as files have it; at first the life's begin."""

    def __post_init__(self) -> None:
        """Begin with the number after the last one."""
        self._lock = threading.Lock()
        self._server = "no server answers"

    def note(self, kind: str, text: str) -> None:
        """Tell an event."""
        with self._lock:
            last = self.log[-1].n if self.log else 0
            self.log = keep_newest([*self.log, Event(last + 1, _utc(), kind, one_line(text))])
        self.changed()

    def decided(self, verdict: RoundResult) -> None:
        """Tell a decision that says something new."""
        self.note("hold" if isinstance(verdict.decision, Hold) else "decision", verdict.line)

    def permitted(self, verdict: RoundResult) -> None:
        """Tell that a starter has taken its permission."""
        self.note(verdict.word, verdict.line)
        self.joined = time.time()

    def turned(self, facts: Facts, verdict: RoundResult, say: Callable[[str], None]) -> None:
        """A round has ended: count it, and tell what is new of peers and of the server."""
        try:
            self._turned(facts, verdict)
        except Exception as exc:  # noqa: BLE001  # a fault in what is told to humans must not stop who decides
            say(f"this round is not counted: {exc!r}")

    def _turned(self, facts: Facts, verdict: RoundResult) -> None:
        answers = {r.ordinal for r in facts.answers}
        waits = frozenset(summary.find_awaited(facts, verdict.decision))
        heard = {ordinal: not isinstance(peer, Unknown) for ordinal, peer in facts.peers.items()}
        now, before = time.monotonic(), self.counters
        self.counters = restrict_to(
            add_round(before, Round(now, verdict.metric_kind, verdict.decision.rule, waits, heard)), facts.expected
        )
        for ordinal in sorted(self.counters.silent.keys() - before.silent.keys() & before.asked.keys()):
            self.note("peer", f"{pod_name(facts, ordinal)} does not answer: {_reason(facts, ordinal)}")
        for ordinal in sorted(before.silent.keys() & answers):
            self.note("peer", f"{pod_name(facts, ordinal)} answers after {now - before.silent[ordinal]:.0f} s")
        told = _line(facts.own.server)
        if told != self._server:
            self._server = told
            self.note("server", told if facts.own.server else f"{told}, this pod is {facts.own.phase}")


def _line(server: Server | None) -> str:
    """What a server says of itself, without what changes with every commit."""
    if server is None:
        return "no server answers"
    return f"{server.local_state}, {server.cluster_status} with {server.size} members, history {server.uuid}"


def _reason(facts: Facts, ordinal: int) -> str:
    peer = facts.peer(ordinal)
    return peer.reason if isinstance(peer, Unknown) else ""


def _utc() -> str:
    return _text(datetime.now(UTC))


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def since(moment: float) -> dict[str, object]:
    """A moment of the monotonic clock for humans: the time in UTC, and how many seconds ago that was."""
    seconds = max(0.0, time.monotonic() - moment)
    return {"since": _text(datetime.now(UTC) - timedelta(seconds=seconds)), "seconds": round(seconds, 1)}
