"""The answers to the kubelet's probes of a pod: alive, ready.

The rules, each with its reason; docs/probes.md has the containers that each probe is for.

*Alive* is about the agent alone: whether its loop is running.  A server that recovers, transfers its state, waits in a
minority or is held must not be killed for it (helm charts of others have killed state transfers for years).

*Ready* is about the server: whether clients can be sent to it.  Unknown is not ready.  A donor leaves service only
while another member is Synced.  A donor by rsync blocks all commits for as long as the transfer takes, and one that was
desynced answers with old data; but if no other member is left, old data and reads are better than no service.

A server with no connection left for the agent lives: it answers with an error of its own.  All members can be so at
once, in a storm of clients, and without a ready pod those that are served would be cut, too.  So its last state counts
for half a minute, here only: no decision rests on it, and what nobody can ask for longer is unknown.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from bootstrap.core.decision.decisions import RoundResult
from bootstrap.core.model.facts import ABSENT, SYNCED, Phase, PodState, Server
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.obstacles.room import Room
from bootstrap.core.status.counters import Counters
from bootstrap.core.status.metrics.server_load import NOTHING_KNOWN, Load
from bootstrap.core.system_tables.rules import Stage

STUCK_S = 120.0
"""Seconds without a round of the loop after which the agent counts as stuck; a round with silent peers takes 16."""

STALE_S = 30.0
"""Seconds for which an observation of the server is valid; with silent peers there is one every 16."""


class Readiness(StrEnum):
    """The answer to "ready?"; it contains nothing that helps a client that should not be asking."""

    READY = "ready"
    """In a Primary Component, with its data."""
    STOPPED = "stopped"
    """No server; the pod waits for the decision, or its datadir is being read."""
    FULL = "full"
    """The server lives, has no connection left for the agent, and its last state is too old."""
    SILENT = "silent"
    """Something lives on the volume and does not answer: it starts, receives its state, hangs, or ends."""
    STALE = "stale"
    """The agent's last observation is too old."""
    NON_PRIMARY = "non-primary"
    """Not in a Primary Component."""
    SPLIT = "split"
    """Another history is alive, and nothing shows that it is the older one."""
    JOINING = "joining"
    """Behind the others, or its state transfer is not durable yet."""
    DONOR = "donor"
    """Sends its state to a joiner, or was desynced by hand, while another member is Synced."""


class Details(NamedTuple):
    """What Prometheus gets in addition, if the settings ask for it."""

    set_name: str
    """The StatefulSet's name, with which the peers' names begin."""
    version: str
    """Of this program."""
    now: float
    """The time now, by the monotonic clock of the counters."""
    counters: Counters
    """Since when and how often."""
    term: int
    """The highest term that this pod has ever promised."""
    is_promised: bool
    """Whether a promise binds it now."""
    bytes_received: int | None
    """Bytes written to the datadir since a join was permitted; None if no join is open."""
    ended: int
    """How often the server has ended and not in order, as its own container saw it."""
    failed_starts: int
    """How often in a row the server was started and has ended without having been Synced."""
    has_journal_error: bool
    """Whether the journal cannot be used."""
    tables: Stage
    """What is to be done with the system tables."""
    failed_upgrades: int
    """How many upgrades of them have failed in a row."""
    has_dns: bool
    """The Service's records could be looked up lately."""
    load: Load = NOTHING_KNOWN
    """What its server reports of its work."""
    room: Room | None = None
    """The room on the volume; None = not known."""
    certificate_until: float | None = None
    """When the certificate ends that the server was asked to load last, seconds since 1970; None = none, or unknown."""


class ProbeView(NamedTuple):
    """What the answers are made from, as one agent knows it now."""

    lifecycle: Lifecycle
    """The own pod."""
    peers: Mapping[int, PodState | Unknown]
    """The last answers of the other agents."""
    result: RoundResult
    """The result of the last round."""
    is_joining: bool
    """A join was permitted and has not ended."""
    epoch: int
    """The epoch of the Primary Component that this volume was last a member of."""
    observed_ago_s: float
    """Seconds since the server was observed."""
    looped_ago_s: float
    """Seconds since the last round ended; 0 while the agent waits for the disk."""
    is_full: bool = False
    """The server lives and has no connection left for the agent."""
    before_full: Server | None = None
    """Its state a moment before, as long as that counts."""
    details: Details | None = None
    """Only if METRICS is full: names, uuids and positions are not shown by default."""

    @property
    def server(self) -> Server | None:
        """The live server as it was last observed, unless that is too old."""
        is_known = self.lifecycle.phase is Phase.RUNNING and self.observed_ago_s <= STALE_S
        return self.lifecycle.server if is_known else None


def is_alive(view: ProbeView) -> bool:
    """Whether the agent's loop is running, whatever happens to the server (R22)."""
    return view.looped_ago_s <= STUCK_S


def find_readiness(view: ProbeView) -> Readiness:
    """Whether clients can be sent to the server, or the first reason why not."""
    if view.lifecycle.phase in ABSENT:
        return Readiness.STOPPED
    server = view.server
    if view.lifecycle.server is None and view.is_full:
        server = view.before_full
        if server is None:
            return Readiness.FULL
    if server is None:
        return Readiness.SILENT if view.lifecycle.server is None else Readiness.STALE
    if not server.is_primary:
        return Readiness.NON_PRIMARY
    if view.is_joining or not server.has_complete_data:
        return Readiness.JOINING
    others = [(p, other) for p in view.peers.values() if isinstance(p, PodState) and (other := p.primary_server)]
    if any(other.uuid != server.uuid and peer.epoch >= view.epoch for peer, other in others):
        return Readiness.SPLIT
    stand_ins = [p.pod for p, o in others if (o.uuid, o.local_state) == (server.uuid, SYNCED) and not p.joining]
    return Readiness.DONOR if server.local_state != SYNCED and stand_ins else Readiness.READY
