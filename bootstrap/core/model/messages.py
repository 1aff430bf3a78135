"""The messages of an election: a request for a promise, and a refusal."""

from dataclasses import dataclass

from bootstrap.core.model.disk import Disk
from bootstrap.core.model.facts import PodState, Promise


@dataclass(frozen=True, slots=True)
class Prepare:
    """A pod asks another one to promise."""

    promise: Promise
    """What is asked for."""
    candidate: PodState
    """The asking pod, as it knows itself."""
    boot_id: str
    """The life of the asked agent that the asking pod decided by."""
    disk: Disk
    """The asked pod's disk, as the asking pod decided by."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a promise is not given."""

    reason: str
    """One line for the log of the asking pod."""
