"""What people ask: `status`, `explain` and `events`; the answers are what these commands print with `-o json`.

docs/schemas/ describes them.  Within a version of a schema fields may be added; none is removed or changes its meaning.
"""

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from bootstrap.control.request import Request
from bootstrap.control.starter_messages import DecisionKind
from bootstrap.core.model.codec import json_key
from bootstrap.core.model.disk import DataClass
from bootstrap.core.model.facts import Phase, Promise, Server
from bootstrap.core.model.shapes import Prose, Seqno
from bootstrap.core.status.events import Event
from bootstrap.core.status.health import Health
from bootstrap.core.status.place import Step
from bootstrap.core.status.transfer import Transfer
from bootstrap.core.system_tables.rules import Stage

STATUS_SCHEMA = "galera-bootstrap/status/v1"
EXPLAIN_SCHEMA = "galera-bootstrap/explain/v1"


class StatusDecision(NamedTuple):
    """The decision of the last round."""

    kind: DecisionKind
    """What it is."""
    action: str
    """What this pod does now: the kind of the decision, or its phase while it is not frozen."""
    rule: str
    """The rule that decided."""
    reason: Prose
    """Why, in one line."""
    first: bool
    """A first start, with no data anywhere."""
    forced: bool
    """It is by an override."""
    adopt: bool
    """The override is `adopt`."""
    term: int
    """The term of the promise that binds this pod; 0 = none does."""
    since: str
    """When it was first decided so: UTC, RFC 3339, by the machine's clock."""
    seconds: float
    """How long ago that was."""


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """One expected pod; if it is unknown, all that follows `answer` is None."""

    name: str
    """The pod."""
    ordinal: int
    """Its ordinal."""
    answer: Prose
    """`ok`, or `unknown: ` and the reason."""
    phase: Phase | None = None
    """What it does."""
    data_class: DataClass | None = field(default=None, metadata=json_key("class"))
    """The class of what was found on the datadir; None while a server lives."""
    detail: Prose | None = None
    """The sign that decided the class."""
    uuid: str | None = None
    """The history of the server, or of the datadir if no server lives."""
    seqno: Seqno | None = None
    """The position in that history; -1 = the server does not know it."""
    server: Server | None = None
    """What the live server reports."""
    promise: Promise | None = None
    """The promise that binds it now."""
    epoch: int | None = None
    """The term of the Primary Component of which its volume was last a member; 0 = none yet."""

    decision: str | None = None
    """What its own agent has decided, in one word; none while a server lives; None if it did not say."""
    rule: str | None = None
    """The rule that decided there."""
    reason: Prose | None = None
    """Why, in one line."""
    failing: Prose | None = None
    """Its container that ends with an error, and the error; empty = none does."""
    volume: Prose | None = None
    """How little room its volume has left; empty = enough, or it is not known."""
    series: str | None = None
    """The series of a member's server, such as 11.8; None = not known."""
    tables: str | None = None
    """The series of its system tables; None = not known."""

    @property
    def is_known(self) -> bool:
        """Whether its agent has answered."""
        return self.answer == "ok"


class NewestData(NamedTuple):
    """The newest data, by what is known."""

    names: tuple[str, ...]
    """The pods that hold them."""
    uuid: str
    """The history."""
    seqno: int
    """The position in that history."""
    primary: bool
    """Whether they live in a Primary Component; else this is what is on the disks."""
    sure: bool
    """Whether every expected pod has answered; else one that has not may hold more."""


class MissingPod(NamedTuple):
    """A pod that does not answer, or for which this one waits."""

    name: str
    """The pod."""
    why: Prose
    """What is known of it."""
    since: str
    """Since when: UTC, RFC 3339, by the machine's clock."""
    seconds: float
    """How long ago that was."""


class ClusterStatus(NamedTuple):
    """How the cluster is, as far as this pod knows."""

    namespace: str
    """The pods' namespace."""
    service: str
    """The headless Service."""
    health: Health
    """In one word."""
    line: Prose
    """How many members are Synced, and what is with the others."""
    since: str
    """Since when the word is the same: UTC, RFC 3339, by the machine's clock."""
    seconds: float
    """How long ago that was."""


class FailuresStatus(NamedTuple):
    """Containers of this pod that have ended with an error, one after the other."""

    container: str
    """Which one."""
    error: Prose
    """The last error."""
    times: int
    """How often."""
    since: str
    """Since when: UTC, RFC 3339, by the machine's clock."""
    seconds: float
    """How long ago that was."""


class FailedStarts(NamedTuple):
    """The server's starts in a row that ended without a Synced server, from the second on."""

    times: int
    """How many."""
    since: str
    """When the first of them ended: UTC, RFC 3339, by the machine's clock."""
    seconds: float
    """How long ago that was."""
    look: Prose
    """The command that shows why the server ends: only its own log knows."""


class ServerEnd(NamedTuple):
    """The last end of this pod's server that was not in order, in the last hour."""

    how: str
    """In one word: the signal that has ended it, as SIGKILL, or status-1."""
    line: Prose
    """The same for people, with the error that it logged just before."""
    times: int
    """How many there were in the last hour."""
    since: str
    """When: UTC, RFC 3339, by the machine's clock."""
    seconds: float
    """How long ago that was."""


class TablesStatus(NamedTuple):
    """The system tables of this member."""

    stage: Stage
    """What is to be done with them, in one word."""
    reason: Prose
    """Why, in one line."""
    failures: int
    """How many upgrades of them have failed in a row, in this run of the agent."""


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """What the agent knows of every pod."""

    schema: str
    """The name of this answer's schema."""
    pod: str = field(metadata=json_key("self"))
    """The pod that answers."""
    version: str
    """The version of its agent."""
    decision: StatusDecision
    """What was decided."""
    members: tuple[MemberStatus, ...]
    """Every expected pod, by ordinal."""
    ahead: NewestData | None
    """The newest data; None if no pod that answered has data, or if the histories differ."""
    missing: tuple[MissingPod, ...]
    """The expected pods that do not answer."""
    waiting: tuple[MissingPod, ...]
    """The pods for which this one waits."""
    join_written_bytes: int | None
    """Bytes written to the datadir since a join was permitted; None if no join is under way."""
    transfer: Transfer | None
    """How far that join has come; None if no join is under way."""
    cluster: ClusterStatus
    """How the cluster is."""
    steps: tuple[Step, ...]
    """What a human does now, the first first; empty = nothing: it goes on by itself, or all is well."""
    avoid: Prose
    """What must not be done now; empty if all is well."""
    failures: FailuresStatus | None
    """The containers of this pod that end with an error before a server runs; None = none does."""
    failed_starts: FailedStarts | None
    """The server ends again and again; None if it does not, in this run of the agent."""
    server_end: ServerEnd | None
    """How the server has ended, if that was not in order; None if it was, or more than an hour ago."""
    tables: TablesStatus
    """The system tables of this member."""


class Status(Request[StatusAnswer]):
    """Ask what the agent knows of every pod."""

    op: ClassVar[str] = "status"


class RuleAnswer(NamedTuple):
    """One rule, and what it says now."""

    rule: str
    """Its name."""
    about: str
    """What it is for."""
    answer: Prose | None
    """Its reason, if it decides; None = it does not apply."""


@dataclass(frozen=True, slots=True)
class ExplainAnswer(StatusAnswer):
    """The same, and how the decision was found."""

    rules: tuple[RuleAnswer, ...]
    """The rules in their order, up to the one that decides."""
    change: Prose
    """What would change the decision."""
    overrides: tuple[Prose, ...]
    """The overrides that were given here, the oldest first."""


class Explain(Request[ExplainAnswer]):
    """Ask how the decision was found."""

    op: ClassVar[str] = "explain"


@dataclass(frozen=True, slots=True)
class EventsAnswer:
    """What has happened on this pod."""

    schema: str
    """The name of this answer's schema."""
    pod: str = field(metadata=json_key("self"))
    """The pod that answers."""
    events: tuple[Event, ...]
    """The events, the oldest first."""


class Events(Request[EventsAnswer]):
    """Ask what has happened on this pod."""

    op: ClassVar[str] = "events"
