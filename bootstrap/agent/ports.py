"""What an agent can see and do outside of itself, as functions: the real ones are made in `serve`.

So several agents can be run against each other in one process, over a network that loses and delays.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bootstrap.core.model.disk import Position, View
from bootstrap.core.model.facts import Record, Server, Unknown
from bootstrap.core.model.messages import Prepare, Refusal

Answer = tuple[Record, Refusal | None] | Unknown


@dataclass(frozen=True, slots=True)
class World:
    """The agent's ways to look around; each may take time, none may raise."""

    lock_is_free: Callable[[], bool]
    """Probe the volume's lock; False when that cannot be known."""
    server: Callable[[], Server | str]
    """Ask the local server; a reason where it does not answer."""
    records: Callable[[list[str]], dict[str, Record | Unknown]]
    """Ask these pods for their records, all at once."""
    promises: Callable[[dict[str, Prepare]], dict[str, Answer]]
    """Ask these pods to promise, all at once."""
    sync: Callable[[], str]
    """Make the whole volume durable; a reason where that failed."""
    view: Callable[[], View | None]
    """The last Primary view that the local server has written down."""
    applied: Callable[[], Position | str]
    """Up to where the local server has certainly applied all that was ordered before, its view being durable.

    A reason where it cannot tell.
    """
    stop: Callable[[], str]
    """Stop the local server in order; a reason where that failed."""
    ordinals: Callable[[], frozenset[int]]
    """The ordinals that DNS shows."""
    say: Callable[[str], None]
    """Log one line."""
    addresses: Callable[[], dict[str, str]] = dict
    """Where pods were heard of just now."""
