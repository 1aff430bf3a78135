"""What has happened on this pod, one event a line: a bounded list, and its form on disk.

Pure.  For humans and their tools only: no decision ever looks at an event, and a log that is lost loses nothing else.
Events of rare kinds are not pushed out by those that a flapping network makes by the hundred.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from bootstrap.core.model.text import one_line

VERSION = 1

SCHEMA = "galera-bootstrap/events/v1"
"""Of the log as the command tells it."""

KEPT = 200
"""Events kept of the frequent kinds, all together."""

KEPT_RARE = 30
"""Events kept of each rare kind: a server that dies at every start must not push an operator's word out."""


FREQUENT = frozenset({"decision", "phase", "peer", "server", "promise"})
"""The kinds that can come by the hundred."""

KINDS = {
    "agent": "an agent has begun its life",
    "phase": "what the pod does has changed",
    "decision": "another rule decides, or it decides otherwise",
    "hold": "the same, and a human must act",
    "promise": "a promise was made or given up",
    "join": "the permission to join was taken",
    "bootstrap": "the permission to bootstrap was taken",
    "server": "what the server says of itself has changed",
    "stop": "the agent has told a server to stop that could commit nothing any more",
    "override": "a human has decided something, or such a decision has taken effect",
    "peer": "a peer answers again, or no longer",
    "lost": "events could not be kept",
}
"""Kind -> what it tells."""


class LogInvalidError(ValueError):
    """The text is not an event log."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    n: int
    """Rises by one with every event of this volume: a gap shows what was pushed out."""
    time: str
    """UTC, RFC 3339, by the machine's clock of then; the order is that of `n`."""
    kind: str
    """One of KINDS."""
    text: str
    """What, and why."""


def bounded(log: Iterable[Event]) -> tuple[Event, ...]:
    """The newest ones of each sort, in their order."""
    events = sorted(log, key=lambda event: event.n)
    rare = KINDS.keys() - FREQUENT
    kept = [event for event in events if event.kind not in rare][-KEPT:]
    for kind in rare:
        kept += [event for event in events if event.kind == kind][-KEPT_RARE:]
    return tuple(sorted(kept, key=lambda event: event.n))


def dump(log: Iterable[Event]) -> bytes:
    """The log as it stands on the disk: JSON, an event a line."""
    lines = ",\n".join(json.dumps(asdict(event), ensure_ascii=False) for event in log)
    return f'{{"version": {VERSION}, "events": [\n{lines}\n]}}\n'.encode()


def load(raw: bytes) -> tuple[Event, ...]:
    """Read a log; raises LogInvalidError for what is none."""
    try:
        told = json.loads(raw)
        if told["version"] != VERSION:
            raise LogInvalidError(f"version {told['version']!r}")
        return bounded(_event(one) for one in told["events"])
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise LogInvalidError(str(exc)) from exc


def _event(told: dict[str, object]) -> Event:
    n, time, kind, text = (told[key] for key in ("n", "time", "kind", "text"))
    if type(n) is not int or not isinstance(time, str) or not isinstance(kind, str) or not isinstance(text, str):
        raise LogInvalidError("an event of the wrong shape")
    return Event(n, one_line(time), one_line(kind), one_line(text))
