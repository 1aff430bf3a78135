"""What agents send each other but their state: the messages of an election, and a note for humans."""

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
    run_id: Token
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


class PodNote(NamedTuple):
    """What an agent says of its pod to humans who ask another one; no decision reads it."""

    kind: Token
    """Its decision in one word; "none" while a server lives."""
    rule: Token
    """The rule that decided."""
    reason: str
    """Why, in one line."""
    failing: str = ""
    """The container of this pod that ends with an error, and the error; empty = none does."""
    volume: str = ""
    """How little room its volume has left; empty = enough, or it is not known."""
    unheard: str = ""
    """Why its live server does not answer it, such as a wrong password; empty = it does, or it only starts."""
    crowded: str = ""
    """That its server refuses new clients, and why; empty = it does not, or it is not known."""
    lookup: str = ""
    """Why it cannot look the other pods up in DNS; empty = it can."""
