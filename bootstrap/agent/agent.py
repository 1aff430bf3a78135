"""What one agent knows and remembers, behind one lock, and what it says of its pod.

`round` observes, decides and publishes; `promises` gives and collects promises; `starters` answers the pod's
starters; `admin_requests` answers humans.  Whatever waits (peers, SQL, disks) happens outside of the lock.
All I/O is injected (`Ports`), so that tests run several agents in one process.
The logical clock orders what was asked and what was promised: only a later answer may end a promise.
"""

import itertools
import secrets
import threading
import time
from dataclasses import dataclass, field

from bootstrap.agent.ports import Ports
from bootstrap.agent.recorder import Recorder
from bootstrap.control.override_messages import OverrideOutcome, OverrideState
from bootstrap.control.starter_messages import Order
from bootstrap.core.decision import persistent_state
from bootstrap.core.decision.decisions import RoundResult, Wait
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.decision.streaks import Streaks
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import DataClass, Disk
from bootstrap.core.model.facts import Facts, Override, Phase, PodState, Promise
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.model.unknown import Unknown
from bootstrap.process.announcer import Announcer
from bootstrap.settings import Settings
from bootstrap.storage import permission
from bootstrap.storage.journal import Journal
from bootstrap.storage.layout import Layout
from bootstrap.storage.persistence import Persistence

NEWS = ("frozen", "primary")
"""The states of a pod that other agents may be waiting for."""


@dataclass
class Pulse:
    """When the agent last did what probes ask about, by the monotonic clock; no decision looks at it."""

    observed_at: float
    """When the server was last observed."""
    looped_at: float
    """When the loop last came round."""
    is_syncing: bool = False
    """The loop waits for the disk, which may take as long as writing a whole database."""


@dataclass
class Orders:
    """What a human has asked this pod for, and what became of it."""

    pending: Order = Order.NONE
    """What the starter is to do with the datadir."""
    failed: Order = Order.NONE
    """The last such order, if the datadir was still there afterwards."""
    outcome: OverrideOutcome = field(default_factory=OverrideOutcome)
    """What became of the last override."""


@dataclass
class Agent:
    """One run of one pod's agent."""

    settings: Settings
    cluster_id: str
    ports: Ports
    boot_id: str = field(default_factory=lambda: secrets.token_hex(8))
    recorder: Recorder = field(default_factory=Recorder)
    version: str = ""

    def __post_init__(self) -> None:
        """Void what an earlier run permitted, and open the journal: with an unusable one the agent holds."""
        self.changed = threading.Condition(threading.RLock())
        self.wake = threading.Event()
        self.clock = itertools.count(1)
        self.announcer = Announcer(lambda line: self.ports.log(line))  # noqa: PLW0108  # tests exchange the ports
        journal = Journal(Layout(self.settings.data_root).meta)
        self.persistence = Persistence(journal, self.cluster_id, self.settings.pod, self.announcer)
        self.lifecycle = Lifecycle()
        self.peers: dict[int, PodState | Unknown] = {}
        self.result = RoundResult(Wait("start", "the agent has just started"))
        self.promised_at = 0
        self.starter = 0
        self.streaks = Streaks()
        self.orders = Orders()
        self.peer_news: dict[str, tuple[str, str]] = {}
        self.pulse = Pulse(time.monotonic(), time.monotonic())
        permission.void(self.settings.permission)
        self.open_journal()

    # What it says of its pod.

    def pod_state(self) -> PodState:
        """What this agent says of its pod, now."""
        with self.changed:
            durable, error = self.durable, self.persistence.error
            return PodState(
                pod=self.settings.pod,
                ordinal=self.settings.ordinal,
                boot_id=self.boot_id,
                volume_id=durable.volume_id,
                phase=self.lifecycle.phase,
                disk=Disk(DataClass.UNKNOWN, detail=error) if error else self.lifecycle.disk,
                server=self.lifecycle.server,
                joining=bool(durable.joining_boot_id),
                was_synced=bool(durable.history_uuid),
                epoch=durable.epoch,
                abandoned_term=self.lifecycle.abandoned_term,
                promise=durable.promise,
                expected=self.known(),
                volumes=durable.volumes,
                lineage=durable.lineage,
                override=self.active_override,
                view_checkpoint=durable.view_checkpoint,
                has_foreign_members=durable.has_foreign_members,
            )

    @property
    def durable(self) -> PersistentState:
        """What this volume remembers."""
        return self.persistence.state

    @property
    def active_override(self) -> Override | None:
        """The override of this pod, while the candidacy lives that it opened."""
        override, bound = self.durable.override, self.durable.promise
        is_open = bound is not None and self.is_mine(bound) and bound.term > self.lifecycle.abandoned_term
        return override if override and bound and is_open and bound.term == override.epoch else None

    def facts(self) -> Facts:
        """What a decision rests on now."""
        settings, streaks = self.settings, self.streaks
        return Facts(
            self.pod_state(),
            self.peers,
            settings.min_epoch,
            settings.last_one_out,
            streaks.is_primary_confirmed,
            streaks.has_primary_kept_quorum,
        )

    def is_mine(self, promise: Promise) -> bool:
        """Whether this run of the agent is the promise's candidate."""
        return (promise.candidate, promise.boot_id) == (self.settings.ordinal, self.boot_id)

    def is_bootstrapping(self) -> bool:
        """Whether the server of this pod begins a Primary Component that is not there yet."""
        bound = self.durable.promise
        has_taken = self.lifecycle.taken is Action.BOOTSTRAP and bound is not None and self.is_mine(bound)
        return has_taken and self.pod_state().primary_server is None

    def expected(self) -> frozenset[int]:
        """The ordinals that must answer: the configured ones, and all that the journal, DNS or a peer knows of."""
        return self.known().union(*(pod.expected for pod in self.answered()))

    def known(self) -> frozenset[int]:
        """The ordinals that this pod knows of itself, whatever DNS shows (R12, R13).

        Only these are passed on: repeated hearsay would keep an ordinal alive forever that was seen once.
        """
        remembered = frozenset(ordinal for ordinal, _ in self.durable.volumes)
        return self.configured() | {self.settings.ordinal} | remembered | self.ports.dns_ordinals()

    def configured(self) -> frozenset[int]:
        """The ordinals of the configured replicas."""
        return frozenset(range(self.settings.replicas))

    def answered(self) -> list[PodState]:
        """The peers that have answered in the last round."""
        return [peer for peer in self.peers.values() if isinstance(peer, PodState)]

    # What it tells peers in a hurry.

    def news(self) -> str:
        """The state that peers may be waiting for, one of NEWS; empty for all others."""
        own = self.pod_state()
        if own.primary_server:
            # Not before its state carries the epoch: that is what ends the promises of the others.
            return "" if own.promise else "primary"
        return "frozen" if own.phase is Phase.FROZEN else ""

    def receive_news(self, sender: str, state: str) -> None:
        """Another agent asks, and says what it has become: look now, and not only when the next round is due.

        Nothing is believed of it: what counts is its answer in that round.  A pod with a server does not hurry, because
        it counts rounds to know how long its server has been stuck.
        """
        pod = sender.partition("/")[0]
        is_new = self.peer_news.get(pod) != (sender, state)
        self.peer_news[pod] = (sender, state)
        if is_new and state in NEWS and self.lifecycle.phase is Phase.FROZEN:
            self.wake.set()

    # What it takes over and remembers; all of it with the lock held.

    def open_journal(self) -> None:
        """Open the journal if that has not been possible yet (R1)."""
        with self.changed:
            if not self.persistence.error:
                return
            self.persistence.open()
            # A term is used once: a late request from an earlier run must not undo what was promised after it.
            self.lifecycle = self.lifecycle.abandon(self.durable.highest_term)
            self.promised_at = next(self.clock)

    def update_lifecycle(self, lifecycle: Lifecycle) -> None:
        """Take over a new state of the pod, and log a new phase."""
        if lifecycle.phase is not self.lifecycle.phase:
            self.ports.log(f"this pod is {lifecycle.phase}")
            self.recorder.note("phase", f"this pod is {lifecycle.phase}")
        self.lifecycle = lifecycle

    def learn_from_round(self, *, durable: bool) -> None:
        """Remember what this round has shown of the cluster; `durable` = what a state transfer wrote is on the disk."""
        own, before = self.pod_state(), self.durable
        awaited = self.configured() | self.ports.dns_ordinals()
        learnt = persistent_state.after_round(before, own, self.answered(), durable=durable, awaited=awaited)
        self.persistence.keep(learnt)
        fork = persistent_state.pending_fork(before)
        if fork and not persistent_state.pending_fork(self.durable) and self.durable.history_uuid == fork.uuid:
            self.orders.outcome = OverrideOutcome(fork.epoch, OverrideState.PRIMARY, fork.uuid)
            line = f"the override of epoch {fork.epoch} is done: the history is now {fork.uuid}"
            self.ports.log(line)
            self.recorder.note("override", line)

    def learn_from_disk(self, disk: Disk) -> None:
        """Remember what the disk shows of a new history that was permitted."""
        fork, learnt = (
            persistent_state.pending_fork(self.durable),
            persistent_state.after_inspection(self.durable, disk),
        )
        if fork is not None and learnt != self.durable:
            self.orders.outcome = OverrideOutcome(fork.epoch, OverrideState.PRIMARY, fork.uuid)
            self.persistence.keep(learnt)
        elif fork is not None and self.orders.outcome.state is OverrideState.TAKEN:
            # The datadir was read after its server was permitted to start.
            reason = "the server ended before it was Primary"
            self.orders.outcome = self.orders.outcome._replace(state=OverrideState.VOID, line=reason)
