"""What a human has asked of a pod, and what became of it."""

from enum import StrEnum
from typing import NamedTuple

from bootstrap.core.model.shapes import Prose


class Order(StrEnum):
    """What a starter must do with the datadir before anything else."""

    NONE = ""
    DISCARD = "discard"
    """Put it aside on the same volume."""
    DELETE = "delete"
    """Remove it."""


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


class OverrideOutcome(NamedTuple):
    """What became of the last override in this pod."""

    epoch: int = 0
    """The epoch that it is for; 0 = none was given in this run of the agent."""
    state: OverrideState = OverrideState.PENDING
    """How far it has come."""
    line: Prose = ""
    """With PRIMARY the new history's UUID, with VOID the reason."""


class Orders(NamedTuple):
    """What a human has asked this pod for."""

    pending: Order = Order.NONE
    """What the starter is to do with the datadir."""
    failed: Order = Order.NONE
    """The last such order, if the datadir was still there afterwards."""
    outcome: OverrideOutcome = OverrideOutcome()
    """What became of the last override."""
