"""Which pods there may be: what DNS shows, what `on-start` got from peer-finder, and which pods have asked.

Each can only add.  Nothing is known before one of the first two has spoken in this run of the agent: silence is not
"nobody else".
"""

from dataclasses import replace
from typing import NamedTuple

from bootstrap.core.decision.persistent_state import PersistentState, Volumes


class KnownPods(NamedTuple):
    """What this run of the agent has learnt of the other pods' existence."""

    shown: frozenset[int] | None = None
    """The ordinals that DNS showed last; None = it has not answered yet."""
    told: frozenset[int] | None = None
    """The ordinals that `on-start` got from peer-finder; None = it has told nothing."""
    asked: frozenset[int] = frozenset()
    """The ordinals that have asked this pod since the last round ended."""

    @property
    def has_answered(self) -> bool:
        """Whether it is known which pods there are."""
        return self.shown is not None or self.told is not None

    @property
    def ordinals(self) -> frozenset[int]:
        """All of them."""
        return (self.shown or frozenset()) | (self.told or frozenset()) | self.asked

    def after_lookup(self, shown: frozenset[int] | None) -> "KnownPods":
        """DNS was asked; None = it did not answer, and what it showed before still counts."""
        return self if shown is None else self._replace(shown=shown)

    def after_member_round(self) -> "KnownPods":
        """A member has remembered all of them: from now on DNS shows who is still there, and who asks again asks."""
        return self if self.shown is None else self._replace(told=None, asked=frozenset())


def remember(state: PersistentState, ordinals: frozenset[int], own: int) -> PersistentState:
    """Remember that these pods exist; their volumes are not known yet."""
    known = dict(state.volumes)
    new = ordinals - known.keys() - {own}
    volumes: Volumes = tuple(sorted((known | dict.fromkeys(new, "")).items()))
    return replace(state, volumes=volumes)
