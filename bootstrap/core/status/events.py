"""What has happened on this pod, one event a line: a bounded list, and its form on disk.

Pure.  For humans and their tools only: no decision ever looks at an event, and if the log is lost, nothing else is.
Events of rare kinds are not pushed out by those that a flapping network makes by the hundred.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from bootstrap.core.model.codec import encode
from bootstrap.core.model.text import one_line

VERSION = 1

SCHEMA = "galera-bootstrap/events/v1"
"""The schema of the log as the command prints it."""

KEPT = 200
"""How many events of all frequent kinds together are kept."""

KEPT_RARE = 25
"""How many events of each rare kind are kept: a server that dies at every start must not push an override out."""

FREQUENT = frozenset({"decision", "phase", "peer", "server", "promise"})
"""The kinds that can come by the hundred."""

MOST_PODS = 16
"""How many other pods an event names; a text has room for no more either."""

KINDS = {
    "agent": "an agent has started",
    "phase": "what the pod does has changed",
    "decision": "another rule decides, or the rule decides differently",
    "hold": "the decision is to hold: a human must act",
    "promise": "a promise was made, was given up, or no longer binds",
    "join": "the permission to join was taken",
    "bootstrap": "the permission to bootstrap was taken",
    "failure": "the container bootstrap or mysql has ended with an error before a server ran",
    "server": "the state that the server reports has changed",
    "server-ended": "the server has ended and not in order, or has ended again without having been Synced",
    "stop": "the agent has ordered a server to stop that could not commit any more",
    "override": "an override was given, or was carried out",
    "upgrade": "an upgrade of the system tables has begun, has ended, or has failed",
    "peer": "a peer answers again, or no longer answers",
    "lost": "the earlier events could not be read",
}
"""Kind -> what has happened."""


GONE, NON_PRIMARY = "gone", "non-Primary"
"""What a server event has as its word where no server answers, and outside of a Primary Component."""

JOINING = "Joining"
"""With this begins the state of a server that receives its data, in or out of a Primary Component."""

SILENT, ANSWERS = "silent", "answers"
"""What a peer event has as its word."""

WORDS = {
    "agent": "until when the data on the volume were written before, at least: UTC, RFC 3339; empty = not known",
    "phase": "the phase",
    "decision": "the decision: wait, join, bootstrap, stop",
    "hold": "hold",
    "join": "join",
    "bootstrap": "bootstrap",
    "server": f"the server's own state in a Primary Component or on its way there; {NON_PRIMARY}; {GONE}: none answers",
    "server-ended": "the signal that has ended it, as SIGKILL, or status-1; empty = it has ended before it was Synced",
    "peer": f"{SILENT} or {ANSWERS}",
}
"""Kind -> what its events have as their word."""


class EventLogInvalidError(ValueError):
    """The text is not an event log."""


class Event(NamedTuple):
    """Something that has happened."""

    n: int
    """Rises by one with every event of this volume: a gap shows what was pushed out."""
    time: str
    """UTC, RFC 3339, by the machine's clock at that moment; the order is that of `n`."""
    kind: str
    """One of KINDS."""
    text: str
    """What has happened, and why."""
    word: str = ""
    """The same for programs, in one word: WORDS has the kinds that have one."""
    pods: tuple[str, ...] = ()
    """The other pods that it is about: of a `decision` those that are waited for, of `peer` the one."""


class PodEvents(NamedTuple):
    """What an agent answers when another one asks for its events."""

    clock: float
    """Its machine's clock when it answered: seconds since 1970 in UTC."""
    events: tuple[Event, ...]
    """Its newest events, the oldest first."""


class EventsReply(NamedTuple):
    """Such an answer, and when it was asked for."""

    answer: PodEvents
    """What was answered."""
    asked: float
    """When the question was sent: seconds of the asking pod's monotonic clock."""
    answered: float
    """When the whole answer was there, by the same clock."""


def keep_newest(log: Iterable[Event]) -> tuple[Event, ...]:
    """The newest events of the frequent kinds and of each rare kind, in their order."""
    events = sorted(log, key=lambda event: event.n)
    rare = KINDS.keys() - FREQUENT
    kept = [event for event in events if event.kind not in rare][-KEPT:]
    for kind in rare:
        kept += [event for event in events if event.kind == kind][-KEPT_RARE:]
    return tuple(sorted(kept, key=lambda event: event.n))


def dump(log: Iterable[Event]) -> bytes:
    """The log as it is on the disk: JSON, an event a line."""
    lines = ",\n".join(json.dumps(_short(event), ensure_ascii=False) for event in log)
    return f'{{"version": {VERSION}, "events": [\n{lines}\n]}}\n'.encode()


def _short(event: Event) -> dict[str, object]:
    """The fields of an event that are not empty; the first four never are missing."""
    return {name: value for name, value in event._asdict().items() if value or name not in ("word", "pods")}


def load(raw: bytes) -> tuple[Event, ...]:
    """Read a log; raises EventLogInvalidError if the text is not one."""
    try:
        document = json.loads(raw)
        if document["version"] != VERSION:
            raise EventLogInvalidError(f"version {document['version']!r}")
        return keep_newest(_event(one) for one in document["events"])
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise EventLogInvalidError(str(exc)) from exc


def _event(value: dict[str, object]) -> Event:
    n, pods = value["n"], value.get("pods", [])
    if type(n) is not int or not isinstance(pods, list):
        raise EventLogInvalidError("an event of the wrong shape")
    time, kind, text, word, *names = map(
        _text, (value["time"], value["kind"], value["text"], value.get("word", ""), *pods)
    )
    return Event(n, time, kind, text, word, tuple(names))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise EventLogInvalidError("an event of the wrong shape")
    return one_line(value)


def fit(log: Iterable[Event], limit: int) -> tuple[Event, ...]:
    """Return the newest events, the last of a log in its order, that take at most so many bytes as JSON."""
    kept: list[Event] = []
    for event in reversed(tuple(log)):
        limit -= len(encode(event)) + 1
        if limit < 0:
            break
        kept.append(event)
    return tuple(reversed(kept))
