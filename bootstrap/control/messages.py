"""What travels on the agent's unix socket, as values: one file for both ends."""

from dataclasses import dataclass
from enum import StrEnum


class OverrideState(StrEnum):
    """How far an override has come."""

    PENDING = "pending"
    """In the journal; the pods that answer are asked for their promise."""
    TAKEN = "taken"
    """All have promised, and the starter has the permission."""
    PRIMARY = "primary"
    """The new history lives."""
    VOID = "void"
    """It had no effect: it must be given again."""


@dataclass(frozen=True, slots=True)
class OverrideOutcome:
    """What became of the last override in this pod."""

    epoch: int = 0
    """The epoch that it is for; 0 = none was given in this run of the agent."""
    state: OverrideState = OverrideState.PENDING
    """How far it has come."""
    line: str = ""
    """With PRIMARY the new history's UUID, with VOID the reason."""
