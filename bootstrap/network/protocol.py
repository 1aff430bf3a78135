"""What two agents agree on: paths, limits, and what makes an agent a member."""

from typing import NamedTuple, TypeVar

from bootstrap.core.model.facts import PodState
from bootstrap.core.model.messages import PodNote, PrepareReply
from bootstrap.core.status.events import PodEvents

Reply = TypeVar("Reply", PodState, PrepareReply, PodNote, PodEvents)

STATE = "/v1/state"
"""GET: the pod's state."""

PREPARE = "/v1/prepare"
"""POST: a request for a promise."""

NOTE = "/v1/note"
"""GET: what the pod says to humans."""

EVENTS = "/v1/events"
"""GET: what has happened on the pod."""

MAX_BODY = 256 * 1024
"""Bytes; the state of a pod in a set of 999 pods is below 100 kB."""


MAX_HEAD = 8192
"""Bytes of a request line and its headers; those of a member are below 1 kB."""


DEADLINE_S = 2.0
"""Seconds for one whole exchange with one peer."""


class Membership(NamedTuple):
    """What makes an agent a member of the cluster."""

    cluster_id: str
    """Generated with the Secret; each cluster has its own."""
    keys: tuple[bytes, ...]
    """The key to seal with, then keys that are also accepted while one is being rotated."""
    pod: str
    """The agent's own pod."""
    run_id: str
    """This run of the agent."""

    @property
    def sender(self) -> str:
        """How this agent names itself in a message."""
        return f"{self.pod}/{self.run_id}"
