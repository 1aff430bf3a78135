"""What each pod was doing from when to when, read from the events of all pods.

A pod says nothing when it loses power.  Its end is the last sign of life that there is: its own last event, the moment
at which its data were last written (the event of its next agent has it), or the moment at which a pod that was up all
the time no longer heard it.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from bootstrap.core.model.facts import DONOR, SYNCED, Phase
from bootstrap.core.status.events import ANSWERS, GONE, NON_PRIMARY, SILENT
from bootstrap.core.status.timeline.clocks import Placed


class State(StrEnum):
    """What a pod does, in the words of the picture."""

    DOWN = "is down"
    STARTING = "starts"
    WAITING = "waits"
    HOLDING = "holds"
    BOOTSTRAPPING = "bootstraps"
    JOINING = "joins"
    SYNCED = "Synced"
    DONOR = "gives its data"
    NON_PRIMARY = "non-Primary"
    UNKNOWN = "not known"


LEAST_S = 1.0
"""Seconds that a picture shows at least."""

SERVING = frozenset({State.SYNCED, State.DONOR})
"""A member with all data."""


class Span(NamedTuple):
    """One state of one pod, from when to when: seconds since 1970."""

    start: float
    end: float
    state: State
    pods: tuple[str, ...] = ()
    """The pods that it waits for."""


class Log(NamedTuple):
    """What one pod has said."""

    pod: str
    """Its name."""
    events: tuple[Placed, ...]
    """Its events on one clock for all pods, the oldest first; empty if it did not answer."""


class Lane(NamedTuple):
    """One pod in the picture."""

    pod: str
    """Its name."""
    spans: tuple[Span, ...]
    """Without gaps, from the first event of all pods to the end."""
    has_log: bool
    """Whether its own events are there."""


class Change(NamedTuple):
    """A state that begins."""

    moment: float
    state: State
    pods: tuple[str, ...] = ()


class Doing(NamedTuple):
    """What a pod has said of itself last."""

    phase: str
    """Its phase."""
    server: str
    """What its server has reported."""
    decision: str
    """What it has decided."""
    awaited: tuple[str, ...]
    """The pods that it waits for by that decision."""


NOTHING = Doing(Phase.UNKNOWN, GONE, "none", ())
"""Before the first event."""

PHASES: dict[str, State] = {
    Phase.STARTING: State.STARTING,
    Phase.RECOVERING: State.STARTING,
    Phase.BOOTSTRAPPING: State.BOOTSTRAPPING,
    Phase.JOINING: State.JOINING,
}

SERVERS = {SYNCED: State.SYNCED, DONOR: State.DONOR, NON_PRIMARY: State.NON_PRIMARY}
"""What a server says of itself -> what the pod does; any other state is on the way to Synced."""


def draw_lanes(logs: Iterable[Log], end: float) -> tuple[Lane, ...]:
    """Return a lane for each pod, up to the end; none where nothing has happened."""
    known = {log.pod: log for log in logs}
    moments = [log.events[0].moment for log in known.values() if log.events]
    if not moments:
        return ()
    begin = min(moments)
    end = max(end, begin + LEAST_S, *(log.events[-1].moment for log in known.values() if log.events))
    return tuple(Lane(pod, _join(_changes(log, known), begin, end), bool(log.events)) for pod, log in known.items())


def _join(changes: Iterable[Change], begin: float, end: float) -> tuple[Span, ...]:
    """Make spans without gaps of changes in their order; a state that goes on is one span."""
    points = [Change(begin, State.UNKNOWN), *changes]
    spans: list[Span] = []
    for this, following in pairwise([*points, Change(end, State.UNKNOWN)]):
        if following.moment <= this.moment:
            continue
        if spans and (spans[-1].state, spans[-1].pods) == (this.state, this.pods):
            spans[-1] = spans[-1]._replace(end=following.moment)
        else:
            spans.append(Span(this.moment, following.moment, this.state, this.pods))
    return tuple(spans)


def _changes(log: Log, known: Mapping[str, Log]) -> Iterable[Change]:
    """A pod without events does not answer, and is what the others say of it."""
    return _own_changes(log, known) if log.events else _as_others_see_it(log.pod, known)


def _own_changes(log: Log, known: Mapping[str, Log]) -> Iterable[Change]:
    """Follow the pod's own events."""
    doing = NOTHING
    alive: float | None = None
    for number, (moment, event, _) in enumerate(log.events):
        if event.kind == "agent":
            if not _has_survived(log.events[number + 1 :]):
                yield from _down_before(log, number, alive, known)
                doing = NOTHING._replace(phase=Phase.STARTING)
        elif event.kind == "phase":
            doing = doing._replace(phase=event.word)
        elif event.kind in ("decision", "hold"):
            doing = doing._replace(decision=event.word, awaited=event.pods)
        elif event.kind == "server" and event.word:
            doing = doing._replace(server=event.word)
        alive = moment
        if (doing.phase, doing.server) != (Phase.RUNNING, GONE):  # else the next event says what the server does
            yield Change(moment, *_state(doing))


def _state(doing: Doing) -> tuple[State, tuple[str, ...]]:
    """Return the state, and the pods that are waited for."""
    if doing.phase == Phase.FROZEN:
        waits = doing.awaited if doing.decision == "wait" else ()
        return (State.HOLDING, ()) if doing.decision == "hold" else (State.WAITING, waits)
    if doing.phase == Phase.RUNNING:
        return SERVERS.get(doing.server, State.JOINING), ()
    return PHASES.get(doing.phase, State.UNKNOWN), ()


def _has_survived(later: Iterable[Placed]) -> bool:
    """Whether the pod's server has outlived its agent: the next agent found it running."""
    for _, event, _ in later:
        if event.kind == "agent":
            return False
        if event.kind == "phase":
            return event.word == Phase.RUNNING
    return False


def _down_before(log: Log, number: int, alive: float | None, known: Mapping[str, Log]) -> Iterable[Change]:
    """The pod was down until the agent of this event started; from when on, if there is a sign of that."""
    if alive is None:
        return
    moment, _, written = log.events[number]
    last = alive if written is None or written >= moment else max(alive, written)
    unheard = _first_unheard(log.pod, known, last, moment)
    yield Change(last if unheard is None else unheard, State.DOWN)


def _first_unheard(pod: str, known: Mapping[str, Log], after: float, before: float) -> float | None:
    """When a pod that was up all the time no longer heard this one; None if there is no such pod."""
    found = []
    for log in known.values():
        for moment, event, _ in log.events:
            if not after < moment < before:
                continue
            if event.kind == "agent":
                break  # it has been down itself: it says nothing about when this pod was last heard
            if event.word == SILENT and pod in event.pods:
                found.append(moment)
    return min(found, default=None)


def _as_others_see_it(pod: str, known: Mapping[str, Log]) -> Iterable[Change]:
    """What the others say of a pod that does not answer: down as soon as one does not hear it."""
    states = {SILENT: State.DOWN, ANSWERS: State.UNKNOWN}
    said = sorted(
        (moment, event.word)
        for log in known.values()
        for moment, event, _ in log.events
        if pod in event.pods and event.word in states
    )
    return [Change(moment, states[word]) for moment, word in said]
