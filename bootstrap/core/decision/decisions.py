"""What a pod may do: bootstrap, join, wait, hold or stop; what a rule is; and the result of one round of the agent."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from bootstrap.core.model.action import Action
from bootstrap.core.model.facts import Facts, Promise


@dataclass(frozen=True, slots=True)
class Reasoned:
    """What all decisions have; those of two kinds are never equal."""

    rule: str
    """The rule that decided."""
    reason: str
    """Why, in one line: for a `Wait` what this pod waits for, for a `Hold` what is wrong and what can be done."""


@dataclass(frozen=True, slots=True)
class Bootstrap(Reasoned):
    """This pod is the candidate: it starts the cluster once all expected pods have promised."""

    first: bool = False
    """Whether this is the first start of a new cluster, with no data anywhere."""
    forced: bool = False
    """Whether an override orders it, so that it begins a new history."""
    adopt: bool = False
    """Whether these data ran without this toolkit, and need its accounts first."""
    history: str = ""
    """The uuid of the new history of an override."""


class Join(Reasoned):
    """A Primary Component lives and its history contains this pod's."""

    __slots__ = ()


class Wait(Reasoned):
    """Not decidable yet; what is missing may still come by itself."""

    __slots__ = ()


class Hold(Reasoned):
    """The situation will not resolve by itself: a human must look."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Stop(Reasoned):
    """My live server is non-Primary and will stay so: it must stop, so that its disk counts."""

    alone: bool = False
    """There is no other server that could bring it back."""
    all_live: bool = False
    """All servers live, and Galera should bring them together."""


Decision = Bootstrap | Join | Wait | Hold | Stop


class Rule(NamedTuple):
    """One rule of the list in `decide`."""

    name: str
    """Its name in the list; the decision may carry the name of a more precise reason."""
    about: str
    """What it decides, in one sentence for humans."""
    answer: Callable[[Facts], Decision | None]
    """The rule itself; None = it has no answer, the next one is tried."""


@dataclass(frozen=True, slots=True)
class RoundResult:
    """The result of one round."""

    decision: Decision
    """By the rules; a Bootstrap whose promises are not all there is shown as a Wait."""
    action: Action | None = None
    """What a starter may do now; None = it must wait."""
    promise: Promise | None = None
    """The promise that bound this pod then; if another one binds it now, this result is void."""
    is_of_round: bool = False
    """Whether a round has found it; all others only say why the last round's result is void."""

    @property
    def word(self) -> str:
        """The kind of decision, in one word."""
        return self.action.value if self.action else type(self.decision).__name__.lower()

    @property
    def metric_kind(self) -> str:
        """The same, or "none" while a server lives: then there is nothing to decide."""
        return "none" if self.decision.rule == "own-server" else self.word

    @property
    def line(self) -> str:
        """The result for a log."""
        term = f" in term {self.promise.term}" if self.action is Action.BOOTSTRAP and self.promise else ""
        return f"{self.word}{term}: {self.decision.reason} [{self.decision.rule}]"
