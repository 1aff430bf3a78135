"""What an agent records for humans: counts, times and events.

It never delays a decision: nothing here waits for a disk, and an expected fault raises no error; `event_log` writes the
events in the background.  The counts are those of this run of the agent; the events are those of the volume.
"""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from bootstrap.core.decision.decisions import Hold, RoundResult
from bootstrap.core.model.facts import ABSENT, Facts, Server
from bootstrap.core.model.predicates import pod_name
from bootstrap.core.model.text import one_line
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.obstacles.room import Room
from bootstrap.core.status import summary
from bootstrap.core.status.counters import (
    Counters,
    Failure,
    Round,
    ServerEnds,
    add_failure,
    add_round,
    after_observation,
    after_permission,
    restrict_to,
)
from bootstrap.core.status.events import (
    ANSWERS,
    GONE,
    JOINING,
    MOST_PODS,
    NON_PRIMARY,
    SILENT,
    Event,
    PodEvents,
    fit,
    keep_newest,
)
from bootstrap.core.status.health import describe_health
from bootstrap.core.status.server_end import KIND as SERVER_ENDED
from bootstrap.core.status.server_end import LastEnd, describe_end, find_last_end
from bootstrap.core.status.transfer import Sample, add_sample
from bootstrap.process.log import Log


class Recorder:
    """The records of one agent; any thread may add events."""

    def __init__(self, log: tuple[Event, ...] = ()) -> None:
        self.log = log
        """The events of this volume, the oldest first."""
        self.counters = Counters(since=time.monotonic())
        """The counts of this run of the agent, replaced whole."""
        self.ends = ServerEnds()
        """The server's starts that have failed in a row, in this run of the agent."""
        self.ended = 0
        """How often the server has ended and not in order, as its own container saw it, in this run of the agent."""
        self.changed: Callable[[], None] = lambda: None
        """Called after each event; must not wait."""
        self.samples: tuple[Sample, ...] = ()
        """Bytes that came to the datadir since a join was permitted, measured now and then in the last minute."""
        self.failure: Failure | None = None
        """The starters that have ended with an error, since one has reported or a server has answered."""
        self.unheard = ""
        """Why the live server does not answer the agent; empty = it does, or it only starts."""
        self.room: Room | None = None
        """The room on the volume, measured now and then; None = not known."""
        self.certificate_until: float | None = None
        """When the certificate ends that the server was asked to load last, seconds since 1970."""
        self.joined = time.time()
        """When the last join was permitted, by the clock of files' times; at first the start of this run."""
        self._lock = threading.Lock()
        self._server = "no server answers"

    @property
    def bytes_received(self) -> int | None:
        """Bytes that came to the datadir since a join was permitted; None where no join is open."""
        return self.samples[-1].written if self.samples else None

    def note(self, kind: str, text: str, word: str = "", pods: Iterable[str] = ()) -> None:
        """Add an event."""
        with self._lock:
            last = self.log[-1].n if self.log else 0
            self.log = keep_newest(
                [*self.log, Event(last + 1, format_now(), kind, one_line(text), word, tuple(pods)[:MOST_PODS])]
            )
        self.changed()

    def answer_events(self, limit: int) -> PodEvents:
        """Return the newest events, of at most so many bytes, and the machine's clock."""
        return PodEvents(time.time(), fit(self.log, limit))

    def note_written(self, written: int | None) -> None:
        """Keep how many bytes a join has brought; None = no join is under way."""
        self.samples = add_sample(self.samples, time.monotonic(), written)

    def note_decision(self, facts: Facts, verdict: RoundResult) -> None:
        """Add an event for a decision whose line is new."""
        kind = "hold" if isinstance(verdict.decision, Hold) else "decision"
        awaited = (pod_name(facts, ordinal) for ordinal in summary.find_awaited(facts, verdict.decision))
        self.note(kind, verdict.line, verdict.word, awaited)

    def note_permission(self, verdict: RoundResult) -> None:
        """Add an event for a permission that a starter has taken."""
        self.note(verdict.word, verdict.line, verdict.word)
        self.joined = time.time()
        self.ends = after_permission(self.ends)

    def note_failure(self, container: str, error: str) -> None:
        """Count a starter that ends with an error, and add an event if it is another error."""
        before = self.failure
        self.failure = add_failure(before, container, error, time.monotonic())
        if before is None or (before.container, before.error) != (container, error):
            self.note("failure", f"{container}: {error}")

    def note_end(self, how: str, error: str, *, again: bool) -> None:
        """Count a server that has ended and not in order, and add an event."""
        self.ended += 1
        self.note(SERVER_ENDED, describe_end(how, error, again=again), how)

    @property
    def last_end(self) -> LastEnd | None:
        """The last of these ends in this or an earlier run of the agent, if it is recent."""
        return find_last_end(self.log, read_age)

    def clear_failure(self, container: str) -> None:
        """A starter of this container has come as far as it had to."""
        if self.failure is not None and self.failure.container == container:
            self.failure = None

    def note_round(self, facts: Facts, verdict: RoundResult, log: Log) -> None:
        """Count a round that has ended, and add events for what is new of peers and of the server."""
        try:
            self._count_round(facts, verdict)
        except Exception as exc:  # noqa: BLE001  # a fault in records for humans must not stop decisions
            log(f"this round is not counted: {exc!r}")

    def _count_round(self, facts: Facts, verdict: RoundResult) -> None:
        answers = {r.ordinal for r in facts.answers}
        waits = frozenset(summary.find_awaited(facts, verdict.decision))
        answered = {ordinal: not isinstance(peer, Unknown) for ordinal, peer in facts.peers.items()}
        now, before = time.monotonic(), self.counters
        health = describe_health(facts, verdict.decision).health
        this = Round(now, verdict.metric_kind, verdict.decision.rule, health, waits, answered)
        self.counters = restrict_to(add_round(before, this), facts.expected)
        for ordinal in sorted(self.counters.silent.keys() - before.silent.keys() & before.asked.keys()):
            name = pod_name(facts, ordinal)
            self.note("peer", f"{name} does not answer: {_reason(facts, ordinal)}", SILENT, [name])
        for ordinal in sorted(before.silent.keys() & answers):
            name = pod_name(facts, ordinal)
            self.note("peer", f"{name} answers after {now - before.silent[ordinal]:.0f} s", ANSWERS, [name])
        if facts.own.server:
            self.failure = None
        self._count_ends(facts)
        line = _describe(facts.own.server)
        if line != self._server:
            self._server = line
            text = line if facts.own.server else f"{line}, this pod is {facts.own.phase}"
            self.note("server", text, _word(facts.own.server))

    def _count_ends(self, facts: Facts) -> None:
        server, before = facts.own.primary_server, self.ends
        is_synced = server is not None and server.has_complete_data
        self.ends = after_observation(before, time.monotonic(), is_gone=facts.own.phase in ABSENT, is_synced=is_synced)
        if self.ends.is_loop and self.ends.times > before.times:
            since, _ = describe_moment(self.ends.since)
            self.note(SERVER_ENDED, f"the server has ended {self.ends.times} times since {since} and was not Synced")


def _describe(server: Server | None) -> str:
    """Describe a server, without what changes with every commit."""
    if server is None:
        return "no server answers"
    return f"{server.local_state}, {server.cluster_status} with {server.size} members, history {server.uuid}"


def _word(server: Server | None) -> str:
    if server is None:
        return GONE
    is_joining = server.local_state.startswith(JOINING)
    return server.local_state if server.is_primary or is_joining else NON_PRIMARY


def _reason(facts: Facts, ordinal: int) -> str:
    peer = facts.peer(ordinal)
    return peer.reason if isinstance(peer, Unknown) else ""


def format_now() -> str:
    """Return this moment as an event has it."""
    return format_time(datetime.now(UTC))


def wall_time(moment: float) -> float:
    """Return a moment of the monotonic clock by the machine's clock: seconds since 1970."""
    return time.time() - (time.monotonic() - moment)


def format_time(moment: datetime) -> str:
    """Return the moment as an event has it: UTC, RFC 3339, with milliseconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def describe_moment(moment: float) -> tuple[str, float]:
    """A moment of the monotonic clock for humans: the time in UTC, and how many seconds ago that was."""
    seconds = max(0.0, time.monotonic() - moment)
    return format_time(datetime.now(UTC) - timedelta(seconds=seconds)), round(seconds, 1)


def read_age(text: str) -> float | None:
    """How many seconds ago a time of RFC 3339 was, by the machine's clock; None = it is no time."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()
    except (ValueError, TypeError):
        return None
