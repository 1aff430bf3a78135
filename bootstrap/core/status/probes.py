"""What the kubelet is told of a pod: alive, ready.

The rules, each with its reason; docs/probes.md says which probe belongs on which container.

Alive speaks of the agent alone: whether its loop goes round.  A server that recovers, transfers its state, waits in a
minority or is held must not be killed for it (helm charts of others have killed state transfers for years).

Ready speaks of the server: clients may be sent to it.  Unknown is not ready.  A donor leaves service only while another
member is Synced: a donor by rsync lets nobody commit for as long as the transfer takes, and one that was desynced
answers with old data; but if it is all that is left, old data and reads are better than no service.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bootstrap.core.decision.decisions import RoundResult
from bootstrap.core.model.facts import ABSENT, Phase, PodState, Server, Unknown
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.status.counters import Counters

STUCK_S = 120.0
"""Seconds without a turn of the loop until the agent counts as stuck; a turn with silent peers takes 16."""

STALE_S = 30.0
"""Seconds for which an observation of the server stands; with silent peers there is one every 16."""


class Readiness(StrEnum):
    """The answer to "ready?"; nothing in it helps anybody who should not be asking."""

    READY = "ready"
    """In a Primary Component and in step with it."""
    STOPPED = "stopped"
    """No server; the decision is awaited, or the datadir is being read."""
    SILENT = "silent"
    """Something lives on the volume and does not answer: it starts, receives its state, hangs, or ends."""
    STALE = "stale"
    """The agent has not looked for too long to know."""
    NON_PRIMARY = "non-primary"
    """Not in a Primary Component."""
    SPLIT = "split"
    """Another history is alive, and nothing says that it is the older one."""
    JOINING = "joining"
    """Behind the others, or its state transfer is not durable yet."""
    DONOR = "donor"
    """Gives its state to a joiner, or was desynced by hand, while another member is Synced."""


@dataclass(frozen=True, slots=True)
class Details:
    """What is told to Prometheus besides, where the settings ask for it."""

    set_name: str
    """The StatefulSet's name: what the peers' names begin with."""
    version: str
    """Of this program."""
    now: float
    """By the monotonic clock that the tally's times are of."""
    counters: Counters
    """Since when and how often."""
    term: int
    """The highest term that this pod has ever promised."""
    is_promised: bool
    """Whether a promise binds it now."""
    bytes_received: int | None
    """Bytes that came to the datadir since a join was permitted; None where no join is open."""
    has_journal_error: bool
    """Whether the journal cannot be used."""


@dataclass(frozen=True, slots=True)
class ProbeView:
    """What the answers rest on, as one agent knows it now."""

    lifecycle: Lifecycle
    """The own pod."""
    peers: Mapping[int, PodState | Unknown]
    """What the other agents said last."""
    result: RoundResult
    """What the last round came to."""
    is_joining: bool
    """A join was permitted and has not ended."""
    epoch: int
    """Of the Primary Component that this volume was last a member of."""
    observed_ago_s: float
    """Seconds since the server was looked at."""
    looped_ago_s: float
    """Seconds since the loop came round, or since it began to wait for the disk."""
    details: Details | None = None
    """Only where METRICS is full: names, uuids and positions are nobody's business by default."""

    @property
    def server(self) -> Server | None:
        """The live server's own word, unless it is too old."""
        is_known = self.lifecycle.phase is Phase.RUNNING and self.observed_ago_s <= STALE_S
        return self.lifecycle.server if is_known else None


def is_alive(view: ProbeView) -> bool:
    """Whether the agent's loop goes round; nothing that befalls the server (R22)."""
    return view.looped_ago_s <= STUCK_S


def find_readiness(view: ProbeView) -> Readiness:
    """Whether clients may be sent to the server, or why not; the first reason that holds."""
    if view.lifecycle.phase in ABSENT:
        return Readiness.STOPPED
    server = view.server
    if server is None:
        return Readiness.SILENT if view.lifecycle.server is None else Readiness.STALE
    if not server.is_primary:
        return Readiness.NON_PRIMARY
    if view.is_joining or not server.has_complete_data:
        return Readiness.JOINING
    others = [(r, other) for r in view.peers.values() if isinstance(r, PodState) and (other := r.primary_server)]
    if any(other.uuid != server.uuid and r.epoch >= view.epoch for r, other in others):
        return Readiness.SPLIT
    stand_ins = [r.pod for r, o in others if (o.uuid, o.local_state) == (server.uuid, "Synced") and not r.joining]
    return Readiness.DONOR if server.local_state != "Synced" and stand_ins else Readiness.READY
