"""What a starter asks the agent, and the answers; one file, because each import delays the start of a pod."""

from enum import StrEnum
from typing import ClassVar, NamedTuple

from bootstrap.control.request import Request
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import Disk, JournalHints
from bootstrap.core.model.shapes import Ordinal, Prose, Token, UuidOrNone
from bootstrap.core.participant.orders import Order


class DecisionKind(StrEnum):
    """What a pod may do, in one word."""

    WAIT = "wait"
    JOIN = "join"
    BOOTSTRAP = "bootstrap"
    HOLD = "hold"
    STOP = "stop"


class HelloAnswer(NamedTuple):
    """What the agent knows of the volume, for the inspection of the datadir and for my-galera.cnf."""

    ordinals: frozenset[int]
    """The ordinals that the agent expects."""
    addresses: dict[str, str]
    """Pod -> address, as the agent has just found them: the starter need not ask DNS for them again."""
    hints: JournalHints
    """What the journal knows of the datadir."""
    disk: Disk | None
    """The report of an earlier starter, if it is still valid."""
    fingerprint: str
    """The datadir's fingerprint at that report."""


class HelloFields(NamedTuple):
    """The fields of a Hello."""

    told: frozenset[Ordinal] | None = None
    """The ordinals that peer-finder has given to `on-start`; None = it was not run by peer-finder."""


class Hello(Request[HelloAnswer], HelloFields):
    """A starter has arrived and holds the volume's lock.  The agent counts on it until the connection ends."""

    op: ClassVar[str] = "hello"


class ReportAnswer(NamedTuple):
    """The report was received; there is nothing more to answer."""


class ReportFields(NamedTuple):
    """The fields of a report."""

    disk: Disk
    """The datadir."""
    fingerprint: str
    """Its fingerprint: another one means that something has changed the datadir since."""


class Report(Request[ReportAnswer], ReportFields):
    """What the starter has found on the datadir; it counts for nothing without a Hello before it on this connection."""

    op: ClassVar[str] = "report"


class Container(StrEnum):
    """The containers of a pod in which starters run, as the manifests name them."""

    BOOTSTRAP = "bootstrap"
    MYSQL = "mysql"


class FailedAnswer(NamedTuple):
    """The failure was received; there is nothing more to answer."""


class FailedFields(NamedTuple):
    """The fields of a failure."""

    container: Container
    """Where the starter ran."""
    error: Prose
    """What it prints as it ends, in one line."""


class Failed(Request[FailedAnswer], FailedFields):
    """A starter ends with an error; for humans, who ask the agent first."""

    op: ClassVar[str] = "failed"


class EndedAnswer(NamedTuple):
    """The end was received; there is nothing more to answer."""


class EndedFields(NamedTuple):
    """The fields of a server's end."""

    how: Token
    """The signal that ended it, as SIGKILL, or its exit code, as status-1."""
    error: Prose
    """The error that it logged just before; empty = none."""
    again: bool
    """Its container goes on, and starts it again."""


class Ended(Request[EndedAnswer], EndedFields):
    """A server has ended, and not in order: only its own container can see how."""

    op: ClassVar[str] = "ended"


class AgentDecision(NamedTuple):
    """What the agent has decided, as far as a starter acts on it."""

    kind: DecisionKind
    """What the decision is."""
    action: Action | None
    """What the starter may do now; None = nothing."""
    rule: str
    """The rule that decided."""
    reason: Prose
    """Why, in one line."""
    first: bool
    """With a bootstrap: this is the first start of a new cluster, with no data anywhere."""
    forced: bool
    """With a bootstrap: it is by an override, and begins a new history."""
    adopt: bool
    """With a bootstrap: the data ran without this toolkit, and need its accounts first."""
    history: UuidOrNone
    """With a bootstrap by an override: the uuid of the new history."""
    term: int
    """The term of the promise that binds this pod; 0 = none does."""

    @property
    def line(self) -> str:
        """The decision for a log."""
        return f"{self.kind}: {self.reason} [{self.rule}]"

    @property
    def is_settled(self) -> bool:
        """Whether it is decided which pod starts first: this one may start, or a promise binds it, also to another."""
        return self.action is not None or (self.kind is DecisionKind.WAIT and self.term > 0)


class AwaitAnswer(NamedTuple):
    """The decision, and what goes with it."""

    decision: AgentDecision
    """The decision."""
    order: Order
    """What the starter must do first."""
    turn: int
    """How many other pods join before this one."""
    donor_bytes: int | None = None
    """What the datadir of the largest member takes; None = not known."""


class AwaitDecision(Request[AwaitAnswer]):
    """Wait for a decision that differs from the last answer on this connection; some seconds later repeat that one."""

    op: ClassVar[str] = "await"


class PermissionAnswer(NamedTuple):
    """The permission, and what goes with it."""

    decision: AgentDecision
    """Its action is what is permitted, once; None = nothing is, any more."""
    donors: tuple[str, ...]
    """With a join: the pods to ask for the data before all others; none where every member is as good as any."""
    tables: tuple[str, ...]
    """The series of the system tables of all other pods, each once, as 11.8; empty text = one is not known."""


class TakePermission(Request[PermissionAnswer]):
    """Take the permission to start, right before the server is executed."""

    op: ClassVar[str] = "take"
