"""The messages of an election: a request for a promise, a refusal, and the reply."""

from typing import NamedTuple

from bootstrap.core.model.disk import Disk
from bootstrap.core.model.facts import PodState, Promise
from bootstrap.core.model.shapes import Token


class Prepare(NamedTuple):
    """A candidate asks another pod for a promise."""

    promise: Promise
    """What is asked for."""
    candidate: PodState
    """The candidate's own state."""
    boot_id: Token
    """The run of the asked agent on which the candidate has based its decision."""
    disk: Disk
    """The asked pod's disk on which the candidate has based its decision."""


class Refusal(NamedTuple):
    """Why a promise is not given."""

    reason: str
    """One line for the candidate's log."""


class PrepareReply(NamedTuple):
    """The answer to a request for a promise."""

    state: PodState
    """The asked pod, after it has promised or refused."""
    refusal: Refusal | None
    """Why it has not promised; None = it has."""
