"""The agent of one pod: it drives a participant (`core.participant`), behind one lock, with real files.

`round` observes, asks and decides; `starters` answers the pod's starters; `admin_requests` answers humans.  Whatever
waits (peers, SQL, disks of a whole database) happens outside of the lock.
All I/O is injected (`Ports`), so that tests run several agents in one process.
"""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from bootstrap.agent.ports import Ports
from bootstrap.agent.recorder import Recorder
from bootstrap.core.decision.decisions import RoundResult
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.decision.streaks import Patience
from bootstrap.core.galera.provider_options import DEFAULT_DEAD_S, longest_death
from bootstrap.core.model.facts import Facts, Phase, PodState
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.model.messages import PodNote, Prepare, Refusal
from bootstrap.core.model.shapes import MAX_TEXT
from bootstrap.core.model.text import one_line
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.obstacles.room import describe_low_room
from bootstrap.core.participant import promises, rounds
from bootstrap.core.participant.effects import (
    Effect,
    GrantPermission,
    Hurry,
    Note,
    Persist,
    RemoveView,
    Trouble,
    VoidPermission,
)
from bootstrap.core.participant.participant import NEWS, Identity, Participant, Step, run
from bootstrap.core.participant.rounds import Opened
from bootstrap.core.status.metrics.server_load import describe_full
from bootstrap.core.system_tables.rules import NOTHING_KNOWN, Attempts, Finding
from bootstrap.errors import JournalUnwritableError
from bootstrap.process.announcer import Announcer
from bootstrap.process.boot_id import kernel_boot_id
from bootstrap.settings import Settings
from bootstrap.storage import permission
from bootstrap.storage.journal import Journal, open_journal
from bootstrap.storage.layout import Layout

P = ParamSpec("P")
T = TypeVar("T")


class Pulse:
    """When the agent last did what probes ask about, by the monotonic clock; no decision looks at it."""

    def __init__(self) -> None:
        self.observed_at = time.monotonic()
        """When the server was last observed."""
        self.looped_at = self.observed_at
        """When the loop last came round."""
        self.is_syncing = False
        """The loop waits for the disk, which may take as long as writing a whole database."""


class Counts:
    """How often the loop has come round: for a new result, wait for a round that begins after now."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0


class TableUpgrade:
    """The upgrade of this member's system tables, in this run of the agent."""

    def __init__(self) -> None:
        self.finding: Finding = NOTHING_KNOWN
        """What is to be done with them, by the last round."""
        self.attempts = Attempts()
        self.due_at = 0.0
        """When the next attempt may begin, by the monotonic clock; no decision looks at it."""


class Agent:
    """One run of one pod's agent."""

    version = ""

    def __init__(self, settings: Settings, cluster_id: str, ports: Ports, run_id: str = "") -> None:
        """Void what an earlier run permitted, and open the journal: with an unusable one the agent holds."""
        self.settings, self.cluster_id, self.ports = settings, cluster_id, ports
        self.run_id = run_id or secrets.token_hex(8)
        self.recorder = Recorder()
        self.changed = threading.Condition(threading.RLock())
        self.wake = threading.Event()
        self.announcer = Announcer(lambda line: self.ports.log(line))  # noqa: PLW0108  # tests exchange the ports
        self.journal = Journal(Layout(self.settings.data_root).meta)
        self.state = Participant(self._identity(), PersistentState(self.cluster_id, self.settings.pod, volume_id=""))
        self.starter = 0
        self.counts = Counts()
        self.peer_news: dict[str, tuple[str, str]] = {}
        self.pulse = Pulse()
        self.upgrade = TableUpgrade()
        self.step(rounds.start)
        self.open_journal()

    def _identity(self) -> Identity:
        settings = self.settings
        return Identity(
            pod=settings.pod,
            ordinal=settings.ordinal,
            run_id=self.run_id,
            kernel_boot_id=kernel_boot_id(),
            configured=settings.configured_ordinals,
            min_epoch=settings.min_epoch,
            last_one_out=settings.last_one_out,
            expect_data=settings.expect_data,
            patience=Patience().stretch(longest_death(dict(settings.provider_options)) / DEFAULT_DEAD_S),
        )

    # Inputs.

    def open_journal(self) -> None:
        """Open the journal if that has not been possible yet, and only if no other agent lives on this volume."""
        with self.changed:
            if not self.state.is_open:
                why = self.ports.take_volume()
                opened = Opened(None, why) if why else open_journal(self.journal, self.cluster_id, self.settings.pod)
                self.step(rounds.open_journal, opened)

    def step(self, event: Callable[Concatenate[Participant, P], Step[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Give the participant an input, with the lock held, and perform its effects; returns its answer."""
        with self.changed:
            state, answer = run(event(self.state, *args, **kwargs), self.perform)
            self.become(state)
            return answer

    def become(self, state: Participant) -> None:
        """Take a participant's new state over, and log a new phase."""
        with self.changed:
            phase = state.lifecycle.phase
            if phase is not self.state.lifecycle.phase:
                self.log_event("phase", f"this pod is {phase}", phase.value)
            has_result = state.result is not self.state.result
            self.state = state
            if has_result:
                self.changed.notify_all()

    def perform(self, effect: Effect) -> str:
        """Perform an effect; returns why that failed."""
        match effect:
            case Persist(state):
                return self._persist(state)
            case VoidPermission():
                return permission.void(self.settings.permission)
            case GrantPermission(term):
                return permission.write(self.settings.permission, term)
            case RemoveView(name):
                return self.ports.remove_view(name)
            case Note(kind, text):
                self.log_event(kind, text)
            case Hurry():
                self.wake.set()
            case Trouble(what, failure):
                self.announcer.report_trouble(what, failure)
        return ""

    def _persist(self, state: PersistentState) -> str:
        try:
            self.journal.write(state)
        except JournalUnwritableError as exc:
            return str(exc)
        return ""

    def log_event(self, kind: str, text: str, word: str = "") -> None:
        """Log a line that is an event, too."""
        self.ports.log(text)
        self.recorder.note(kind, text, word)

    def note_data_size(self, size: int | None) -> None:
        """The datadir of a member takes so many bytes, or nobody knows; in whole MiB, so that it rarely changes."""
        with self.changed:
            rounded = None if size is None else -(-size >> 20) << 20
            self.become(self.state._replace(data_bytes=rounded))

    def answer_prepare(self, request: Prepare) -> Refusal | None:
        """Another pod asks for a promise."""
        return self.step(promises.answer, request)

    def hear_question(self, sender: str, state: str) -> bool:
        """Another agent asks, and says what it has become; returns whether it may be answered.

        Look now if that is news, and not only when the next round is due.  Nothing is believed of it: what counts is
        its answer in that round.  A pod with a server does not hurry, because it counts rounds to know how long its
        server has been stuck.
        """
        pod = sender.partition("/")[0]
        self._hurry_for_news(pod, sender, state)
        ordinal = self.settings.ordinal_of(pod)
        return ordinal is None or self.step(rounds.hear_question, ordinal)

    def _hurry_for_news(self, pod: str, sender: str, state: str) -> None:
        is_new = self.peer_news.get(pod) != (sender, state)
        self.peer_news[pod] = (sender, state)
        if is_new and state in NEWS and self.lifecycle.phase is Phase.FROZEN:
            self.wake.set()

    def wait_for_round(self, seconds: float) -> bool:
        """Wait for the end of a round that begins after this call; returns whether there was one.  The lock is held."""
        due = self.counts.begun + 1
        self.wake.set()
        return self.changed.wait_for(lambda: self.counts.ended >= due, seconds)

    # What is known, as one value each.

    @property
    def durable(self) -> PersistentState:
        """What this volume remembers."""
        return self.state.durable

    @property
    def lifecycle(self) -> Lifecycle:
        """What the agent knows of its own pod."""
        return self.state.lifecycle

    @property
    def result(self) -> RoundResult:
        """The result that starters get."""
        return self.state.result

    @property
    def peers(self) -> dict[int, PodState | Unknown]:
        """The other pods, as they answered in the last whole round."""
        return dict(self.state.peers)

    def pod_state(self) -> PodState:
        """What this agent says of its pod, now."""
        return self.state.pod_state

    def note(self) -> PodNote:
        """What this agent says of its pod to humans who ask another one."""
        result, failure, ends = self.result, self.recorder.failure, self.recorder.ends
        failing = f"its container {failure.container} fails: {failure.error}" if failure else ""
        if ends.is_loop and not failing:
            last = self.recorder.last_end
            why = last.line if last else "its log has the reason"
            failing = f"its server has ended {ends.times} times before it was Synced; {why}"
        rule, reason = result.decision.rule, one_line(result.decision.reason, MAX_TEXT)
        volume, unheard = describe_low_room(self.recorder.room), one_line(self.recorder.unheard, MAX_TEXT)
        crowded, lookup = describe_full(self.ports.server_load()), one_line(self.ports.dns_trouble(), MAX_TEXT)
        return PodNote(result.metric_kind, rule, reason, one_line(failing, MAX_TEXT), volume, unheard, crowded, lookup)

    def news(self) -> str:
        """The state that peers may be waiting for."""
        return self.state.news

    def is_bootstrapping(self) -> bool:
        """Whether the server of this pod begins a Primary Component that is not there yet."""
        return self.state.is_bootstrapping

    def facts(self) -> Facts:
        """What a decision rests on now."""
        return self.state.facts

    def expected(self) -> frozenset[int]:
        """The ordinals that must answer."""
        return self.state.expected
