"""The agents of the model: the real participants (`core.participant`), whose files and network are simulated.

One round is several steps here, so that anything can happen between two of an agent's questions.
"""

from bootstrap.core.model.disk import Position
from bootstrap.core.model.facts import PodState, Server
from bootstrap.core.model.messages import Prepare, PrepareReply, Refusal
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.participant import promises, rounds
from bootstrap.core.participant.participant import Participant, Step
from bootstrap.core.participant.views import LiveView, Seen
from tests.model import galera
from tests.model.inputs import AgentDiedError, Mishap, NoEffectError, drive
from tests.model.state import ALIVE, ARBITRATOR, Answer, Node, Starter, State, new_participant
from tests.model.volumes import open_journal
from tests.support.bootstrap.records import SILENT, STRANGE


def own(state: State, ordinal: int) -> PodState:
    """What this pod's agent reports of it."""
    return state.nodes[ordinal].agent.pod_state


def observe(state: State, ordinal: int) -> State:
    """A round begins: probe the lock and, if it is held, ask the server."""
    node = state.nodes[ordinal]
    if not node.agent.is_open:
        node, _ = drive(node, rounds.open_journal, open_journal(node))
    node, _ = drive(node, rounds.begin)
    node = look(state, node)
    asked = tuple(sorted(node.agent.expected - {ordinal}))
    return state.put(node._replace(asking=(), asked=asked))


def look(state: State, node: Node) -> Node:
    """The agent looks at its own pod."""
    server = None
    if node.server in ALIVE and not node.is_mute:
        view = state.components[node.component].view
        last = node.view if node.server == "non-Primary" else None
        server = Server(node.server, "Synced", node.uuid, len(node.log) - node.base, len(view), last)
    return node._replace(agent=rounds.observe(node.agent, held=node.held, server=server))


def ask(state: State, ordinal: int) -> State:
    """Ask the next peer for its state."""
    node = state.nodes[ordinal]
    assert node.asking is not None
    peer = node.asked[len(node.asking)]
    answer: PodState | Unknown = SILENT
    has_address = peer in (state.shown_at(node) or ())
    if has_address and can_ask(state, node, peer):
        asked, may_answer = drive(state.nodes[peer], rounds.hear_question, ordinal)
        state = state.put(asked)
        answer = own(state, peer) if may_answer else answer
    elif has_address and state.connected(ordinal, peer):
        answer = STRANGE
    return state.put(node._replace(asking=(*node.asking, answer)))


def conclude(state: State, ordinal: int, mishap: Mishap | None = None) -> State:
    """All peers were asked: look again, learn, decide, and publish the result or ask for promises."""
    node = state.nodes[ordinal]
    answers = node.asking
    assert answers is not None
    if node.agent.lifecycle.primary_server is not None:
        node = look(state, node)
    heard = tuple(zip(node.asked, answers, strict=True)), state.shown_at(node), see_view(state, node)
    node = node._replace(asking=None, asked=())
    try:
        node, outcome = drive(node, end_round, *heard, mishap=mishap)
    except AgentDiedError as died:
        return state.put(restart(died.node))
    outbox = tuple((int(pod.rpartition("-")[2]), prepare) for pod, prepare in outcome.requests.items())
    state = state.put(node._replace(outbox=outbox))
    return galera.stop(state, ordinal) if outcome.must_stop else state


def end_round(
    p: Participant, answers: tuple[tuple[int, Answer], ...], shown: frozenset[int] | None, view: Seen
) -> Step[rounds.Outcome]:
    """What an agent does with what a round has found out."""
    return rounds.conclude(p, rounds.Heard(dict(answers), shown, view))


def collect_one(p: Participant, reply: PrepareReply) -> Step[None]:
    """What an agent does with a refusal of a promise."""
    return promises.collect(p, {reply.state.pod: reply})


def see_view(state: State, node: Node) -> Seen:
    """What a member sees of its view; while it lags, a causal read has no answer."""
    if node.server != "Primary":
        return Seen()
    now = galera.current_view(state, node)
    component = state.components[node.component]
    names = galera.gcomm_names(state, component.view)
    live = LiveView(node.gcomm, tuple((name, None if o == ARBITRATOR else o) for o, name in names.items()))
    has_applied = not component.installing and node.written == now.name and node.log == component.log
    return Seen(node.view, live, Position(node.uuid, len(node.log) - node.base) if has_applied else None)


def receive(state: State, target: int, prepare: Prepare, mishap: Mishap | None = None) -> tuple[State, Refusal | None]:
    """A request for a promise arrives."""
    node = state.nodes[target]
    try:
        node, refusal = drive(node, promises.answer, prepare, mishap=mishap)
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
    if lost or not can_ask(state, node, target):
        if mishap:
            raise NoEffectError
        return state
    state, refusal = receive(state, target, prepare, mishap)
    if refusal is None or deaf:
        return state
    # One refusal is enough; the real agent sends all its requests at once, and collects all answers.
    node = state.nodes[ordinal]
    node, _ = drive(node, collect_one, PrepareReply(own(state, target), refusal))
    return state.put(node._replace(outbox=()))


def can_ask(state: State, node: Node, target: int) -> bool:
    """Whether a request reaches another pod's agent, and is understood there."""
    return state.connected(node.ordinal, target) and node.release == state.nodes[target].release


def restart(node: Node, mishap: Mishap | None = None) -> Node:
    """The agent starts again: what the earlier run has permitted is void, and so is what it knew."""
    # The starter still holds the lock, and has to say hello again.
    node = node._replace(run=node.run + 1, asking=None, asked=(), outbox=(), starter=min(node.starter, Starter.LOCKED))
    node = node._replace(agent=new_participant(node))
    try:
        return drive(node, begin_run, open_journal(node), mishap=mishap)[0]
    except AgentDiedError as died:
        return restart(died.node)


def begin_run(p: Participant, opened: rounds.Opened) -> Step[None]:
    """What an agent does first."""
    p, _ = yield from rounds.start(p)
    return (yield from rounds.open_journal(p, opened))


def kill_pod(state: State, ordinal: int) -> State:
    """Agent, starter and server."""
    node = state.nodes[ordinal]
    state = state.put(restart(node._replace(starter=Starter.NONE, taken=None)))
    return galera.kill(state, ordinal) if node.server else state
