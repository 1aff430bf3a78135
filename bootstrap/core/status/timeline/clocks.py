"""How the clocks of two machines compare, and where an event of another pod is on this pod's clock.

An agent sends its clock with its events.  The asking agent takes the middle between question and answer as the moment
of that clock, as NTP does (RFC 5905, section 8): the error is at most half of the time that the exchange took.  A
difference within that error is no difference.  A clock that was set since an event cannot be seen: the event keeps its
place behind the pod's events with lower numbers, and no more is known.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from bootstrap.core.status.events import Event, PodEvents


class HeardEvents(NamedTuple):
    """The events of another pod, and its clock."""

    events: tuple[Event, ...]
    """The oldest first."""
    ahead_s: float
    """Seconds that its clock is ahead of this pod's; negative = behind."""
    within_s: float
    """The largest error of that."""


class Placed(NamedTuple):
    """An event on the clock of the pod that was asked."""

    moment: float
    """Seconds since 1970 in UTC."""
    event: Event
    """What has happened."""
    written: float | None = None
    """Of an agent's start: until when the data were written before, at least."""


def compare_clocks(reply: PodEvents, asked: float, answered: float) -> HeardEvents:
    """Compare the clock in an answer with ours, at which we asked and had the whole answer: seconds since 1970."""
    ahead = reply.clock - (asked + answered) / 2
    return HeardEvents(reply.events, round(ahead, 3), round(abs(answered - asked) / 2, 3))


def shift_of(ahead_s: float, within_s: float) -> float:
    """Return the seconds to take off that clock's times; 0 where the difference may be the error."""
    return ahead_s if abs(ahead_s) > within_s else 0.0


def place(events: Iterable[Event], shift: float, read: Callable[[str], float | None]) -> tuple[Placed, ...]:
    """Place the events of one pod, the oldest first; one with a time that is none, with the one before.

    `read` returns a time in seconds since 1970, and None for what is no time.
    """
    placed: list[Placed] = []
    for event in events:
        moment = read(event.time)
        before = placed[-1].moment if placed else None
        if moment is not None:
            at = moment - shift if before is None else max(moment - shift, before)
        elif before is None:
            continue
        written = read(event.word) if event.kind == "agent" else None
        placed.append(Placed(at, event, None if written is None else written - shift))
    return tuple(placed)
