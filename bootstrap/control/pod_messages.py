"""What a pod's probes and hooks ask, and the answers; few, because a probe runs every few seconds."""

from typing import ClassVar, NamedTuple

from bootstrap.control.request import Request
from bootstrap.core.model.shapes import Prose


class HealthAnswer(NamedTuple):
    """What the probes need to know."""

    live: bool
    """Whether the agent's loop runs."""
    ready: bool
    """Whether clients may be sent to this pod."""
    readiness: str
    """The same in one word, which says why not."""


class Health(Request[HealthAnswer]):
    """Ask what the probes need to know."""

    op: ClassVar[str] = "health"


class LeaveAnswer(NamedTuple):
    """Whether a pod that is to stop should stay a moment longer."""

    reason: Prose
    """Why it should stay; empty = it may stop."""
    serving: bool
    """Whether it has a server at all."""


class Leave(Request[LeaveAnswer]):
    """Ask whether this pod, which is to stop, may do so now."""

    op: ClassVar[str] = "leave"


class ExpectedPodsAnswer(NamedTuple):
    """The pods that may be members."""

    ordinals: frozenset[int]
    """The ordinals that the agent expects."""


class ExpectedPods(Request[ExpectedPodsAnswer]):
    """Ask for the expected members, for my-galera.cnf."""

    op: ClassVar[str] = "expected-pods"
