"""Real agents of a small cluster in one process; everything around them is simulated and controlled by the test.

Simulated are: disks (a list of commits), servers and their components (quorum by majority of the last view, members
that lag behind), starters, and a network that loses, repeats and delays.  `luck` decides what goes wrong, and what
happens elsewhere while an agent waits for its peers: numbers are taken from the left; 0, or none left = all goes well.
"""

import itertools
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.agent import admin_requests
from bootstrap.agent.agent import Agent
from bootstrap.agent.ports import Answer, Ports
from bootstrap.agent.round import run_round
from bootstrap.agent.starters import arrive, leave, report, take
from bootstrap.control.override_messages import RequestOverride
from bootstrap.core.decision.decisions import Bootstrap, RoundResult
from bootstrap.core.decision.streaks import STUCK_ROUNDS
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import STARTABLE, DataClass, Disk, Position, View
from bootstrap.core.model.facts import PodState, Server
from bootstrap.core.model.messages import Prepare, PrepareReply
from bootstrap.core.model.unknown import Contact, Unknown
from bootstrap.core.participant.views import LiveView
from bootstrap.errors import SettingInvalidError
from bootstrap.settings import Settings, from_environment
from bootstrap.storage import permission
from tests.support.bootstrap.records import SILENT, A

ALIVE = ("Primary", "non-Primary")


class Turns(threading.Condition):
    """A wait that does not wait: it lets the agent's loop run one round."""

    def __init__(self, turn: Callable[[], None]) -> None:
        super().__init__(threading.RLock())
        self.turn = turn

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:  # type: ignore[override]
        del timeout
        self.turn()
        return predicate()


def folder() -> Path:
    """A folder in memory if possible: the agents fsync at every promise."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="fleet-", dir=memory if memory.is_dir() else None))


def settings_of(root: Path, ordinal: int, replicas: int = 3) -> Settings:
    """The settings of a pod whose folders are below `root`."""
    names = {"DATA_ROOT": "data", "RUN_DIR": "run", "CONFIG_DIR": "config", "SECRETS_DIR": "secrets"}
    env = {f"GALERA_BOOTSTRAP_{name}": str(root / f"pod-{ordinal}" / folder) for name, folder in names.items()}
    env |= {"POD_NAME": f"galera-{ordinal}", "POD_NAMESPACE": "test", "GALERA_BOOTSTRAP_REPLICAS": str(replicas)}
    return from_environment(env, "unused")


@dataclass(eq=False)
class Component:
    """Servers that replicate to each other."""

    view: "set[Pod]"
    """The members of the last Primary view."""
    log: list[int]
    """What has been ordered; a member may not have applied all of it."""
    uuid: str = A
    base: int = 0
    """How many commits there were before this history began."""
    primary: bool = True


@dataclass(eq=False)
class Pod:
    """One pod: its volume, its starter, its server and its agent."""

    settings: Settings
    log: list[int] = field(default_factory=list)
    """The commits on the disk."""
    data_class: DataClass = DataClass.EMPTY
    uuid: str = A
    base: int = 0
    """As in its component."""
    kernel: int = 0
    """The boot of the machine in which a join was last permitted."""
    starter: int = 0
    """The number of the connected starter; -1 = it has outlived its agent."""
    reported: bool = False
    verdict: RoundResult | None = None
    """What the starter was permitted."""
    server: str = ""
    """bootstrapping, joining, transferring, Primary, non-Primary; empty = none lives."""
    component: Component | None = None
    forking: str = ""
    """The new history that its server begins."""
    agent: Agent | None = None
    turning: bool = False
    """The agent's loop is in a round."""
    said: list[str] = field(default_factory=list)
    views: Iterator[View] = field(default_factory=lambda: iter(()))
    """The views that gvwstate.dat contains, one for each time that it is read."""
    live: LiveView | None = None
    """The members as its server names them."""
    removed: list[str] = field(default_factory=list)
    """The views whose file the agent has removed."""
    applied: Position | str = "timed out"
    """Its server's answer to a causal read."""

    @property
    def held(self) -> bool:
        return bool(self.starter or self.server)

    @property
    def ordinal(self) -> int:
        return self.settings.ordinal


class Fleet:
    """The pods and all that can happen to them; a step that is not possible now does nothing."""

    def __init__(self, count: int = 3) -> None:
        self.root = folder()
        self.luck: deque[int] = deque()
        self.depth = 0
        self.numbers = itertools.count(1)
        self.kernel = 0
        self.isolated: set[Pod] = set()
        self.instead: dict[tuple[int, int], Unknown] = {}
        """(asker, asked) -> what the asker gets instead of an answer, whatever it asks."""
        self.late: list[tuple[Pod, Prepare]] = []
        self.acknowledged: set[int] = set()
        self.started: set[int] = set()
        """The terms of all bootstraps."""
        self.parents: dict[str, str] = {}
        """Each new history's parent, as it really was."""
        self.forced = 0
        """How many servers were started by an override."""
        self.overrides_given = 0
        self.off: set[Pod] = set()
        self.discarded = 0
        self.pods = [Pod(settings_of(self.root, ordinal, count)) for ordinal in range(count)]
        for pod in self.pods:
            pod.settings.run_dir.mkdir(parents=True)
        for pod in self.pods:
            self.restart_agent(pod)

    def close(self) -> None:
        shutil.rmtree(self.root)

    def draw(self) -> int:
        return self.luck.popleft() if self.luck else 0

    # The network.

    def world(self, pod: Pod) -> Ports:
        """The ports through which the agent of this pod sees the rest."""
        return Ports(
            lock_is_free=lambda: self.probe(pod),
            server_status=lambda: self.status(pod),
            ask_states=lambda names: self.records(pod, names),
            ask_promises=lambda asked: self.promises(pod, asked),
            sync_volume=str,
            last_view=lambda: next(pod.views, None),
            live_view=lambda: pod.live,
            remove_view=lambda name: self.remove_view(pod, name),
            applied_position=lambda: pod.applied,
            stop_server=lambda: self.stop_server(pod),
            dns_ordinals=frozenset,
            log=pod.said.append,
        )

    def probe(self, pod: Pod) -> bool:
        """Probe the lock; the result may be wrong already when the agent's loop goes on."""
        free = not pod.held
        if pod.turning:
            self.interlude()
        return free

    def remove_view(self, pod: Pod, name: str) -> str:
        pod.removed.append(name)
        pod.views = iter(())
        return ""

    def pod_named(self, name: str) -> Pod:
        return self.pods[int(name.rpartition("-")[2])]

    def records(self, asker: Pod, names: list[str]) -> dict[str, PodState | Unknown]:
        """One after the other, in any order, while other things happen in between."""
        order = sorted(names, reverse=bool(self.draw() % 2)) if self.luck else names
        replies: dict[str, PodState | Unknown] = {}
        for name in order:
            self.interlude()
            asked = self.pod_named(name)
            lost = asked.agent is None or {asked, asker} & self.isolated or self.draw() % 5 == 4
            answer = SILENT if lost else self.record(asker, asked)
            replies[name] = self.instead.get((asker.ordinal, asked.ordinal), answer)
        self.interlude()
        return replies

    def record(self, asker: Pod, asked: Pod) -> PodState | Unknown:
        """The asked pod's answer to this one."""
        agent = asked.agent
        may_answer = agent is not None and agent.hear_question(f"{asker.settings.pod}/life", "")
        return (
            agent.pod_state() if agent is not None and may_answer else Unknown("it answers 503", contact=Contact.ANSWER)
        )

    def promises(self, asker: Pod, asked: dict[str, Prepare]) -> dict[str, Answer]:
        return {name: self.promise(asker, self.pod_named(name), prepare) for name, prepare in asked.items()}

    def promise(self, asker: Pod, asked: Pod, prepare: Prepare) -> Answer:
        """A request arrives, is lost, arrives twice, or arrives later; its answer may be lost as well."""
        self.interlude()
        if fault := self.instead.get((asker.ordinal, asked.ordinal)):
            return fault
        fate = self.draw() % 6
        if fate in (3, 4):
            self.late.append((asked, prepare))
        if asked.agent is None or {asked, asker} & self.isolated or fate in (1, 4):
            return SILENT
        refusal = asked.agent.answer_prepare(prepare)
        answer = PrepareReply(asked.agent.pod_state(), refusal)
        self.interlude()
        return SILENT if fate == 2 else answer

    def deliver(self) -> None:
        """A delayed or repeated request arrives, whatever has died since."""
        if self.late:
            asked, prepare = self.late.pop(0)
            if asked.agent is not None:
                asked.agent.answer_prepare(prepare)

    def interlude(self) -> None:
        """Let something else happen while an agent waits for an answer."""
        what = self.draw()
        if not what or self.depth > 1:
            return
        steps = self.steps()
        self.depth += 1
        try:
            steps[what % len(steps)](self.pods[self.draw() % len(self.pods)])
        finally:
            self.depth -= 1

    def steps(self) -> list[Callable[[Pod], object]]:
        """The steps that may happen to a pod; those that lead somewhere are in the list more than once."""
        calm = [self.proceed] * 7 + [self.round] * 3 + [self.commit, self.catch_up]
        bad = [self.leave, self.kill_server, self.stop_server, self.kill_agent, self.kill_pod]
        return [
            *calm,
            *bad,
            self.isolate,
            self.heal,
            lambda _: self.deliver(),
            self.force,
            self.discard,
            self.lose,
            self.find,
        ]

    def proceed(self, pod: Pod) -> None:
        """Take the next step on this pod's way."""
        if pod.agent is None:
            self.restart_agent(pod)
        elif pod.verdict is not None:
            self.execute(pod)
        elif pod.server:
            self.up(pod)
        elif pod.starter <= 0:
            self.begin(pod)
        elif not pod.reported:
            self.report(pod)
        elif pod.agent.state.orders.pending:
            self.put_aside(pod)
        else:
            self.take(pod)

    # The agent.

    def restart_agent(self, pod: Pod) -> None:
        if pod.agent is None and pod not in self.off:
            pod.agent = Agent(pod.settings, "cluster", self.world(pod))
            pod.agent.changed = Turns(lambda: self.round(pod))
            pod.turning = False

    def kill_agent(self, pod: Pod) -> None:
        """The starter, if there is one, has to report again to the next agent."""
        pod.agent = None
        if pod.starter:
            pod.starter, pod.reported = -1, False

    def round(self, pod: Pod) -> None:
        agent = pod.agent
        if agent is None or pod.turning:
            return
        pod.turning = True
        try:
            run_round(agent)
        finally:
            if pod.agent is agent:
                pod.turning = False

    # The starter.

    def begin(self, pod: Pod) -> None:
        """A starter arrives, or one that has lost its agent finds the next one."""
        if pod.agent is not None and not pod.server and pod.starter <= 0 and pod.verdict is None:
            pod.starter = arrive(pod.agent)

    def report(self, pod: Pod) -> None:
        if pod.agent is not None and pod.starter > 0 and not pod.reported:
            report(pod.agent, pod.starter, self.disk(pod, pod.agent), "fingerprint")
            pod.reported = True

    def disk(self, pod: Pod, agent: Agent) -> Disk:
        """What a starter finds: a join that was open when the machine went down may have left less than it seems."""
        position = Position(pod.uuid, len(pod.log) - pod.base) if pod.log else None
        if agent.durable.joining_boot_id and pod.kernel != self.kernel and pod.data_class in STARTABLE:
            return Disk(DataClass.SST_INTERRUPTED, position, transfer_may_be_complete=True)
        return Disk(pod.data_class, position if pod.data_class in STARTABLE else None)

    def take(self, pod: Pod) -> None:
        agent, starter = pod.agent, pod.starter
        if agent is None or starter <= 0 or not pod.reported or pod.verdict is not None or pod.turning:
            return
        verdict = take(agent, starter, 0)
        if verdict.action is None or pod.agent is not agent or pod.starter != starter:
            return  # nothing was permitted, or the starter is gone
        pod.verdict = verdict
        if verdict.action is Action.JOIN:
            pod.kernel = self.kernel
            self.check_join(pod, agent)

    def execute(self, pod: Pod) -> None:
        """The starter becomes the server, also if its agent has died since."""
        verdict = pod.verdict
        if verdict is None:
            return
        pod.verdict = None
        if verdict.action is Action.BOOTSTRAP and not self.bootstrap(pod, verdict):
            self.leave(pod)
            return
        if verdict.action is Action.JOIN:
            pod.server = "joining"
        self.leave(pod)

    def bootstrap(self, pod: Pod, verdict: RoundResult) -> bool:
        term = verdict.promise.term if verdict.promise else 0
        try:
            permission.consume(pod.settings.permission, term)
        except SettingInvalidError:
            return False
        pod.forking = verdict.decision.history if isinstance(verdict.decision, Bootstrap) else ""
        if pod.forking:
            # Only what the override has given up may be missing when something starts.
            self.acknowledged &= set(pod.log)
            self.forced += 1
            pod.data_class = DataClass.DDL_CRASH
        self.check_bootstrap(pod, term)
        self.started.add(term)
        pod.server = "bootstrapping"
        if isinstance(verdict.decision, Bootstrap) and verdict.decision.first:
            pod.data_class = DataClass.INITIALIZED
        return True

    def leave(self, pod: Pod) -> None:
        """The starter's connection ends: it has become the server, or it was killed."""
        starter, pod.starter, pod.reported, pod.verdict = pod.starter, 0, False, None
        if pod.agent is not None and starter > 0:
            # The real agent holds its lock meanwhile, so nothing happens in between.
            turning, pod.turning = pod.turning, False
            leave(pod.agent, starter)
            pod.turning = turning

    # The server.

    def status(self, pod: Pod) -> Server | str:
        answer: Server | str = "timed out"
        if pod.server in ALIVE and pod.component is not None:
            answer = Server(pod.server, "Synced", pod.uuid, len(pod.log) - pod.base, len(pod.component.view))
        self.interlude()
        return answer

    def up(self, pod: Pod) -> None:
        """The next step on a server's way to Synced."""
        if pod.server == "bootstrapping":
            if pod.forking:
                self.parents[pod.forking] = pod.uuid
                pod.uuid, pod.base, pod.forking = pod.forking, len(pod.log), ""
                self.raise_floor(max(self.started))
            pod.component = Component({pod}, [*pod.log], pod.uuid, pod.base)
            pod.server, pod.data_class = "Primary", DataClass.CRASHED
            self.order(pod)
        elif pod.server in ("joining", "transferring") and (donor := self.find_donor(pod)) is not None:
            self.synchronise(pod, donor)

    def find_donor(self, pod: Pod) -> Component | None:
        if pod in self.isolated:
            return None
        members = (p.component for p in self.pods if p.server == "Primary" and p not in self.isolated)
        return next(members, None)

    def synchronise(self, pod: Pod, donor: Component) -> None:
        """By single transactions if the disk is good, else by a state transfer, which wipes it first."""
        assert pod.data_class not in STARTABLE or pod.log == donor.log[: len(pod.log)], (
            "a disk joined a history that does not contain its own"
        )
        if pod.server == "joining" and (pod.data_class not in STARTABLE or pod.uuid != donor.uuid):
            pod.server, pod.log, pod.data_class = "transferring", [], DataClass.SST_INTERRUPTED
            return
        pod.uuid, pod.base = donor.uuid, donor.base
        pod.server, pod.component, pod.data_class = "Primary", donor, DataClass.CRASHED
        donor.view.add(pod)
        self.order(pod)

    def commit(self, pod: Pod) -> None:
        """A client gets its acknowledgement; clients come once the agent has seen the server Synced."""
        if pod.server == "Primary" and pod.agent is not None and not pod.agent.durable.joining_boot_id:
            self.acknowledged.add(self.order(pod))

    def order(self, pod: Pod) -> int:
        """A write set, or a change of the view: durable here, and at the others unless they lag behind."""
        component = pod.component
        assert component is not None
        number = next(self.numbers)
        component.log.append(number)
        pod.log = [*component.log]
        for other in sorted(component.view, key=lambda p: p.ordinal):
            if not self.draw():
                other.log = [*component.log]
        return number

    def catch_up(self, pod: Pod) -> None:
        if pod.server in ALIVE and pod.component is not None and pod in pod.component.view:
            pod.log = [*pod.component.log]

    def stop_server(self, pod: Pod) -> str:
        """Stop the server in order."""
        if pod.server in ALIVE and pod.component is not None:
            self.catch_up(pod)
            pod.component.view.discard(pod)
            pod.data_class = DataClass.CLEAN
            self._end(pod)
        return ""

    def kill_server(self, pod: Pod) -> None:
        if pod.server:
            self._end(pod)

    def kill_pod(self, pod: Pod) -> None:
        self.kill_agent(pod)
        self.leave(pod)
        self.kill_server(pod)

    def power_cut(self) -> None:
        """Everything dies at once, the machines too."""
        self.kernel += 1
        for pod in self.pods:
            self.kill_agent(pod)
            self.leave(pod)
            pod.server, pod.component = "", None

    def _end(self, pod: Pod) -> None:
        component, pod.server, pod.component = pod.component, "", None
        if component is not None:
            self.apply_quorum(component)

    # Humans.

    def force(self, pod: Pod) -> None:
        """A human gives up the pods that do not answer, and makes sure that nothing runs there any more."""
        agent = pod.agent
        if agent is None or pod.turning or self.depth:
            return
        question = admin_requests.request_override(agent, RequestOverride())
        survey = question.survey
        if question.refusal or survey is None or pod.agent is not agent:
            return
        for name in survey.unreachable:
            self.kill_pod(self.pod_named(name))
        request = RequestOverride(survey.epoch, frozenset(survey.unreachable), frozenset(survey.ahead))
        if not admin_requests.request_override(agent, request).refusal:
            self.overrides_given += 1

    def raise_floor(self, epoch: int) -> None:
        """Raise the floor, as `force` advises; in reality that takes a restart of each pod."""
        for pod in self.pods:
            pod.settings = pod.settings._replace(min_epoch=max(pod.settings.min_epoch, epoch))
            if pod.agent is not None:
                pod.agent.settings = pod.settings

    def lose(self, pod: Pod) -> None:
        """The pod's machine is gone, for now."""
        if len(self.off) < len(self.pods) - 1:
            self.kill_pod(pod)
            self.off.add(pod)

    def find(self, pod: Pod) -> None:
        """The pod comes back, with its volume."""
        self.off.discard(pod)

    def discard(self, pod: Pod) -> None:
        """A human gives up the data of a pod that holds."""
        if pod.agent is not None and not pod.turning and not self.depth:
            admin_requests.discard(pod.agent, delete=False)

    def put_aside(self, pod: Pod) -> None:
        """The starter puts the datadir aside, and reports what is there now."""
        if pod.agent is None or pod.starter <= 0 or not pod.reported or not pod.agent.state.orders.pending:
            return
        alive = [set(p.component.log) for p in self.pods if p.component is not None]
        lost = self.acknowledged & set(pod.log) - set[int]().union(*alive)
        assert not alive or not lost, f"commits that no override gave up are discarded: {lost}"
        self.discarded += 1
        pod.log, pod.data_class, pod.reported = [], DataClass.SST_INTERRUPTED, False

    # Partitions.

    def isolate(self, pod: Pod) -> None:
        """This pod becomes unreachable, both its agent and its server."""
        self.isolated.add(pod)
        self.regroup()

    def heal(self, pod: Pod) -> None:
        self.isolated.discard(pod)
        self.regroup()

    def regroup(self) -> None:
        for component in dict.fromkeys(p.component for p in self.pods):
            if component is not None:
                self.apply_quorum(component)

    def apply_quorum(self, component: Component) -> None:
        """More than half of the last view go on, or all of it come back; others follow a Primary that they reach."""
        alive = {p for p in self.pods if p.component is component}
        groups = [alive - self.isolated, *({p} for p in alive & self.isolated)]
        view, needed = component.view, len(component.view) // 2 + 1 if component.primary else len(component.view)
        going_on = next((g for g in groups if len(g & view) >= max(needed, 1)), set())
        component.primary = bool(going_on)
        for pod in alive:
            pod.server = "Primary" if pod in going_on else "non-Primary"
        if component.primary and going_on != view:
            component.view = set(going_on)
            self.order(min(going_on & view, key=lambda p: p.ordinal))

    # What must always hold.

    def check_bootstrap(self, pod: Pod, term: int) -> None:
        assert term not in self.started, f"term {term} bootstraps twice"
        alive = [p.settings.pod for p in self.pods if p is not pod and p.server]
        assert not alive, f"{pod.settings.pod} bootstraps while {alive} live"
        for other in self.pods:
            contained = other.log == pod.log[: len(other.log)]
            assert contained or pod.forking or self.is_superseded(other, pod), (
                f"{other.settings.pod} holds what {pod.settings.pod} does not"
            )
        lost = self.acknowledged - set(pod.log)
        assert not lost, f"acknowledged commits {lost} are gone"

    def is_superseded(self, old: Pod, new: Pod) -> bool:
        """Whether overrides have led from the old pod's history to the new pod's."""
        uuid: str | None = new.uuid
        while uuid is not None and uuid != old.uuid:
            uuid = self.parents.get(uuid)
        return uuid is not None and old.uuid != new.uuid

    def check_join(self, pod: Pod, agent: Agent) -> None:
        bound = agent.durable.promise
        assert bound is None or bound.candidate == pod.ordinal, "a bound pod joins"
        alive = [p.component.log for p in self.pods if p.component is not None]
        assert not alive or any(pod.log == log[: len(pod.log)] for log in alive), "it is ahead of what it joins"

    def let_human_act(self) -> None:
        """A human looks at doubtful disks: keeps the longest if there is no better one, and discards the rest."""
        rules = {p.agent.result.decision.rule for p in self.pods if p.agent is not None}
        for pod in self.pods:
            if pod.agent is not None and pod.agent.result.decision.rule in ("beyond-fork", "other-history"):
                self.discard(pod)
        if rules & {"two-histories", "epoch-floor", "replaced-volume"}:
            self.force(max(self.pods, key=lambda p: (p.data_class in STARTABLE, len(p.log), -p.ordinal)))
            return
        doubtful = [p for p in self.pods if self.is_doubtful(p)]
        if not rules & {"doubtful-transfer", "no-candidate"} or not doubtful:
            return
        whole = [p for p in self.pods if p not in doubtful and p.data_class in STARTABLE]
        best = max(whole or doubtful, key=lambda p: len(p.log))
        best.kernel = self.kernel
        self.leave(best)
        for pod in doubtful:
            if pod is not best:
                assert not self.acknowledged & set(pod.log) - set(best.log), "the doubtful disk is the newest"
                self.leave(pod)
                pod.log, pod.data_class = [], DataClass.SST_INTERRUPTED

    def is_doubtful(self, pod: Pod) -> bool:
        return pod.agent is not None and self.disk(pod, pod.agent).transfer_may_be_complete

    def check(self) -> None:
        primaries = {p.component for p in self.pods if p.server == "Primary"}
        assert len(primaries) <= 1, "two Primary Components"

    # All goes well from here on.

    def recover(self) -> None:
        """Repair everything; then all pods must become members of one Primary Component without a human."""
        self.luck.clear()
        self.off.clear()
        self.isolated.clear()
        self.regroup()
        while self.late:
            self.deliver()
        for _ in range(STUCK_ROUNDS + 40):
            for pod in self.pods:
                self.restart_agent(pod)
                if self.find_donor(pod) is None and pod.server in ("joining", "transferring"):
                    self.kill_server(pod)  # it finds no member and ends by itself
                for step in (
                    *(self.begin, self.report, self.round, self.put_aside, self.report),
                    *(self.take, self.execute, self.up, self.catch_up),
                ):
                    step(pod)
            if all(p.server == "Primary" for p in self.pods):
                break
            self.let_human_act()
        self.check()
        lines = [f"{p.settings.pod}: {p.agent and p.agent.result.decision}" for p in self.pods]
        assert all(p.server == "Primary" for p in self.pods), "; ".join(lines)
