"""The life of one pod as its agent follows it: what holds the volume's lock, what was reported, what was permitted.

A pure value with its transitions.  What matters most is that `FROZEN` is never a guess: a lock that is held by
something that did not report, or a report from before a server ran, leads to `UNKNOWN` or `STARTING`.
"""

from typing import NamedTuple

from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import Disk
from bootstrap.core.model.facts import Phase, Server, find_primary


class Lifecycle(NamedTuple):
    """What the agent knows of its own pod."""

    starter: bool = False
    """A starter is connected; it holds the volume's lock and starts nothing without a permission."""
    held: bool = True
    """Something holds the volume's lock; that must be assumed until the lock has been probed."""
    disk: Disk | None = None
    """The report on the datadir, valid until something else may write to it."""
    fingerprint: str = ""
    """The datadir's fingerprint when it was reported."""
    taken: Action | None = None
    """The permission that a starter has taken."""
    term: int = 0
    """The term of a taken permission to bootstrap."""
    server: Server | None = None
    """What the live server reports."""
    answered: bool = False
    """The server of the taken permission has answered: if it does not any more, it no longer is on its way in."""
    abandoned_term: int = 0
    """The highest term under which this run of the agent will not bootstrap (any more)."""

    @property
    def phase(self) -> Phase:
        """What the pod is doing."""
        if self.starter and self.taken is None:
            return Phase.FROZEN if self.disk else Phase.RECOVERING
        if self.server is not None:
            return Phase.RUNNING
        if self.taken is not None and not self.answered:
            return Phase.BOOTSTRAPPING if self.taken is Action.BOOTSTRAP else Phase.JOINING
        if self.held:
            return Phase.UNKNOWN  # it hangs, is being stopped, or was started before this agent
        return Phase.FROZEN if self.disk else Phase.STARTING

    @property
    def primary_server(self) -> Server | None:
        """The own live server, if it is in a Primary Component."""
        return find_primary(self.phase, self.server)

    def arrived(self) -> "Lifecycle":
        """A starter has connected, and holds the lock: what ran before has ended."""
        return self._after_server()._replace(starter=True, held=True)

    def reported(self, disk: Disk, fingerprint: str) -> "Lifecycle":
        """The starter has read the datadir."""
        return self._replace(disk=disk, fingerprint=fingerprint)

    def took(self, action: Action, term: int = 0) -> "Lifecycle":
        """The starter has taken its permission and is about to execute the server; the report is void now."""
        return self._replace(taken=action, term=term, disk=None, fingerprint="")

    def left(self, *, held: bool) -> "Lifecycle":
        """The starter's connection has ended; `held`: the lock is still held."""
        return self._replace(starter=False).observed(held=held, server=None)

    def observed(self, *, held: bool, server: Server | None) -> "Lifecycle":
        """The lock was probed and, if it is held, the server was asked."""
        if self.starter:
            return self
        if not held:
            return self._after_server()._replace(held=False)
        if self.taken is None:
            # Something that never reported lives on the volume: what was read before is no longer valid.
            return self._replace(held=True, server=server, disk=None, fingerprint="")
        return self._replace(held=True, server=server, answered=self.answered or server is not None)

    def abandon(self, term: int) -> "Lifecycle":
        """Give a term up: this run of the agent will not bootstrap under it."""
        return self._replace(abandoned_term=max(self.abandoned_term, term))

    def _after_server(self) -> "Lifecycle":
        """The lock is free or held by a starter: a taken permission is over, and so is its term."""
        if self.taken is None:
            return self._replace(server=None)
        over = self._replace(server=None, taken=None, term=0, answered=False, disk=None, fingerprint="")
        return over.abandon(self.term)
