"""What one round of the agent came to, and what a starter may do by it."""

from dataclasses import dataclass

from bootstrap.core.decision.decide import Decision
from bootstrap.core.model.facts import Promise
from bootstrap.core.model.lifecycle import Action


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one round came to."""

    decision: Decision
    """By the rules; a Bootstrap whose promises are not all in is told as a Wait."""
    action: Action | None = None
    """What a starter may do by it; None = wait."""
    promise: Promise | None = None
    """The promise that bound this pod then; bound otherwise since, the verdict is void."""
    began: int = 0
    """The logical time at which the round began to look."""

    @property
    def word(self) -> str:
        """The verdict in one word."""
        return self.action.value if self.action else type(self.decision).__name__.lower()

    @property
    def kind(self) -> str:
        """The same, and "none" while a server lives: then there is nothing to decide."""
        return "none" if self.decision.rule == "own-server" else self.word

    @property
    def line(self) -> str:
        """The verdict for a log."""
        term = f" in term {self.promise.term}" if self.action is Action.BOOTSTRAP and self.promise else ""
        return f"{self.word}{term}: {self.decision.reason} [{self.decision.rule}]"
