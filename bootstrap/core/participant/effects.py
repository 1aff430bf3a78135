"""What a participant asks its driver to do, one effect after the other, in an order that crashes must not betray.

Every input is a generator: it yields effects, receives for each of them why it failed, and returns the participant
afterwards and an answer.  So the order of effects and what follows from a failure are written down once.  The agent
performs them with real files, the model checker with simulated ones that fail, or end the agent, at any of them.
"""

from typing import NamedTuple

from bootstrap.core.decision.persistent_state import PersistentState


class Persist(NamedTuple):
    """Replace the journal, durably.  If it fails, either content may be on the disk."""

    state: PersistentState


class VoidPermission(NamedTuple):
    """Take the one-shot permission back, if there is one."""


class GrantPermission(NamedTuple):
    """Write the one-shot permission to bootstrap in this term, in the place of any other one."""

    term: int


class Note(NamedTuple):
    """Log a line for humans, and keep it as an event."""

    kind: str
    """The event's kind."""
    text: str


class Hurry(NamedTuple):
    """Begin the next round at once: something has changed that other pods wait for."""


class RemoveView(NamedTuple):
    """Remove gvwstate.dat if it still has this view."""

    name: str


class Trouble(NamedTuple):
    """Log what is in the way, once, and its end."""

    what: str
    """The trouble."""
    failure: str
    """Why; empty = it has ended."""


Effect = Persist | VoidPermission | GrantPermission | Note | Hurry | RemoveView | Trouble
