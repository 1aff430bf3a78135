"""What happened in an outage, in sentences, and which part of the past is shown."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from bootstrap.core.model.facts import DONOR, SYNCED
from bootstrap.core.status.timeline.lanes import LEAST_S, SERVING, Lane, Log, Span, State, draw_lanes

PAUSE_S = 3.0
"""All Synced for less than this is no end of an outage."""

EDGE = 0.05
"""Part of the time that is shown before an outage and after it."""

NOTED = ("override", "stop", "failure", "server-ended")
"""Kinds of events that are told in their own words."""


SENTENCES = {
    State.DOWN: "is down: its last sign of life",
    State.STARTING: "starts",
    State.HOLDING: "holds: it needs a human",
    State.JOINING: "joins",
    State.DONOR: "gives its data",
    State.SYNCED: "is Synced",
    State.NON_PRIMARY: "is non-Primary",
}
"""What is said of a state that begins; of the others something else is said."""

GLANCE_S = 0.25
"""A shorter wait is not told: a pod has asked all others in the meantime."""

PRIMARIES = frozenset({SYNCED, DONOR, "Joined"})
"""States of a server that has data of a Primary Component."""


class Moment(NamedTuple):
    """Something that happened at one moment."""

    at: float
    """Seconds since 1970."""
    text: str
    """What."""
    pod: str = ""
    """Where; empty = the cluster."""
    mark: str = ""
    """Its letter in the picture; empty = none."""


class Picture(NamedTuple):
    """What is drawn."""

    lanes: tuple[Lane, ...]
    """A lane for each pod, cut to the time that is shown."""
    start: float
    """When it begins: seconds since 1970."""
    end: float
    """When it ends."""
    moments: tuple[Moment, ...]
    """What happened in that time, in its order."""


PERMITTED, PRIMARY, ALL_SYNCED = "B", "P", "S"
"""The marks: a pod got the permission to bootstrap, the first Primary Component, all pods are Synced."""


def draw(logs: Iterable[Log], now: float, since: float | None = None) -> Picture | None:
    """Draw the last outage, or all since a moment; None if no event is known."""
    known = tuple(logs)
    lanes = draw_lanes(known, now)
    if not lanes:
        return None
    start, end = find_outage(lanes) if since is None else (since, max(now, since + LEAST_S))
    moments = sorted({*_of_lanes(lanes), *_of_events(known), *_of_cluster(lanes, known)}, key=_order)
    shown = tuple(moment for moment in moments if start <= moment.at <= end)
    return Picture(tuple(_cut(lane, start, end) for lane in lanes), start, end, shown)


def _order(moment: Moment) -> tuple[float, bool, str, str]:
    """What is said of the cluster comes after what makes it so."""
    return moment.at, not moment.pod, moment.pod, moment.text


def find_outage(lanes: tuple[Lane, ...]) -> tuple[float, float]:
    """Return when the last time began and ended in which not every pod was Synced, with a bit before and after."""
    first, last = lanes[0].spans[0].start, lanes[0].spans[-1].end
    outages: list[tuple[float, float]] = []
    for begin, end, is_fine in _fine(lanes):
        if is_fine:
            continue
        if outages and begin - outages[-1][1] < PAUSE_S:
            outages[-1] = (outages[-1][0], end)
        else:
            outages.append((begin, end))
    begin, end = outages[-1] if outages else (first, last)
    edge = max(EDGE * (end - begin), LEAST_S / 2)
    return begin - edge, min(end + edge, last)


def _fine(lanes: tuple[Lane, ...]) -> list[tuple[float, float, bool]]:
    """The whole time in pieces: from when, to when, and whether all pods were Synced; neighbours differ."""
    points = sorted({point for lane in lanes for span in lane.spans for point in (span.start, span.end)})
    pieces: list[tuple[float, float, bool]] = []
    for begin, end in pairwise(points):
        is_fine = all(_is_fine(lane, begin) for lane in lanes)
        if pieces and pieces[-1][2] == is_fine:
            pieces[-1] = (pieces[-1][0], end, is_fine)
        else:
            pieces.append((begin, end, is_fine))
    return pieces


def _is_fine(lane: Lane, moment: float) -> bool:
    """A pod without events of its own is fine until another one misses it."""
    state = state_at(lane, moment)
    return state in SERVING or (state is State.UNKNOWN and not lane.has_log)


def state_at(lane: Lane, moment: float) -> State:
    """Return the state of a pod at a moment; what begins then counts."""
    return next((span.state for span in lane.spans if span.start <= moment < span.end), State.UNKNOWN)


def _cut(lane: Lane, start: float, end: float) -> Lane:
    inside = (span for span in lane.spans if span.end > start and span.start < end)
    return lane._replace(
        spans=tuple(span._replace(start=max(span.start, start), end=min(span.end, end)) for span in inside)
    )


def _of_lanes(lanes: tuple[Lane, ...]) -> Iterable[Moment]:
    """A sentence for each state that is worth one."""
    for lane in lanes:
        before = State.UNKNOWN
        for span in lane.spans:
            is_told = not (before is State.DONOR and span.state is State.SYNCED)
            if is_told and (text := _sentence(span)):
                yield Moment(span.start, text, lane.pod)
            before = span.state


def _sentence(span: Span) -> str:
    if span.state is State.WAITING:
        return f"waits for {', '.join(span.pods)}" if span.pods and span.end - span.start >= GLANCE_S else ""
    return SENTENCES.get(span.state, "")


def _of_events(logs: Iterable[Log]) -> Iterable[Moment]:
    for log in logs:
        for moment, event, _ in log.events:
            if event.kind == "bootstrap":
                yield Moment(moment, f"is permitted to bootstrap: {event.text}", log.pod, PERMITTED)
            elif event.kind in NOTED:
                yield Moment(moment, f"{event.kind}: {event.text}", log.pod)


def _of_cluster(lanes: tuple[Lane, ...], logs: tuple[Log, ...]) -> Iterable[Moment]:
    yield from _first_primaries(lanes, logs)
    pieces = _fine(lanes)
    for begin, _, is_fine in pieces:
        if is_fine and begin > pieces[0][0] and all(lane.has_log for lane in lanes):
            yield Moment(begin, f"all {len(lanes)} are Synced", mark=ALL_SYNCED)


def _first_primaries(lanes: tuple[Lane, ...], logs: tuple[Log, ...]) -> Iterable[Moment]:
    """Each first member of a Primary Component while no other one was known."""
    alive: set[str] = set()
    for moment, name, is_primary in sorted(_primaries(lanes, logs)):
        if is_primary and not alive:
            yield Moment(moment, f"first Primary Component: {name}", mark=PRIMARY)
        alive = alive | {name} if is_primary else alive - {name}


def _primaries(lanes: tuple[Lane, ...], logs: tuple[Log, ...]) -> Iterable[tuple[float, str, bool]]:
    """When each server came into a Primary Component, or was lost from one."""
    for log in logs:
        for moment, event, _ in log.events:
            if event.kind == "server" and event.word:
                yield moment, log.pod, event.word in PRIMARIES
    for lane in lanes:
        for span in lane.spans:
            if span.state is State.DOWN:
                yield span.start, lane.pod, False
