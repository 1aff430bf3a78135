"""What an agent can see and do outside of itself, as functions: the real ones are made in `serve`.

So several agents can be run against each other in one process, over a network that loses and delays.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bootstrap.core.model.disk import Position, View
from bootstrap.core.model.facts import PodState, Server, Unknown
from bootstrap.core.model.messages import Prepare, PrepareReply

Answer = PrepareReply | Unknown


@dataclass(frozen=True, slots=True)
class Ports:
    """The agent's ways to look around; each may take time, none may raise."""

    lock_is_free: Callable[[], bool]
    """Probe the volume's lock; False when that cannot be known."""
    server_status: Callable[[], Server | str]
    """Ask the local server; a reason where it does not answer."""
    ask_states: Callable[[list[str]], dict[str, PodState | Unknown]]
    """Ask these pods for their records, all at once."""
    ask_promises: Callable[[dict[str, Prepare]], dict[str, Answer]]
    """Ask these pods to promise, all at once."""
    sync_volume: Callable[[], str]
    """Make the whole volume durable; a reason where that failed."""
    last_view: Callable[[], View | None]
    """The last Primary view that the local server has written down."""
    applied_position: Callable[[], Position | str]
    """Up to where the local server has certainly applied all that was ordered before, its view being durable.

    A reason where it cannot tell.
    """
    stop_server: Callable[[], str]
    """Stop the local server in order; a reason where that failed."""
    dns_ordinals: Callable[[], frozenset[int]]
    """The ordinals that DNS shows."""
    log: Callable[[str], None]
    """Log one line."""
    fresh_addresses: Callable[[], dict[str, str]] = dict
    """Where pods were heard of just now."""
