"""What a pod may do: bootstrap, join, wait, hold or stop, and what one round of the agent came to."""

from dataclasses import dataclass

from bootstrap.core.model.facts import Promise
from bootstrap.core.model.lifecycle import Action


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """This pod is the one to start the cluster, once all expected pods have promised."""

    rule: str
    """The rule that decided."""
    reason: str
    """Why, in one line."""
    first: bool = False
    """Whether this is the first start of a new cluster, with no data anywhere."""
    forced: bool = False
    """Whether it is by an operator's word, and so begins a new history."""
    adopt: bool = False
    """Whether these data ran without this toolkit, and need its accounts first."""


@dataclass(frozen=True, slots=True)
class Join:
    """A Primary Component lives and its history contains this pod's."""

    rule: str
    """The rule that decided."""
    reason: str
    """Why, in one line."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not decidable yet; what is missing may still come by itself."""

    rule: str
    """The rule that decided."""
    reason: str
    """For whom or what, in one line."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Will not resolve by itself: a human must look."""

    rule: str
    """The rule that decided."""
    reason: str
    """What is wrong, and what can be done."""


@dataclass(frozen=True, slots=True)
class Stop:
    """My live server is outside a Primary Component and will stay so: stop it, so that its disk counts."""

    rule: str
    """The rule that decided."""
    reason: str
    """Why, in one line."""
    alone: bool = False
    """There is no other server that could bring it back."""


Decision = Bootstrap | Join | Wait | Hold | Stop


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What one round came to."""

    decision: Decision
    """By the rules; a Bootstrap whose promises are not all in is told as a Wait."""
    action: Action | None = None
    """What a starter may do by it; None = wait."""
    promise: Promise | None = None
    """The promise that bound this pod then; bound otherwise since, the verdict is void."""
    clock: int = 0
    """The logical time at which the round began to look."""

    @property
    def word(self) -> str:
        """The verdict in one word."""
        return self.action.value if self.action else type(self.decision).__name__.lower()

    @property
    def metric_kind(self) -> str:
        """The same, and "none" while a server lives: then there is nothing to decide."""
        return "none" if self.decision.rule == "own-server" else self.word

    @property
    def line(self) -> str:
        """The verdict for a log."""
        term = f" in term {self.promise.term}" if self.action is Action.BOOTSTRAP and self.promise else ""
        return f"{self.word}{term}: {self.decision.reason} [{self.decision.rule}]"
