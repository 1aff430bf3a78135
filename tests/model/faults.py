"""What may go wrong: in the pods, their files, their network, and, where a run allows it, their volumes."""

from collections.abc import Callable, Iterator
from functools import partial

from tests.model import agents, galera, inputs, starters, volumes
from tests.model.inputs import Mishap
from tests.model.state import ALIVE, Node, Starter, State

Happen = Callable[..., State]


def faults(state: State, node: Node) -> Iterator[tuple[str, Happen]]:
    """The faults that may happen to this pod."""
    if node.is_away or not state.may_run(node.ordinal):
        return
    yield from server_faults(node)
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
    if node.server == "transferring" and galera.donors(state, node.ordinal) and not node.log:
        yield "transfer ends", galera.end_transfer
        yield "transfer seems to end", partial(galera.end_transfer, torn=True)
    if not state.lost:
        yield "volume is lost", lose_volume
    yield from rare_faults(state, node)


def server_faults(node: Node) -> Iterator[tuple[str, Happen]]:
    """What may happen to this pod's server alone."""
    if not node.server:
        return
    yield "server is killed", galera.kill
    if node.server == "Primary":
        yield "server is killed in a DDL", partial(galera.kill, in_ddl=True)
        yield "server is stopped", galera.stop
    if node.server in ALIVE and not node.is_mute:
        yield "server does not answer its agent", galera.fall_silent


def rare_faults(state: State, node: Node) -> Iterator[tuple[str, Happen]]:
    """Those that a run must ask for."""
    if "dns" in state.extras:
        for dns in sorted({"nothing", "itself", "before"} - {node.dns}):
            yield f"sees in DNS: {dns}", partial(change_dns, dns=dns)
    if "release" in state.extras:
        yield "gets another release", change_release
    if "copy" in state.extras and state.copy is None:
        yield "volume is copied", copy_volume
    if state.copy is None:
        return
    if "put back" in state.extras:
        yield "volume is put back", put_copy
    if "data" in state.extras:
        yield "volume gets the data of the copy and a new journal", put_data
    if "swap" in state.extras and node.ordinal != state.copy.ordinal:
        yield "volume is swapped with that of the copy", swap_volumes


def mishaps(state: State, node: Node) -> Iterator[tuple[str, Happen]]:
    """The faults of this pod's files, and the ends of its agent, in the middle of what it does next."""
    if node.is_away:
        return
    moments: dict[str, Happen] = {"starts again": kill_agent}
    if starters.is_missing(node):
        moments["hears its starter's report"] = starters.arrive
    if starters.can_take(node):
        moments["permits its starter"] = starters.take
    if node.outbox:
        moments["sends a request"] = agents.send
    elif node.asking is not None and len(node.asking) == len(node.asked) - 1:
        moments["ends its round"] = ask_last
    for what, step in moments.items():
        for how, after in inputs.mishaps(partial(step, ordinal=node.ordinal), state):
            yield f"{what}, {how}", after


def ask_last(state: State, ordinal: int, mishap: Mishap) -> State:
    """Ask the last peer, and decide."""
    return agents.conclude(agents.ask(state, ordinal), ordinal, mishap)


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


def kill_agent(state: State, ordinal: int, mishap: Mishap | None = None) -> State:
    """The agent is killed; the starter, if there is one, outlives it."""
    return state.put(agents.restart(state.nodes[ordinal], mishap))


def lose_volume(state: State, ordinal: int) -> State:
    """The pod is killed, and its volume replaced by an empty one."""
    return exchange_volume(state, ordinal, lambda node: volumes.replace_volume(node, node.run))


def exchange_volume(state: State, ordinal: int, exchange: Callable[[Node], Node]) -> State:
    """The pod is killed, and something becomes of its volume; a human may be needed then."""
    state = agents.kill_pod(state, ordinal)
    return state.put(agents.restart(exchange(state.nodes[ordinal])))._replace(lost=True)


def copy_volume(state: State, ordinal: int) -> State:
    """A human makes a copy of the volume, as by a snapshot."""
    return state._replace(copy=volumes.copy_volume(state.nodes[ordinal]))


def put_copy(state: State, ordinal: int) -> State:
    """The copy is put in the place of a volume: of the one that it is of, or of another pod's."""
    copy = state.copy
    assert copy is not None
    return exchange_volume(state, ordinal, lambda node: volumes.put_copy(node, copy))


def put_data(state: State, ordinal: int) -> State:
    """The copy's datadir is put on a new volume."""
    copy = state.copy
    assert copy is not None
    return exchange_volume(state, ordinal, lambda node: volumes.put_data(node, copy, node.run))


def swap_volumes(state: State, ordinal: int) -> State:
    """Two pods get each other's volume."""
    assert state.copy is not None
    other = state.copy.ordinal
    mine, theirs = (volumes.copy_volume(state.nodes[o]) for o in (ordinal, other))
    state = exchange_volume(state, ordinal, lambda node: volumes.put_copy(node, theirs))
    return exchange_volume(state, other, lambda node: volumes.put_copy(node, mine))


def change_dns(state: State, ordinal: int, dns: str) -> State:
    """DNS shows this pod something else from now on."""
    return state.put(state.nodes[ordinal]._replace(dns=dns))


def change_release(state: State, ordinal: int) -> State:
    """The pod's container is replaced by one of the other release."""
    state = agents.kill_pod(state, ordinal)
    node = state.nodes[ordinal]
    return state.put(node._replace(release=1 - node.release))


def power_cut(state: State) -> State:
    """All pods and their machines lose power."""
    dead = (galera.without_server(n._replace(starter=Starter.NONE, taken=None)) for n in state.nodes)
    return state.put(*map(agents.restart, dead))._replace(kernel=state.kernel + 1, faults=state.faults - 1, late=())


def isolate(state: State, ordinal: int) -> State:
    """This pod becomes unreachable."""
    return galera.regroup(state._replace(isolated=state.isolated | {ordinal}))


def heal(state: State, ordinal: int) -> State:
    """It is reachable again."""
    return galera.regroup(state._replace(isolated=state.isolated - {ordinal}))
