"""What a human orders by `force`, `adopt` and `discard`, and the answers."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from bootstrap.control.request import Request
from bootstrap.core.model.shapes import Prose
from bootstrap.core.participant.orders import Order, OverrideOutcome


class SurveyedPod(NamedTuple):
    """One pod, for a human who is about to give an override."""

    name: str
    """The pod."""
    line: Prose
    """What is known of it."""


class SurveyAnswer(NamedTuple):
    """What is known of all pods, with the options that an override needs now."""

    pod: str
    """The pod that answers."""
    epoch: int
    """The epoch that the override must name."""
    base: str | None
    """The position from which the new history would begin; None where adopted data have none."""
    members: tuple[SurveyedPod, ...]
    """Every expected pod."""
    unreachable: tuple[str, ...]
    """The pods that do not answer."""
    refusing: tuple[str, ...]
    """Those of them whose network refuses the connection: a server may run there without its agent."""
    ahead: tuple[str, ...]
    """The pods that answer and may hold more."""
    better: tuple[str, ...]
    """Those of them that certainly hold all that is here, too."""


class OverrideAnswer(NamedTuple):
    """Whether an override is accepted, or would be."""

    refusal: Prose
    """Why not; empty = it is."""
    survey: SurveyAnswer | None = None
    """What is known of all pods; None where the agent has not asked them in time."""


@dataclass(frozen=True)
class RequestOverride(Request[OverrideAnswer]):
    """Start a new history in this pod, or ask what that would need."""

    op: ClassVar[str] = "override"
    epoch: int | None = None
    """The epoch of the survey on which the human decided; None = it is only a question."""
    without: frozenset[str] = frozenset()
    """The pods that do not answer, by name."""
    although_ahead: frozenset[str] = frozenset()
    """The pods that answer and may hold more, by name."""
    adopt: bool = False
    """The data ran without this toolkit."""


class DiscardAnswer(NamedTuple):
    """Whether the starter has been ordered to discard the datadir."""

    refusal: Prose
    """Why not; empty = it has."""
    line: Prose = ""
    """What was ordered."""


@dataclass(frozen=True)
class Discard(Request[DiscardAnswer]):
    """Give up the datadir of a pod that holds beside a live cluster."""

    op: ClassVar[str] = "discard"
    delete: bool
    """Remove it instead of renaming it."""


class ProgressAnswer(NamedTuple):
    """What has become of the last override and of the last discard."""

    override: OverrideOutcome
    """The override."""
    pending_order: Order
    """The discard that the starter has not reported on yet."""
    failed_order: Order
    """The discard after which the datadir was still there."""
    decision: Prose
    """What the agent has decided since."""


class Progress(Request[ProgressAnswer]):
    """Ask what has become of the last override or discard."""

    op: ClassVar[str] = "progress"
