"""The messages of an election: a request for a promise, and a refusal."""

from dataclasses import dataclass

from bootstrap.core.model.disk import Disk
from bootstrap.core.model.facts import PodState, Promise
from bootstrap.core.model.shapes import Token


@dataclass(frozen=True, slots=True)
class Prepare:
    """A pod asks another one to promise."""

    promise: Promise
    """What is asked for."""
    candidate: PodState
    """The asking pod, as it knows itself."""
    boot_id: Token
    """The life of the asked agent that the asking pod decided by."""
    disk: Disk
    """The asked pod's disk, as the asking pod decided by."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a promise is not given."""

    reason: str
    """One line for the log of the asking pod."""


@dataclass(frozen=True, slots=True)
class PrepareReply:
    """The answer to a request for a promise."""

    state: PodState
    """The asked pod, after it has promised or refused."""
    refusal: Refusal | None
    """Why it has not promised; None = it has."""
