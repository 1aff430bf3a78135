"""All that can happen next in a state, each with a name for the trace."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from tests.model import agents, galera, humans
from tests.model.agents import Mishap
from tests.model.state import Node, State


class Step(NamedTuple):
    """One thing that may happen."""

    name: str
    do: Callable[[State], State]
    fault: bool = False
    """It uses up one of the faults."""


def steps(state: State) -> Iterator[Step]:
    """All that may happen, good or bad."""
    for node in state.nodes:
        for what, do in progress(state, node):
            yield Step(f"{node.name} {what}", partial(do, ordinal=node.ordinal))
    for place, (target, _) in enumerate(state.late):
        yield Step(f"a late request reaches galera-{target}", partial(arrive_late, place=place))
    if state.faults:
        for node in state.nodes:
            for what, do in faults(state, node):
                yield Step(f"{node.name} {what}", partial(use_fault, do, ordinal=node.ordinal), fault=True)
            for what, after in mishaps(state, node):
                then = after._replace(faults=after.faults - 1)
                yield Step(f"{node.name} {what}", partial(lambda _, then: then, then=then), fault=True)
        yield Step("power cut", power_cut, fault=True)
    yield from human_steps(state)


def human_steps(state: State) -> Iterator[Step]:
    """What humans may do; an override that would be refused changes nothing."""
    for node in state.nodes:
        if not state.overrides_left or not humans.may_order(node):
            continue
        for what, do in (("is forced", humans.force), ("is discarded", humans.discard)):
            if (after := do(state, node.ordinal)) is not None:
                yield Step(f"{node.name} {what}", partial(lambda _, then: then, then=after), fault=True)
    if state.grow:
        yield Step("a pod is added", humans.add_pod)


def progress(state: State, node: Node) -> Iterator[tuple[str, Callable[..., State]]]:
    """The steps that lead somewhere."""
    if not state.may_run(node.ordinal):
        if node.ordinal in state.isolated:
            yield "is reachable again", heal
        return
    yield from starting(node)
    if node.outbox:
        yield "sends a request", agents.send
    elif node.asking is None:
        yield "begins a round", begin_round
    else:
        yield "asks on", ask_next
    if is_coming_up(state, node):
        yield "server comes up", galera.come_up
    if galera.has_view_to_write(state, node):
        yield "writes its view", galera.write_view
    if node.server == "Primary" and node.log != state.components[node.component].log:
        yield "catches up", galera.catch_up
    if can_commit(state, node):
        yield "commits, the others lag", partial(galera.commit, alone=True)
        yield "commits", partial(galera.commit, alone=False)
    if node.ordinal in state.isolated:
        yield "is reachable again", heal


def can_commit(state: State, node: Node) -> bool:
    """Whether a client may get an acknowledgement here: its agent has seen it Synced, in a view that all know."""
    primary = node.server == "Primary" and not node.agent.durable.joining_boot_id
    return primary and bool(state.writes) and not state.components[node.component].installing


def starting(node: Node) -> Iterator[tuple[str, Callable[..., State]]]:
    """What the starter does next."""
    if is_starter_missing(node):
        yield "starter reports", agents.arrive
    if agents.can_take(node):
        yield "takes its permission", agents.take
    if node.agent.orders.pending:
        yield "puts its datadir aside", agents.put_aside
    if node.taken is not None:
        yield "becomes the server", galera.execute


def faults(state: State, node: Node) -> Iterator[tuple[str, Callable[..., State]]]:
    """The faults that may happen to this pod."""
    if not state.may_run(node.ordinal):
        return
    if node.server:
        yield "server is killed", galera.kill
        if node.server == "Primary":
            yield "server is killed in a DDL", partial(galera.kill, in_ddl=True)
            yield "server is stopped", galera.stop
    if node.starter:
        yield "starter ends", galera.end_starter
    yield "agent is killed", kill_agent
    yield "pod is killed", agents.kill_pod
    if node.ordinal not in state.isolated:
        yield "becomes unreachable", isolate
    if node.outbox:
        yield "request is lost", partial(agents.send, lost=True)
        yield "answer is lost", partial(agents.send, deaf=True)
        yield "request is repeated later", partial(agents.send, repeated=True)
        yield "request is delayed", partial(agents.send, lost=True, repeated=True)
    if galera.has_view_to_write(state, node):
        yield "cannot write its view", partial(galera.write_view, fails=True)
    if not state.lost:
        yield "volume is lost", lose_volume


def mishaps(state: State, node: Node) -> Iterator[tuple[str, State]]:
    """The faults of this pod's files, and the ends of its agent, in the middle of what it does next."""
    ordinal = node.ordinal
    inputs: dict[str, Callable[[Mishap], State]] = {
        "starts again": lambda mishap: state.put(agents.restart(node, mishap))
    }
    if is_starter_missing(node):
        inputs["hears its starter's report"] = lambda mishap: agents.arrive(state, ordinal, mishap)
    if agents.can_take(node):
        inputs["permits its starter"] = lambda mishap: agents.take(state, ordinal, mishap)
    if node.outbox:
        inputs["sends a request"] = lambda mishap: agents.send(state, ordinal, mishap=mishap)
    elif node.asking is not None and len(node.asking) == len(node.asked) - 1:
        inputs["ends its round"] = lambda mishap: agents.conclude(agents.ask(state, ordinal), ordinal, mishap)
    for what, step in inputs.items():
        for how, after in agents.mishaps(step):
            yield f"{what}, {how}", after


def use_fault(step: Callable[..., State], state: State, ordinal: int) -> State:
    """Take a step that uses up one of the faults."""
    after = step(state, ordinal=ordinal)
    return after._replace(faults=after.faults - 1)


def is_starter_missing(node: Node) -> bool:
    """Whether a starter must report: there is none, or it has lost its agent."""
    return not node.server and node.taken is None and not node.agent.lifecycle.starter


def is_coming_up(state: State, node: Node) -> bool:
    """Whether a server that starts, or is non-Primary, finds what it needs."""
    seeking = ("joining", "transferring", "non-Primary")
    joins = node.server in seeking and galera.donors(state, node.ordinal)
    return node.server == "bootstrapping" or bool(joins)


def begin_round(state: State, ordinal: int) -> State:
    """Look at the own pod, and ask the first peer."""
    state = agents.observe(state, ordinal)
    return ask_next(state, ordinal) if state.nodes[ordinal].asked else agents.conclude(state, ordinal)


def ask_next(state: State, ordinal: int) -> State:
    """Ask the next peer; after the last one, decide."""
    state = agents.ask(state, ordinal)
    node = state.nodes[ordinal]
    return agents.conclude(state, ordinal) if len(node.asking or ()) == len(node.asked) else state


def arrive_late(state: State, place: int) -> State:
    """A delayed or repeated request arrives, whatever has died since."""
    target, prepare = state.late[place]
    state = state._replace(late=state.late[:place] + state.late[place + 1 :])
    return agents.receive(state, target, prepare)[0]


def kill_agent(state: State, ordinal: int) -> State:
    """The agent is killed; the starter, if there is one, outlives it."""
    return state.put(agents.restart(state.nodes[ordinal]))


def lose_volume(state: State, ordinal: int) -> State:
    """The pod is killed, and its volume replaced by an empty one."""
    state = agents.kill_pod(state, ordinal)
    node = galera.forget_volume(state.nodes[ordinal], state.nodes[ordinal].life)
    return state.put(agents.restart(node))._replace(lost=True)


def power_cut(state: State) -> State:
    """All pods and their machines lose power."""
    dead = (agents.restart(n._replace(starter=False, taken=None, server="", component=-1)) for n in state.nodes)
    return state.put(*dead)._replace(kernel=state.kernel + 1, faults=state.faults - 1, late=())


def isolate(state: State, ordinal: int) -> State:
    """This pod becomes unreachable."""
    return galera.regroup(state._replace(isolated=state.isolated | {ordinal}))


def heal(state: State, ordinal: int) -> State:
    """It is reachable again."""
    return galera.regroup(state._replace(isolated=state.isolated - {ordinal}))
