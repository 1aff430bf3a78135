"""The agents of the model: the real participants (`core.participant`), whose files and network are simulated.

One round is several steps here, so that anything can happen between two of an agent's questions.  An agent performs the
effects of one input without a pause, as under its lock; but each of them may fail, or be its last one (`Mishap`).
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple, TypeVar

from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.decision.streaks import STUCK_ALL_ROUNDS, Streaks
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import DataClass, Position
from bootstrap.core.model.facts import PodState, Server
from bootstrap.core.model.messages import Prepare, PrepareReply, Refusal
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.participant import promises, rounds, starters
from bootstrap.core.participant.effects import Effect, GrantPermission, Persist, RemoveView, VoidPermission
from bootstrap.core.participant.orders import OverrideOutcome
from bootstrap.core.participant.participant import Participant, Step, run
from bootstrap.core.participant.views import LiveView, Seen
from tests.model import galera
from tests.model.state import ALIVE, Node, Permitted, State, disk, new_participant
from tests.support.bootstrap.records import SILENT

T = TypeVar("T")

STUCK = Streaks(stuck_rounds=STUCK_ALL_ROUNDS)
"""Any round may be the last one of a long time in which nothing has changed."""


class Mishap(NamedTuple):
    """A fault of the pod's files, or the agent's end, at one of the effects of an input."""

    at: int
    """The place of the effect among those that touch a file."""
    is_done: bool
    """Whether the effect has reached the file."""
    is_end: bool
    """Whether the agent is killed there; else the effect only fails."""


class AgentDiedError(Exception):
    """The agent was killed in the middle of an input; what its files are then."""

    def __init__(self, node: Node) -> None:
        self.node = node


class NoEffectError(Exception):
    """An input has no effect at the place of the mishap."""


class Files:
    """The files of one pod, which an input's effects change."""

    def __init__(self, node: Node, mishap: Mishap | None = None) -> None:
        self.node, self.mishap, self.effects = node, mishap, 0

    def perform(self, effect: Effect) -> str:
        """Do what the effect says, or what the mishap makes of it."""
        if not isinstance(effect, Persist | VoidPermission | GrantPermission | RemoveView):
            return ""
        mishap = self.mishap if self.mishap and self.mishap.at == self.effects else None
        self.effects += 1
        if mishap is None or mishap.is_done:
            self.node = after_effect(self.node, effect)
        if mishap is None:
            return ""
        if mishap.is_end:
            raise AgentDiedError(self.node)
        return "it failed"


def after_effect(node: Node, effect: Persist | VoidPermission | GrantPermission | RemoveView) -> Node:
    """The pod's files after this effect."""
    match effect:
        case Persist(state):
            return node._replace(journal=state)
        case VoidPermission():
            return node._replace(permission=0)
        case GrantPermission(term):
            return node._replace(permission=term)
        case RemoveView(name):
            return node._replace(view=None) if node.view and node.view.name == name else node


def drive(node: Node, step: Step[T], mishap: Mishap | None = None) -> tuple[Node, T]:
    """Give the pod's agent an input.  Raises AgentDiedError; NoEffectError if the mishap did not happen."""
    files = Files(node, mishap)
    after, answer = run(step, files.perform)
    if mishap and files.effects <= mishap.at:
        raise NoEffectError
    return files.node._replace(agent=without_words(after)), answer


def without_words(p: Participant) -> Participant:
    """The same without what only people read: it would make two states of one."""
    result = replace(p.result, decision=replace(p.result.decision, reason=""))
    return p._replace(result=result, orders=p.orders._replace(outcome=OverrideOutcome()), streaks=STUCK)


KINDS = {
    "fails": Mishap(0, is_done=False, is_end=False),
    "fails, and has reached the disk": Mishap(0, is_done=True, is_end=False),
    "is the agent's last one": Mishap(0, is_done=True, is_end=True),
}
"""What may happen at an effect; an agent that ends before it has ended after the one before."""


def mishaps(step: Callable[[Mishap], State]) -> Iterator[tuple[str, State]]:
    """All that may happen to the files of a pod, and to its agent, in this step of it."""
    for place in itertools.count():
        try:
            after = [(f"write {place} {kind}", step(mishap._replace(at=place))) for kind, mishap in KINDS.items()]
        except NoEffectError:
            return
        yield from after


def own(state: State, ordinal: int) -> PodState:
    """What this pod's agent reports of it."""
    return state.nodes[ordinal].agent.pod_state


def observe(state: State, ordinal: int) -> State:
    """A round begins: probe the lock and, if it is held, ask the server."""
    node = state.nodes[ordinal]
    if not node.agent.is_open:
        node, _ = drive(node, rounds.open_journal(node.agent, rounds.Opened(node.journal)))
    node, _ = drive(node, rounds.begin(node.agent))
    node = look(state, node)
    asked = tuple(sorted(node.agent.expected - {ordinal}))
    return state.put(node._replace(asking=(), asked=asked))


def look(state: State, node: Node) -> Node:
    """The agent looks at its own pod."""
    server = None
    if node.server in ALIVE:
        view = state.components[node.component].view
        last = node.view if node.server == "non-Primary" else None
        server = Server(node.server, "Synced", node.uuid, len(node.log) - node.base, len(view), last)
    return node._replace(agent=rounds.observe(node.agent, held=node.held, server=server))


def ask(state: State, ordinal: int, *, lost: bool = False) -> State:
    """Ask the next peer for its state."""
    node = state.nodes[ordinal]
    assert node.asking is not None
    peer = node.asked[len(node.asking)]
    answer: PodState | Unknown = SILENT
    has_address = peer < len(state.nodes) and node.dns == "all"
    if has_address and state.connected(ordinal, peer) and not lost:
        asked, may_answer = drive(state.nodes[peer], rounds.hear_question(state.nodes[peer].agent, ordinal))
        state = state.put(asked)
        answer = own(state, peer) if may_answer else answer
    return state.put(node._replace(asking=(*node.asking, answer)))


def conclude(state: State, ordinal: int, mishap: Mishap | None = None) -> State:
    """All peers were asked: look again, learn, decide, and publish the result or ask for promises."""
    node = state.nodes[ordinal]
    answers = node.asking
    assert answers is not None
    if node.agent.lifecycle.primary_server is not None:
        node = look(state, node)
    heard = rounds.Heard(
        dict(zip(node.asked, answers, strict=True)),
        shown={"all": frozenset(range(len(state.nodes))), "itself": frozenset({ordinal})}.get(node.dns),
        view=see_view(state, node),
    )
    node = node._replace(asking=None, asked=())
    try:
        node, outcome = drive(node, rounds.conclude(node.agent, heard), mishap)
    except AgentDiedError as died:
        return state.put(restart(died.node))
    outbox = tuple((int(pod.rpartition("-")[2]), prepare) for pod, prepare in outcome.requests.items())
    state = state.put(node._replace(outbox=outbox))
    return galera.stop(state, ordinal) if outcome.must_stop else state


def see_view(state: State, node: Node) -> Seen:
    """What a member sees of its view; while it lags, a causal read has no answer."""
    if node.server != "Primary":
        return Seen()
    now = galera.current_view(state, node)
    members = sorted(state.components[node.component].view)
    live = LiveView(node.gcomm, tuple((state.nodes[o].gcomm, o) for o in members))
    component = state.components[node.component]
    has_applied = not component.installing and node.written == now.name and node.log == component.log
    return Seen(node.view, live, Position(node.uuid, len(node.log) - node.base) if has_applied else None)


def receive(state: State, target: int, prepare: Prepare, mishap: Mishap | None = None) -> tuple[State, Refusal | None]:
    """A request for a promise arrives."""
    node = state.nodes[target]
    try:
        node, refusal = drive(node, promises.answer(node.agent, prepare), mishap)
    except AgentDiedError as died:
        return state.put(restart(died.node)), None
    return state.put(node), refusal


def send(
    state: State,
    ordinal: int,
    *,
    lost: bool = False,
    deaf: bool = False,
    repeated: bool = False,
    mishap: Mishap | None = None,
) -> State:
    """Send the next request: it is `lost`, its answer is (`deaf`), or it arrives now and once more later.

    The mishap is at the pod that is asked.
    """
    node = state.nodes[ordinal]
    (target, prepare), *rest = node.outbox
    state = state.put(node._replace(outbox=tuple(rest)))
    if repeated:
        state = state._replace(late=(*state.late, (target, prepare)))
    if lost or not state.connected(ordinal, target):
        if mishap:
            raise NoEffectError
        return state
    state, refusal = receive(state, target, prepare, mishap)
    if refusal is None or deaf:
        return state
    # One refusal is enough; the real agent sends all its requests at once, and collects all answers.
    node = state.nodes[ordinal]
    replies = {node.name: PrepareReply(own(state, target), refusal)}
    node, _ = drive(node, promises.collect(node.agent, replies))
    return state.put(node._replace(outbox=()))


def restart(node: Node, mishap: Mishap | None = None) -> Node:
    """The agent starts again: what the earlier run has permitted is void, and so is what it knew."""
    node = node._replace(life=node.life + 1, asking=None, asked=(), outbox=())
    node = node._replace(agent=new_participant(node))
    try:
        return drive(node, begin_run(node.agent, rounds.Opened(node.journal)), mishap)[0]
    except AgentDiedError as died:
        return restart(died.node)


def begin_run(p: Participant, opened: rounds.Opened) -> Step[None]:
    """What an agent does first."""
    p, _ = yield from rounds.start(p)
    return (yield from rounds.open_journal(p, opened))


def kill_pod(state: State, ordinal: int) -> State:
    """Agent, starter and server."""
    node = state.nodes[ordinal]
    state = state.put(restart(node._replace(starter=False, taken=None)))
    return galera.kill(state, ordinal) if node.server else state


# The starter.


def arrive(state: State, ordinal: int, mishap: Mishap | None = None) -> State:
    """A starter has the lock, says hello to the agent, and reports what is on the disk."""
    node = state.nodes[ordinal]
    agent = starters.arrive(node.agent, frozenset(range(len(state.nodes))) if node.is_told else None)
    node = node._replace(starter=True, agent=agent)
    try:
        return state.put(drive(node, starters.report(agent, disk(node, state.kernel), "as found"), mishap)[0])
    except AgentDiedError as died:
        return state.put(restart(died.node))


def can_take(node: Node) -> bool:
    """Whether a permission waits to be taken."""
    return node.starter and node.taken is None and starters.find_permitted(node.agent) is not None


def take(state: State, ordinal: int, mishap: Mishap | None = None) -> State:
    """The starter takes its permission, once."""
    node = state.nodes[ordinal]
    override = node.agent.active_override
    named = override.unreachable | override.accepted_ahead if override else frozenset()
    try:
        node, result = drive(node, starters.take(node.agent), mishap)
    except AgentDiedError as died:
        return state.put(restart(died.node))
    if result.action is None:
        return state.put(node)
    kernel = state.kernel if result.action is Action.JOIN else node.kernel
    return state.put(node._replace(taken=Permitted(result, named), kernel=kernel))


def put_aside(state: State, ordinal: int) -> State:
    """The starter renames the datadir, and reports what is there now."""
    node = state.nodes[ordinal]._replace(log=(), base=0, data=DataClass.SST_INTERRUPTED, view=None)
    return state.put(drive(node, starters.report(node.agent, disk(node, state.kernel), "put aside"))[0])


def remember(node: Node, durable: PersistentState) -> Node:
    """The pod with another memory, on its disk, too."""
    return node._replace(journal=durable, agent=node.agent._replace(durable=durable))
