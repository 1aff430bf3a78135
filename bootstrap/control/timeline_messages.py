"""What people ask of all pods: `events --all`; the answer is what it prints with `-o json`."""

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from bootstrap.control.request import Request
from bootstrap.core.model.codec import json_key
from bootstrap.core.model.shapes import Prose
from bootstrap.core.status.events import Event

TIMELINE_SCHEMA = "galera-bootstrap/timeline/v1"


class PodLog(NamedTuple):
    """What one pod has answered."""

    name: str
    """The pod."""
    answer: Prose
    """`ok`, or `unknown: ` and the reason."""
    ahead_s: float
    """Seconds that its machine's clock is ahead of that of the pod that answers; negative = behind."""
    within_s: float
    """The largest error of that."""
    events: tuple[Event, ...]
    """Its newest events, the oldest first, with the times of its own clock."""


@dataclass(frozen=True, slots=True)
class TimelineAnswer:
    """What has happened on all pods."""

    schema: str
    """The name of this answer's schema."""
    pod: str = field(metadata=json_key("self"))
    """The pod that answers."""
    namespace: str
    """The pods' namespace."""
    service: str
    """The headless Service."""
    time: str
    """When it answered, by its own clock: UTC, RFC 3339."""
    pods: tuple[PodLog, ...]
    """Every expected pod, by ordinal."""


class Timeline(Request[TimelineAnswer]):
    """Ask what has happened on all pods."""

    op: ClassVar[str] = "timeline"
