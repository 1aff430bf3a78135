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

from bootstrap.core.decision.decisions import Verdict
from bootstrap.core.model.facts import ABSENT, Phase, Record, Server, Unknown
from bootstrap.core.model.lifecycle import Pod
from bootstrap.core.status.counters import Tally

STUCK_S = 120.0
"""Seconds without a turn of the loop until the agent counts as stuck; a turn with silent peers takes 16."""

STALE_S = 30.0
"""Seconds for which an observation of the server stands; with silent peers there is one every 16."""


class Word(StrEnum):
    """The answer to "ready?"; nothing in it helps anybody who should not be asking."""

    READY = "ready"
    """In a Primary Component and in step with it."""
    STOPPED = "stopped"
    """No server; the decision is awaited, or the datadir is being read."""
    SILENT = "silent"
    """Something lives on the volume and does not answer: it starts, receives its state, hangs, or ends."""
    STALE = "stale"
    """The agent has not looked for too long to know."""
    OUTSIDE = "outside"
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
    tally: Tally
    """Since when and how often."""
    term: int
    """The highest term that this pod has ever promised."""
    bound: bool
    """Whether a promise binds it now."""
    written: int | None
    """Bytes that came to the datadir since a join was permitted; None where no join is open."""
    trouble: bool
    """Whether the journal cannot be used."""


@dataclass(frozen=True, slots=True)
class View:
    """What the answers rest on, as one agent knows it now."""

    pod: Pod
    """The own pod."""
    peers: Mapping[int, Record | Unknown]
    """What the other agents said last."""
    verdict: Verdict
    """What the last round came to."""
    joining: bool
    """A join was permitted and has not ended."""
    epoch: int
    """Of the Primary Component that this volume was last a member of."""
    seen: float
    """Seconds since the server was looked at."""
    turned: float
    """Seconds since the loop came round, or since it began to wait for the disk."""
    details: Details | None = None
    """Only where METRICS is full: names, uuids and positions are nobody's business by default."""

    @property
    def server(self) -> Server | None:
        """The live server's own word, unless it is too old."""
        return self.pod.server if self.pod.phase is Phase.RUNNING and self.seen <= STALE_S else None


def alive(view: View) -> bool:
    """Whether the agent's loop goes round; nothing that befalls the server (R22)."""
    return view.turned <= STUCK_S


def ready(view: View) -> Word:
    """Whether clients may be sent to the server, or why not; the first reason that holds."""
    if view.pod.phase in ABSENT:
        return Word.STOPPED
    server = view.server
    if server is None:
        return Word.SILENT if view.pod.server is None else Word.STALE
    if not server.primary:
        return Word.OUTSIDE
    if view.joining or not server.settled:
        return Word.JOINING
    others = [(r, other) for r in view.peers.values() if isinstance(r, Record) and (other := r.primary)]
    if any(other.uuid != server.uuid and r.epoch >= view.epoch for r, other in others):
        return Word.SPLIT
    stand_ins = [r.pod for r, o in others if (o.uuid, o.local_state) == (server.uuid, "Synced") and not r.joining]
    return Word.DONOR if server.local_state != "Synced" and stand_ins else Word.READY
