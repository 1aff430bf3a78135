"""One pod's part in the protocol: what its agent knows and remembers, as one value, and what it says of its pod.

The inputs are in `rounds`, `promises`, `starters` and `human_orders`; each returns another participant.
Nothing here reads a clock: what an answer or a permission must be later than is a flag of `Freshness`.
"""

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import NamedTuple, TypeVar

from bootstrap.core.decision.decisions import RoundResult, Wait
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.decision.streaks import Patience, Streaks
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import NO_VERSIONS, DataClass, Disk, Versions
from bootstrap.core.model.facts import Facts, Override, Phase, PodState, Promise
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.participant.effects import Effect, Persist, Trouble
from bootstrap.core.participant.known_pods import KnownPods
from bootstrap.core.participant.orders import Orders, OverrideOutcome

T = TypeVar("T")


class Identity(NamedTuple):
    """What does not change while this run of the agent lives."""

    pod: str
    """The pod's name."""
    ordinal: int
    """Its ordinal."""
    run_id: str
    """Random for each run of the agent."""
    kernel_boot_id: str
    """The boot of the machine."""
    configured: frozenset[int]
    """The ordinals of the configured replicas."""
    min_epoch: int = 0
    """As in `Facts`."""
    last_one_out: bool = False
    """As in `Facts`."""
    expect_data: bool = False
    """As in `Facts`."""
    patience: Patience = Patience()
    """How long this pod waits for Galera."""

    def pod_of(self, ordinal: int) -> str:
        """The name of another pod of the set: they share what stands before the number."""
        return f"{self.pod.rpartition('-')[0]}-{ordinal}"


class Freshness(NamedTuple):
    """What came after what; only later answers may end a promise, and only later results may start a server."""

    round_after_promise: bool = False
    """The round under way began after the promise was made that binds this pod."""
    round_after_report: bool = False
    """The round under way began after the starter has reported the datadir."""
    result_after_report: bool = False
    """The result is of such a round."""


class Participant(NamedTuple):
    """All that an agent knows and remembers."""

    identity: Identity
    durable: PersistentState
    """What this volume remembers, as it was last written or read."""
    is_open: bool = False
    """Whether the journal has been read in this run, and is this pod's."""
    fault: str = "the journal has not been opened yet"
    """Why no promise can be given and no start permitted: the journal cannot be used; empty = it can."""
    lifecycle: Lifecycle = Lifecycle()
    known_pods: KnownPods = KnownPods()
    """Which pods there may be besides."""
    peers: tuple[tuple[int, PodState | Unknown], ...] = ()
    """The other pods, as they answered in the last whole round."""
    result: RoundResult = RoundResult(Wait("start", "the agent has just started"))
    """The result that starters get."""
    permission: int = 0
    """The term of the permission that this run has written and not taken back; 0 = none."""
    freshness: Freshness = Freshness()
    streaks: Streaks = Streaks()
    false_view_rounds: int = 0
    """For how many rounds gvwstate.dat has contradicted the live server."""
    orders: Orders = Orders()
    data_bytes: int | None = None
    """What the datadir takes while this pod is a member; None = not known."""
    versions: Versions = NO_VERSIONS
    """The series of the server that was started last on this volume, and of the system tables."""

    @property
    def pod_state(self) -> PodState:
        """What this agent says of its pod, now."""
        durable, lifecycle = self.durable, self.lifecycle
        view = lifecycle.disk.view if lifecycle.disk else None
        return PodState(
            pod=self.identity.pod,
            ordinal=self.identity.ordinal,
            run_id=self.identity.run_id,
            volume_id=durable.volume_id,
            phase=lifecycle.phase,
            disk=Disk(DataClass.UNKNOWN, detail=self.fault, view=view) if self.fault else lifecycle.disk,
            server=lifecycle.server,
            joining=bool(durable.joining_boot_id),
            was_synced=bool(durable.history_uuid),
            epoch=durable.epoch,
            joined_epoch=durable.joined_epoch if durable.joining_boot_id else 0,
            abandoned_term=lifecycle.abandoned_term,
            promise=durable.promise,
            expected=self.known,
            volumes=durable.volumes,
            lineage=durable.lineage,
            bootstraps=durable.bootstraps,
            override=self.active_override,
            view_checkpoint=durable.view_checkpoint,
            has_foreign_members=durable.has_foreign_members,
            data_bytes=self.data_bytes if lifecycle.primary_server else None,
            versions=self.versions if lifecycle.primary_server else NO_VERSIONS,
        )

    @property
    def facts(self) -> Facts:
        """What a decision rests on now."""
        identity, streaks = self.identity, self.streaks
        return Facts(
            self.pod_state,
            dict(self.peers),
            min_epoch=identity.min_epoch,
            last_one_out=identity.last_one_out,
            expect_data=identity.expect_data,
            is_primary_confirmed=streaks.is_primary_confirmed,
            has_primary_kept_quorum=streaks.has_primary_kept_quorum(identity.patience),
            has_directory=self.known_pods.has_answered,
        )

    @property
    def answered(self) -> list[PodState]:
        """The peers that have answered in the last whole round."""
        return [peer for _, peer in self.peers if isinstance(peer, PodState)]

    @property
    def active_override(self) -> Override | None:
        """The override of this pod, while the candidacy lives that it opened."""
        override, bound = self.durable.override, self.durable.promise
        if override is None or bound is None or not self.is_mine(bound):
            return None
        is_open = bound.term > self.lifecycle.abandoned_term
        return override if is_open and bound.term == override.epoch else None

    @property
    def known(self) -> frozenset[int]:
        """The ordinals that this pod knows of itself, whatever DNS shows (R12, R13).

        Only these are passed on: repeated hearsay would keep an ordinal alive forever that was seen once.
        """
        remembered = frozenset(ordinal for ordinal, _ in self.durable.volumes)
        return self.identity.configured | {self.identity.ordinal} | remembered | self.known_pods.ordinals

    @property
    def expected(self) -> frozenset[int]:
        """The ordinals that must answer: those that this pod knows, and all that a peer knows of."""
        return self.known.union(*(pod.expected for pod in self.answered))

    @property
    def is_bootstrapping(self) -> bool:
        """Whether the server of this pod begins a Primary Component that is not there yet."""
        bound = self.durable.promise
        has_taken = self.lifecycle.taken is Action.BOOTSTRAP and bound is not None and self.is_mine(bound)
        return has_taken and self.lifecycle.primary_server is None

    @property
    def news(self) -> str:
        """The state that peers may be waiting for, one of NEWS; empty for all others."""
        if self.lifecycle.primary_server:
            # Not before its state carries the epoch: that is what ends the promises of the others.
            return "" if self.durable.promise else "primary"
        return "frozen" if self.lifecycle.phase is Phase.FROZEN else ""

    def is_mine(self, promise: Promise) -> bool:
        """Whether this run of the agent is the promise's candidate."""
        return (promise.candidate, promise.run_id) == (self.identity.ordinal, self.identity.run_id)

    def with_result(self, result: RoundResult) -> "Participant":
        """The same with another result than that of a round: no starter may act on an earlier one."""
        return self._replace(result=result, freshness=self.freshness._replace(result_after_report=False))

    def with_outcome(self, outcome: OverrideOutcome) -> "Participant":
        """The same after something has become of the last override."""
        return self._replace(orders=self.orders._replace(outcome=outcome))

    def abandon_term(self, term: int) -> "Participant":
        """Give a term up: this run of the agent will not bootstrap under it."""
        return self._replace(lifecycle=self.lifecycle.abandon(term))


NEWS = ("frozen", "primary")
"""The states of a pod that other agents may be waiting for."""


Step = Generator[Effect, str, tuple[Participant, T]]
"""Yields effects and receives, for each, why it failed (empty = it is done); returns the participant and an answer."""


def run(step: Step[T], perform: Callable[[Effect], str]) -> tuple[Participant, T]:
    """Perform a step's effects in order, and return what the step returns."""
    try:
        effect = next(step)
        while True:
            effect = step.send(perform(effect))
    except StopIteration as end:
        after: tuple[Participant, T] = end.value
        return after


def write(p: Participant, state: PersistentState) -> Step[str]:
    """Make this durable before anything rests on it; answers why that failed (R39).

    Until the journal can be written again this pod counts for nothing: it could give no promise.
    """
    failure = yield Persist(state)
    return (p._replace(fault=failure), failure) if failure else (p._replace(durable=state, fault=""), "")


def keep(p: Participant, state: PersistentState) -> Step[bool]:
    """Remember what is true whether or not it reaches the disk; answers whether it is remembered now.

    A failure is logged, and the next round tries again.
    """
    if not p.is_open or state == p.durable:
        return p, p.is_open
    p, failure = yield from write(p, state)
    yield Trouble("what was seen is not remembered", failure)
    return p, not failure


def forget_promise(state: PersistentState) -> PersistentState:
    """The state of a pod that is bound no longer."""
    return replace(state, promise=None, override=None)
