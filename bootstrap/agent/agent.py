"""The agent's mind: observe the own pod, ask the peers, decide, collect promises, give one permission at a time.

All state is behind one lock; whatever waits (peers, SQL) happens outside of it.  Other threads come in through `record`
and `prepare` (the exchange) and through the starters' calls (`desk`); `round` is one turn of the loop.
How the world is looked at is given as functions, so that several agents can be run against each other in one process.
The logical clock orders what was asked and what was promised: a promise may only be ended by a later answer.
"""

import itertools
import secrets
import threading
import time
from dataclasses import dataclass, field, replace

from bootstrap.agent.ports import Ports
from bootstrap.agent.recorder import Recorder
from bootstrap.control.messages import OverrideOutcome, OverrideState
from bootstrap.core.decision import election, override, persistent_state, quorum
from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap, Decision, Hold, Join, RoundResult, Stop, Wait
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.decision.rules_live_primary import primary_epoch
from bootstrap.core.model import lineage
from bootstrap.core.model.disk import DataClass, Disk, ViewCheckpoint
from bootstrap.core.model.facts import Facts, Override, Phase, PodState, Promise, Server, Unknown
from bootstrap.core.model.lifecycle import Action, Lifecycle
from bootstrap.core.model.messages import Prepare, PrepareReply, Refusal
from bootstrap.core.model.predicates import BLANK
from bootstrap.core.status.probes import Details, ProbeView
from bootstrap.errors import BootstrapError, JournalUnwritableError
from bootstrap.mariadb.client import STARTING
from bootstrap.process import boot_id
from bootstrap.settings import Settings
from bootstrap.storage import permission
from bootstrap.storage.journal import Journal, new_memory
from bootstrap.storage.layout import Layout

STUCK_ROUNDS = 40
"""How many rounds in a row a server must have been stuck before it is stopped: ten seconds or more."""

ALONE_ROUNDS = 8
"""The same where no other server could bring it back, as after a state transfer that failed: two seconds or more."""

NEWS = ("frozen", "primary")
"""What other agents may be waiting for a pod to be."""

HELLO_S = 1.0
"""Seconds that may pass from a starter's lock to its hello."""

SURPLUS_ROUNDS = 80
"""In how many rounds in a row there must be a member too many to be no pod: a dead one is a member for 15 s at most."""


@dataclass
class Agent:
    """One life of one pod's agent."""

    settings: Settings
    cluster_id: str
    ports: Ports
    boot_id: str = field(default_factory=lambda: secrets.token_hex(8))
    recorder: Recorder = field(default_factory=Recorder)
    version: str = ""

    def __post_init__(self) -> None:
        """Void what an earlier life permitted, and open the journal: an unusable one means to hold, not to die."""
        self.changed = threading.Condition(threading.RLock())
        self.wake = threading.Event()
        self.clock = itertools.count(1)
        self.journal = Journal(Layout(self.settings.data_root).meta)
        self.durable = PersistentState(self.cluster_id, self.settings.pod, volume_id="")
        self.journal_error = "the journal has not been opened yet"
        self.lifecycle = Lifecycle()
        self.peers: dict[int, PodState | Unknown] = {}
        self.result = RoundResult(Wait("start", "the agent has just started"))
        self.promised_at = 0
        self.starter = 0
        self.told = ""
        self.silence = ""
        self.troubles: dict[str, str] = {}
        self.stuck = 0
        self.surplus = 0
        self.doomed = 0
        self.states: dict[str, tuple[str, str]] = {}
        self.pending_order = ""
        self.failed_order = ""
        self.override_outcome = OverrideOutcome()
        # For the probes alone: no decision looks at a clock.
        self.seen_at = self.turned_at = time.monotonic()
        self.syncing = False
        permission.void(self.settings.permission)
        self.open_journal()

    # What other agents ask.

    def pod_state(self) -> PodState:
        """What this agent says of its pod, now."""
        with self.changed:
            memory = self.durable
            return PodState(
                pod=self.settings.pod,
                ordinal=self.settings.ordinal,
                boot_id=self.boot_id,
                volume_id=memory.volume_id,
                phase=self.lifecycle.phase,
                disk=Disk(DataClass.UNKNOWN, detail=self.journal_error) if self.journal_error else self.lifecycle.disk,
                server=self.lifecycle.server,
                joining=bool(memory.joining_boot_id),
                was_synced=bool(memory.history_uuid),
                epoch=memory.epoch,
                abandoned_term=self.lifecycle.abandoned_term,
                promise=memory.promise,
                expected=self.known(),
                volumes=memory.volumes,
                lineage=memory.lineage,
                override=self.word,
                view_checkpoint=memory.view_checkpoint,
                has_foreign_members=memory.has_foreign_members,
            )

    @property
    def word(self) -> Override | None:
        """The operator's word, while the candidacy lives that it opened."""
        word, bound = self.durable.override, self.durable.promise
        alive = bound is not None and self.is_mine(bound) and bound.term > self.lifecycle.abandoned_term
        return word if word and bound and alive and bound.term == word.epoch else None

    def facts(self) -> Facts:
        """What a decision rests on now."""
        waited = self.doomed >= SURPLUS_ROUNDS
        return Facts(self.pod_state(), self.peers, self.settings.min_epoch, self.settings.last_one_out, waited)

    def prepare(self, request: Prepare) -> Refusal | None:
        """Another pod asks for a promise: give it durably, or say why not (R39)."""
        with self.changed:
            if self.journal_error:
                return Refusal(self.journal_error)
            answer = election.consider(request, self.facts())
            if isinstance(answer, Refusal):
                return answer
            if answer != self.durable.promise:
                try:
                    volumes = persistent_state.add_founders(self.durable, [request.candidate])
                    self.bind(answer, replace(self.durable, volumes=volumes, override=None))
                except JournalUnwritableError as exc:
                    return Refusal(str(exc))
                self.lifecycle = self.lifecycle.abandon(answer.term)
                self.ports.log(f"term {answer.term} is promised to {request.candidate.pod}")
            return None

    def is_bootstrapping(self) -> bool:
        """Whether the server of this pod begins a Primary Component that is not there yet."""
        bound = self.durable.promise
        begins = self.lifecycle.taken is Action.BOOTSTRAP and bound is not None and self.is_mine(bound)
        return begins and self.pod_state().primary_server is None

    def state(self) -> str:
        """One of NEWS; empty for all else."""
        own = self.pod_state()
        if own.primary_server:
            # Not before its record tells the epoch: what binds the others to it ends by that.
            return "" if own.promise else "primary"
        return "frozen" if own.phase is Phase.FROZEN else ""

    def noticed(self, sender: str, state: str) -> None:
        """Another agent asks, and says what it has become: look now, and not only when the next round is due.

        Nothing is believed of it: what counts is what it answers in that round.  A pod with a server does not hurry:
        how long that is stuck is counted in rounds.
        """
        pod = sender.partition("/")[0]
        new = self.states.get(pod) != (sender, state)
        self.states[pod] = (sender, state)
        if new and state in NEWS and self.lifecycle.phase is Phase.FROZEN:
            self.wake.set()

    # What the probes ask.

    def view(self) -> ProbeView:
        """What a probe is answered by; without the lock, which a slow disk may hold: each value is read whole."""
        now = time.monotonic()
        return ProbeView(
            lifecycle=self.lifecycle,
            peers=self.peers,
            result=self.result,
            is_joining=bool(self.durable.joining_boot_id),
            epoch=self.durable.epoch,
            observed_ago_s=now - self.seen_at,
            looped_ago_s=0.0 if self.syncing else now - self.turned_at,
            details=self.details(now) if self.settings.metrics == "full" else None,
        )

    def details(self, now: float) -> Details:
        """What Prometheus is told besides, where that was asked for."""
        memory, chronicle = self.durable, self.recorder
        bound = memory.promise is not None
        return Details(
            set_name=self.settings.set_name,
            version=self.version,
            now=now,
            counters=chronicle.counters,
            term=memory.highest_term,
            is_promised=bound,
            bytes_received=chronicle.bytes_received,
            has_journal_error=bool(self.journal_error),
        )

    # One turn of the loop.

    def round(self) -> None:
        """Look, decide, and make the verdict the one that starters get."""
        began = next(self.clock)
        self.open_journal()
        self.observe()
        peers = self.ask()
        durable = self.transfer_is_durable()
        mark = self.new_mark()
        with self.changed:
            self.peers = peers
            if mark is not None:
                self.keep(view_checkpoint=mark)
            if self.lifecycle.disk is not None:
                self.learn_from_disk(self.lifecycle.disk)
            self.learn_from_round(durable=durable)
            self.end_promise(asked_at=began)
            facts = self.facts()
            decision = decide(facts)
            self.count_doomed(decision)
            if not isinstance(decision, Bootstrap) and not override.is_between_starters(facts.own):
                self.retire(decision.reason)
            bound = self.durable.promise
        if isinstance(decision, Bootstrap):
            verdict = self.campaign(facts, decision, began)
        else:
            action = Action.JOIN if isinstance(decision, Join) else None
            verdict = RoundResult(decision, action, bound, began)
        self.settle(verdict)
        self.recorder.note_round(self.facts(), self.result, self.ports.log)
        self.stop_stuck_server(decision)
        self.turned_at = time.monotonic()

    def stop_stuck_server(self, decision: Decision) -> None:
        """Stop a server that has been stuck for many rounds; a change of view passes through non-Primary, too."""
        if not isinstance(decision, Stop):
            self.stuck = 0
            return
        self.stuck += 1
        if self.stuck >= (ALONE_ROUNDS if decision.alone else STUCK_ROUNDS):
            self.stuck = 0
            with self.changed:
                self.keep(lost_view=quorum.lost_by_stop(self.lifecycle.server))
            failure = self.ports.stop_server()
            self.ports.log(f"the server was told to stop: {failure or 'it will'}")
            self.recorder.note("stop", f"the server was told to stop: {decision.reason} [{decision.rule}]")

    def observe(self) -> None:
        """Probe the lock and, if something holds it, ask the server."""
        with self.changed:
            if self.lifecycle.starter:
                return
        held = not self.ports.lock_is_free()
        if held and self.says_hello():
            return
        server = self.ports.server_status() if held else None
        if isinstance(server, Server) and not server.is_primary:
            server = replace(server, view=self.ports.last_view())
        self.tell_silence(server if isinstance(server, str) else "")
        with self.changed:
            self.see(self.lifecycle.observed(held=held, server=server if isinstance(server, Server) else None))
            self.seen_at = time.monotonic()

    def says_hello(self) -> bool:
        """Wait for who has just taken the lock of a frozen pod: between `on-start` and `start` there is nobody.

        A starter takes the lock first and says hello then; it executes nothing in between, so the pod is frozen still.
        `inspect` and `restore` take it, too, and say nothing: what was reported outlives them for this moment, and who
        starts a server compares it with the datadir before.
        """
        with self.changed:
            if self.lifecycle.phase is not Phase.FROZEN:
                return False
            return self.changed.wait_for(lambda: self.lifecycle.starter, HELLO_S)

    def transfer_is_durable(self) -> bool:
        """Make what a state transfer wrote durable before its joining mark is closed: rsync does not fsync."""
        server = self.pod_state().primary_server
        if not self.durable.joining_boot_id or server is None or not server.has_complete_data:
            return True
        # As long as the disk takes for a whole database, and a restart of this agent would only begin anew.
        self.syncing = True
        failure = self.ports.sync_volume()
        self.turned_at = time.monotonic()
        self.syncing = False
        self.tell_trouble("the state transfer cannot be made durable", failure)
        return not failure

    def tell_trouble(self, what: str, failure: str) -> None:
        """Log what is in the way when that changes: it is tried again in every round, maybe for days."""
        if failure != self.troubles.get(what, ""):
            self.ports.log(f"{what}: {failure or 'not any more'}")
            self.troubles[what] = failure

    def new_mark(self) -> ViewCheckpoint | None:
        """How far this volume has certainly come in a view that is not marked yet (proof P1, `proof`).

        The view is read before and after: what was applied in between is at or beyond the change to it.
        """
        server, marked = self.pod_state().primary_server, self.durable.view_checkpoint
        if self.durable.joining_boot_id or server is None or not server.has_complete_data:
            return None
        view = self.ports.last_view()
        if view is None or (marked is not None and (marked.view, marked.position.uuid) == (view.name, server.uuid)):
            return None
        applied = self.ports.applied_position()
        if isinstance(applied, str) or self.ports.last_view() != view:
            return None
        return ViewCheckpoint(view.name, applied)

    def tell_silence(self, reason: str) -> None:
        """Log why a server that is alive cannot be asked; that it does not listen yet is normal."""
        if reason != self.silence and not any(normal in reason for normal in STARTING):
            self.ports.log(f"the server does not tell its state: {reason}" if reason else "the server tells its state")
            self.silence = reason

    def ask(self) -> dict[int, PodState | Unknown]:
        """Ask all expected peers for their records."""
        names = {self.settings.pod_of(o): o for o in self.expected() - {self.settings.ordinal}}
        return {names[name]: record for name, record in self.ports.ask_states(sorted(names)).items()}

    def expected(self) -> frozenset[int]:
        """The ordinals that must be heard: the configured ones, and all that the journal, DNS or a peer knows of."""
        return self.known().union(*(r.expected for r in self.peers.values() if isinstance(r, PodState)))

    def known(self) -> frozenset[int]:
        """The ordinals that I know of myself, whatever DNS shows (R12, R13).

        Only these are told to others: repeated hearsay would keep an ordinal alive for ever that was seen once.
        """
        remembered = frozenset(ordinal for ordinal, _ in self.durable.volumes)
        configured = frozenset(range(self.settings.replicas)) | {self.settings.ordinal}
        return configured | remembered | self.ports.dns_ordinals()

    def campaign(self, facts: Facts, decision: Bootstrap, began: int) -> RoundResult:
        """Bootstrap if all expected pods are bound to it, else ask those that are not.

        Permission comes only from records that were asked for in this round, after every promise was made: so nobody
        has become Primary in between (R3, R4).
        """
        try:
            mine = self.candidacy(facts)
        except JournalUnwritableError as exc:
            return RoundResult(Hold("journal", str(exc)), clock=began)
        if mine is None:
            return RoundResult(Wait(decision.rule, "another pod asked for a promise first"), clock=began)
        missing = election.find_unbound(replace(facts, own=self.pod_state()), mine)
        if not missing:
            return RoundResult(decision, Action.BOOTSTRAP, mine, began)
        asked = {
            r.pod: Prepare(mine, self.pod_state(), r.boot_id, r.disk)
            for r in facts.answers
            if r.disk and r.ordinal in missing
        }
        answers = self.ports.ask_promises(asked)
        refusals = [
            f"{pod}: {a.refusal.reason}" for pod, a in answers.items() if isinstance(a, PrepareReply) and a.refusal
        ]
        if refusals:
            self.retire(f"refused by {'; '.join(refusals)}")
        else:
            self.wake.set()
        names = ", ".join(self.settings.pod_of(o) for o in missing)
        waits = Wait(decision.rule, f"{decision.reason}; asking {names} for a promise")
        return RoundResult(waits, promise=None if refusals else mine, clock=began)

    def candidacy(self, facts: Facts) -> Promise | None:
        """My promise to myself, made durable before anybody else is asked; None if I am bound to another pod by now.

        Raises JournalUnwritableError.
        """
        with self.changed:
            own = self.durable.promise
            if own is not None and not self.is_mine(own):
                return None
            if own is not None and own.term > self.lifecycle.abandoned_term:
                return own
            term = election.highest_term([self.pod_state(), *facts.answers]) + 1
            return self.bind(Promise(term, self.settings.ordinal, self.boot_id))

    def settle(self, verdict: RoundResult) -> None:
        """Publish the verdict, unless this pod was bound otherwise while it was found."""
        with self.changed:
            if verdict.action is not None and verdict.promise != self.durable.promise:
                verdict = RoundResult(Wait("promised", "bound by a promise meanwhile"), clock=verdict.clock)
            # Not after it was taken: a second file would outlive the server that the first one started.
            wanted = verdict.action is Action.BOOTSTRAP and self.lifecycle.phase is Phase.FROZEN
            if wanted and not self.settings.permission.exists():
                verdict = self.write_permission(verdict)
            self.tell(verdict)
            self.result = verdict
            self.changed.notify_all()

    def tell(self, verdict: RoundResult) -> None:
        """Log a verdict that says something new; what my own server does is told by the phase."""
        if verdict.line != self.told and verdict.decision.rule != "own-server":
            self.ports.log(verdict.line)
            self.recorder.note_decision(verdict)
            self.told = verdict.line

    # What only this agent does to itself; all of it with the lock held.

    def open_journal(self) -> None:
        """Open the journal if that has not been possible yet (R1)."""
        with self.changed:
            if not self.journal_error:
                return
            try:
                self.durable = self.journal.read() or new_memory(self.cluster_id, self.settings.pod)
                # A term is used once: a late request from an earlier life must not undo what was promised after it.
                self.lifecycle = self.lifecycle.abandon(self.durable.highest_term)
                # Written as it was read: a volume that has become read-only is noticed before it is needed.
                self.journal.write(self.durable)
                owner = (self.durable.cluster_id, self.durable.pod)
                self.journal_error = "" if owner == (self.cluster_id, self.settings.pod) else self.foreign()
            except BootstrapError as exc:
                self.journal_error = str(exc)
            self.promised_at = next(self.clock)

    def foreign(self) -> str:
        """Why this volume is not ours to use (R35)."""
        other = "of another cluster" if self.durable.cluster_id != self.cluster_id else f"of {self.durable.pod}"
        return f"the volume is {other}: attach the right one"

    def bind(self, to: Promise, with_it: PersistentState | None = None) -> Promise:
        """Be bound by a promise, durably; what was found before is void.  Raises JournalUnwritableError.

        `with_it` is what else is remembered with it, in the same write: an override, the candidate's volume.
        """
        permission.void(self.settings.permission)
        state = with_it or replace(self.durable, override=None)
        term = max(state.highest_term, to.term)
        self.durable = self.journal.write(replace(state, promise=to, highest_term=term))
        self.promised_at = next(self.clock)
        self.recorder.note("promise", f"term {to.term} is promised to {self.settings.pod_of(to.candidate)}")
        self.result = RoundResult(Wait("promised", f"term {to.term} has just been promised"))
        return to

    def end_promise(self, asked_at: int) -> None:
        """Drop a promise that has ended by a sign of its winner."""
        bound = self.durable.promise
        later = self.heard() if asked_at > self.promised_at else []
        if bound is not None and election.has_ended(bound, [self.pod_state(), *later]):
            self.keep(promise=None, override=None)
            if self.durable.promise is None:
                self.recorder.note("promise", f"term {bound.term} binds no longer")
                # Who waits for this pod to be Primary is told by the questions of a round.
                self.wake.set()

    def retire(self, reason: str) -> None:
        """Give up a candidacy of this life of the agent whose permission nobody has taken."""
        with self.changed:
            bound = self.durable.promise
            if bound is None or not self.is_mine(bound) or self.lifecycle.taken is not None:
                return
            permission.void(self.settings.permission)
            if self.word is not None:
                self.override_outcome = OverrideOutcome(bound.term, OverrideState.VOID, reason)
            self.lifecycle = self.lifecycle.abandon(bound.term)
            self.keep(promise=None, override=None)
            self.ports.log(f"term {bound.term} is given up: {reason}")
            self.recorder.note("promise", f"term {bound.term} is given up: {reason}")

    def is_mine(self, bound: Promise) -> bool:
        """Whether this life of the agent is the promise's winner."""
        return (bound.candidate, bound.boot_id) == (self.settings.ordinal, self.boot_id)

    def learn_from_round(self, *, durable: bool) -> None:
        """Remember what this round has shown of the cluster."""
        own = self.pod_state()
        if own.primary_server is not None:
            self.count_surplus(own.primary_server)
        before, awaited = self.durable, frozenset(range(self.settings.replicas)) | self.ports.dns_ordinals()
        self.write_down(persistent_state.after_round(before, own, self.heard(), durable=durable, awaited=awaited))
        forked = lineage.pending_fork(before.lineage)
        if forked and not lineage.pending_fork(self.durable.lineage):
            self.override_outcome = OverrideOutcome(forked.epoch, OverrideState.PRIMARY, self.durable.history_uuid)
            done = f"the override of epoch {forked.epoch} is done: the history is now {self.durable.history_uuid}"
            self.ports.log(done)
            self.recorder.note("override", done)

    def learn_from_disk(self, disk: Disk) -> None:
        """Remember what the disk tells of a new history that was permitted."""
        forked = lineage.pending_fork(self.durable.lineage)
        learnt = persistent_state.after_inspection(self.durable, disk)
        if forked is None or learnt == self.durable:
            return
        if disk.position and disk.position.uuid == forked.parent:
            why = "the server ended before it was Primary"
            self.override_outcome = replace(self.override_outcome, state=OverrideState.VOID, line=why)
        else:
            self.override_outcome = OverrideOutcome(forked.epoch, OverrideState.PRIMARY, learnt.history_uuid)
        self.write_down(learnt)

    def heard(self) -> list[PodState]:
        """The peers that have answered in the last round."""
        return [r for r in self.peers.values() if isinstance(r, PodState)]

    def count_surplus(self, server: Server) -> None:
        """Remember that there were members that are no pods, once they have been too many for long enough."""
        self.surplus = self.surplus + 1 if server.size > 1 + len(self.maybe_alive()) else 0
        if self.surplus >= SURPLUS_ROUNDS:
            self.keep(has_foreign_members=True)

    def count_doomed(self, decision: Decision) -> None:
        """How long it was waited for that a Primary Component notices that it has lost its quorum; some never will."""
        if decision.rule == "quorum":
            self.doomed += 1
        elif decision.rule != "join":
            self.doomed = 0

    def maybe_alive(self) -> list[int]:
        """The other pods that may have a server, as far as is known; more members than these are no pods (R36)."""
        known = self.expected() - {self.settings.ordinal}
        return [o for o in known if not isinstance(peer := self.peers.get(o), PodState) or not peer.has_no_server]

    def keep(self, **changes: object) -> None:
        """Remember with these changes."""
        self.write_down(replace(self.durable, **changes))  # type: ignore[arg-type]  # as in `Journal.write`

    def write_down(self, memory: PersistentState) -> None:
        """Write what is true whether or not it reaches the disk; a failure is told and tried again."""
        if self.journal_error or memory == self.durable:
            return
        failure = ""
        try:
            self.durable = self.journal.write(memory)
        except JournalUnwritableError as exc:
            failure = str(exc)
        self.tell_trouble("what was seen is not remembered", failure)

    def see(self, pod: Lifecycle) -> None:
        """Take over a new state of the pod."""
        if pod.phase is not self.lifecycle.phase:
            self.ports.log(f"this pod is {pod.phase}")
            self.recorder.note("phase", f"this pod is {pod.phase}")
        self.lifecycle = pod

    def write_permission(self, verdict: RoundResult) -> RoundResult:
        """Lay the one-shot permission down for `start` to consume (R2)."""
        granted = verdict.promise
        if granted is None:  # pragma: no cover  # a BOOTSTRAP verdict is made with its promise
            return verdict
        try:
            permission.write(self.settings.permission, granted.term, self.boot_id)
        except OSError as exc:
            reason = f"{self.settings.permission} cannot be written ({exc.strerror})"
            return RoundResult(Hold("permission", reason), clock=verdict.clock)
        return verdict

    # What the starters call.

    def starter_arrived(self) -> int:
        """A starter has connected, with the volume's lock in its hands; returns its number.

        The end of an earlier one's connection may be noticed only later: it must not be taken for the end of this one.
        """
        with self.changed:
            self.starter = next(self.clock)
            self.see(self.lifecycle.arrived())
            self.wake.set()
            self.changed.notify_all()
            return self.starter

    def starter_left(self, starter: int) -> None:
        """Its connection has ended: it is gone, or it has become the server."""
        with self.changed:
            if starter == self.starter:
                # Who holds a frozen pod's lock by now may be the next starter: the next look (`observe`) tells.
                held = self.lifecycle.phase is not Phase.FROZEN and not self.ports.lock_is_free()
                self.see(self.lifecycle.left(held=held))
        self.wake.set()

    def reported(self, starter: int, disk: Disk, fingerprint: str) -> None:
        """The starter has read the datadir: only verdicts from now on count."""
        with self.changed:
            if starter != self.starter:
                return
            disk = quorum.with_lost_view(disk, self.durable.lost_view)
            self.see(self.lifecycle.reported(disk, fingerprint))
            self.learn_from_disk(disk)
            if self.pending_order:
                there = disk.data_class not in BLANK or disk.transfer_may_be_complete
                self.failed_order = self.pending_order if there else ""
            self.pending_order = ""
            self.result = RoundResult(Wait("start", "the datadir has just been read"))
        self.wake.set()

    def next_verdict(self, seen: RoundResult | None, timeout: float) -> RoundResult:
        """Wait until there is a verdict that says something else than `seen`; after `timeout` seconds the same one."""

        def news() -> bool:
            current = self.result
            return current.clock > 0 and (
                seen is None or (current.word, current.decision) != (seen.word, seen.decision)
            )

        with self.changed:
            self.changed.wait_for(news, timeout)
            return self.result

    def take(self, starter: int, timeout: float) -> RoundResult:
        """Give this starter the permission of a verdict that was found after this call, once (R2, R3).

        The action is None if there is none.
        A permission to join is marked in the journal first: until Synced is seen, the disk may be in a state transfer.
        """
        with self.changed:
            asked = next(self.clock)
            self.wake.set()
            self.changed.wait_for(lambda: self.result.clock > asked, timeout)
            verdict = self.result
            allowed = verdict.clock > asked and verdict.promise == self.durable.promise and starter == self.starter
            if verdict.action is None or self.pending_order or not allowed or self.lifecycle.phase is not Phase.FROZEN:
                return replace(verdict, action=None)
            try:
                self.durable = self.journal.write(self.permitted(verdict))
            except JournalUnwritableError as exc:
                return RoundResult(Hold("journal", str(exc)), clock=verdict.clock)
            self.see(self.lifecycle.took(verdict.action, verdict.promise.term if verdict.promise else 0))
            self.recorder.note_permission(verdict)
            if lineage.pending_fork(self.durable.lineage):
                self.override_outcome = replace(self.override_outcome, state=OverrideState.TAKEN)
            return verdict

    def permitted(self, verdict: RoundResult) -> PersistentState:
        """What is to be remembered before a starter gets this permission."""
        memory, decision = self.durable, verdict.decision
        if isinstance(decision, Bootstrap):
            return persistent_state.before_bootstrap(memory, first=decision.first, forced=decision.forced)
        life, epoch = boot_id.kernel_boot_id(), primary_epoch(self.facts())
        return persistent_state.before_join(memory, self.lifecycle.disk, self.heard(), life=life, epoch=epoch)

    def order(self, what: str) -> None:
        """Give the starter an order; what was found before is void."""
        self.pending_order = what
        self.result = RoundResult(Wait("order", f"a human has ordered: {what}"), clock=next(self.clock))
        self.changed.notify_all()
