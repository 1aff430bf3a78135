"""The starters of the model: the lock, a hello, a report, a permission, and what they execute then."""

from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import DataClass
from bootstrap.core.participant import starters
from tests.model.agents import restart
from tests.model.inputs import AgentDiedError, Mishap, drive
from tests.model.state import Node, Permitted, Starter, State
from tests.model.volumes import read_datadir


def is_missing(node: Node) -> bool:
    """Whether a starter must report: there is none, or it has lost its agent."""
    return not node.server and node.taken is None and node.starter is not Starter.REPORTED


def lock(state: State, ordinal: int) -> State:
    """A starter takes the volume's lock; its agent does not know it yet."""
    return state.put(state.nodes[ordinal]._replace(starter=Starter.LOCKED))


def greet(state: State, ordinal: int) -> State:
    """It says hello to the agent, with the pods that peer-finder has shown."""
    node = state.nodes[ordinal]
    agent = starters.arrive(node.agent, state.shown_at(node) if node.is_told else None)
    return state.put(node._replace(starter=Starter.KNOWN, agent=agent))


def report(state: State, ordinal: int, mishap: Mishap | None = None) -> State:
    """It reports what is on the disk."""
    node = state.nodes[ordinal]
    try:
        node, _ = drive(node, starters.report, read_datadir(node, state.kernel), "as found", mishap=mishap)
    except AgentDiedError as died:
        return state.put(restart(died.node))
    return state.put(node._replace(starter=Starter.REPORTED))


def arrive(state: State, ordinal: int, mishap: Mishap | None = None) -> State:
    """All of it, as far as it has not happened yet."""
    if state.nodes[ordinal].starter is not Starter.KNOWN:
        state = greet(state, ordinal)
    return report(state, ordinal, mishap)


def can_take(node: Node) -> bool:
    """Whether a permission waits to be taken."""
    is_ready = node.starter is Starter.REPORTED and node.taken is None
    return is_ready and starters.find_permitted(node.agent) is not None


def take(state: State, ordinal: int, mishap: Mishap | None = None) -> State:
    """The starter takes its permission, once."""
    node = state.nodes[ordinal]
    override = node.agent.active_override
    named = override.unreachable | override.accepted_ahead if override else frozenset()
    answered = frozenset(peer.ordinal for peer in node.agent.answered)
    try:
        node, result = drive(node, starters.take, mishap=mishap)
    except AgentDiedError as died:
        return state.put(restart(died.node))
    if result.action is None:
        return state.put(node)
    kernel = state.kernel if result.action is Action.JOIN else node.kernel
    return state.put(node._replace(taken=Permitted(result, named, answered), kernel=kernel))


def put_aside(state: State, ordinal: int) -> State:
    """The starter renames the datadir, and reports what is there now."""
    node = state.nodes[ordinal]._replace(log=(), base=0, data=DataClass.SST_INTERRUPTED, torn=False, view=None)
    return state.put(drive(node, starters.report, read_datadir(node, state.kernel), "put aside")[0])
