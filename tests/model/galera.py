"""An abstract Galera: servers that start, join, commit, split, merge and die, and what is on their disks then.

Quorum as in gcomm (pc_proto.cpp), all weights 1: more than half of the last Primary view go on, a member that
leaves in order does not count, and a component that was split is Primary again when all of its last view are back.
"""

from typing import Any

from bootstrap.core.decision.decisions import Bootstrap
from bootstrap.core.model.disk import STARTABLE, DataClass, View
from bootstrap.core.participant import starters
from tests.model.state import ALIVE, ARBITRATOR, Component, Node, Permitted, Starter, State, descends_from

NO_MEMBER = -1


class InvariantError(AssertionError):
    """Something that must never happen; the message says what."""


def execute(state: State, ordinal: int) -> State:
    """The starter becomes the server."""
    node = state.nodes[ordinal]
    permitted = node.taken
    assert permitted is not None
    result, decision = permitted.result, permitted.result.decision
    if isinstance(decision, Bootstrap):
        term = result.promise.term if result.promise else 0
        if node.permission != term:  # consumed, or void: the starter ends
            return end_starter(state, ordinal)
        check_bootstrap(state, node, term, permitted)
        data = DataClass.INITIALIZED if decision.first else node.data
        if decision.forced:
            data, state = DataClass.DDL_CRASH, state._replace(acknowledged=state.acknowledged & set(node.log))
        kept = None if decision.forced or decision.first else node.view
        node = node._replace(server="bootstrapping", permission=0, data=data, view=kept, forking=decision.history)
        state = state._replace(started=(*state.started, term))
    else:
        node = node._replace(server="joining", view=None, forking="")
    return end_starter(state.put(node._replace(lives=node.lives + 1)), ordinal)


def end_starter(state: State, ordinal: int) -> State:
    """The starter's connection ends: it has become the server, or it is dead."""
    node = state.nodes[ordinal]
    agent = starters.leave(node.agent, held=bool(node.server)) if node.starter > Starter.LOCKED else node.agent
    return state.put(node._replace(starter=Starter.NONE, taken=None, agent=agent))


def check_bootstrap(state: State, node: Node, term: int, permitted: Permitted) -> None:
    """Check what must hold at every bootstrap (I1, I2); an override excuses the pods that it names."""
    decision = permitted.result.decision
    forced = isinstance(decision, Bootstrap) and decision.forced
    if node.torn:
        raise InvariantError(f"{node.name} bootstraps from a copy that was never complete")
    if term in state.started:
        raise InvariantError(f"term {term} bootstraps twice")
    # By `last-view` a non-Primary server may be left that is unreachable, and that has to join the next Primary.
    beyond = ("joining", "transferring", "non-Primary") if decision.rule == "last-view" else ()
    others = [n for n in state.nodes if n is not node and n.server]
    # Unreachable when that was decided: the network may be well again in the moment before the start.
    if alive := [n.name for n in others if n.server not in beyond or n.ordinal in permitted.answered]:
        raise InvariantError(f"{node.name} bootstraps while {', '.join(alive)} live")
    for other in state.nodes:
        left = node.uuid != other.uuid and descends_from(state, node.uuid, other.uuid)  # what is beyond a fork
        named = forced and other.ordinal in permitted.named
        if other.log != node.log[: len(other.log)] and not left and not named:
            raise InvariantError(f"{node.name} bootstraps with {node.log}, {other.name} holds {other.log}")
    if (gone := state.acknowledged - set(node.log)) and not (forced and (permitted.named or state.lost)):
        raise InvariantError(f"{node.name} bootstraps without the acknowledged commits {sorted(gone)}")


def without_server(node: Node) -> Node:
    """The pod without its server."""
    return node._replace(server="", component=-1, is_mute=False)


def fall_silent(state: State, ordinal: int) -> State:
    """The server does not answer its agent any more; for the other members it lives."""
    return state.put(state.nodes[ordinal]._replace(is_mute=True))


def answer_again(state: State, ordinal: int) -> State:
    """It answers its agent again."""
    return state.put(state.nodes[ordinal]._replace(is_mute=False))


def donors(state: State, ordinal: int) -> list[int]:
    """The components that a joiner can reach."""
    return [] if ordinal in state.isolated else reachable_components(state)


def reachable_components(state: State) -> list[int]:
    """The components of the Primary servers that are not cut off."""
    found = {n.component for n in state.nodes if n.server == "Primary" and n.ordinal not in state.isolated}
    return sorted(found)


def come_up(state: State, ordinal: int) -> State:
    """The next step on a server's way to Synced."""
    node = state.nodes[ordinal]
    if node.server == "bootstrapping":
        number = len(state.components)
        if node.forking:
            state = state._replace(origins=(*state.origins, (node.forking, node.uuid)))
            node = node._replace(uuid=node.forking, base=len(node.log), forking="")
        component = Component(frozenset(), node.log, uuid=node.uuid, base=node.base)
        node = node._replace(server="Primary", component=number, data=DataClass.CRASHED)
        return agree(state._replace(components=(*state.components, component)).put(node), number, frozenset({ordinal}))
    donor = donors(state, ordinal)[0]
    component = state.components[donor]
    if node.log != component.log[: len(node.log)]:
        raise InvariantError(f"{node.name} joins {component.log} with {node.log}")
    if node.server != "transferring" and (node.data not in STARTABLE or node.uuid != component.uuid):
        return state.put(node._replace(server="transferring", log=(), data=DataClass.SST_INTERRUPTED, torn=False))
    members = [n for n in state.nodes if n.component == donor and n.server == "Primary"]
    if all(n.journal.bootstraps != node.journal.bootstraps for n in members):
        state = state._replace(joined_unseen=True)
    node = receive_all(node, component)._replace(server="Primary", component=donor)
    return agree(state.put(node), donor, component.view | {ordinal})


def receive_all(node: Node, component: Component, *, torn: bool = False) -> Node:
    """The joiner with all of the component's data; `torn`: they only look like that."""
    node = node._replace(uuid=component.uuid, base=component.base, log=component.log)
    return node._replace(data=DataClass.CRASHED, torn=torn)


def end_transfer(state: State, ordinal: int, *, torn: bool = False) -> State:
    """The files of a state transfer look complete; the server that receives it is not a member yet."""
    component = state.components[donors(state, ordinal)[0]]
    return state.put(receive_all(state.nodes[ordinal], component, torn=torn))


def with_component(state: State, number: int, **changes: Any) -> State:
    """The same with other values of a component."""
    components = list(state.components)
    components[number] = components[number]._replace(**changes)
    return state._replace(components=tuple(components))


def agree(state: State, number: int, view: frozenset[int]) -> State:
    """Agree on another Primary view; each of its members must write it before anything is ordered in it."""
    turn = state.components[number].turn + 1
    return with_component(state, number, view=view, primary=True, turn=turn, installing=bool(view))


def gcomm_names(state: State, members: frozenset[int]) -> dict[int, str]:
    """The gcomm uuids of these members."""
    return {o: "arbitrator" if o == ARBITRATOR else state.nodes[o].gcomm for o in sorted(members)}


def current_view(state: State, node: Node) -> View:
    """The view of a member's component, as it writes it."""
    component = state.components[node.component]
    members = tuple(gcomm_names(state, component.view).values())
    return View(node.gcomm, f"component-{node.component}", component.turn, bootstrap=False, members=members)


def has_view_to_write(state: State, node: Node) -> bool:
    """Whether a member has not written its view yet."""
    if node.server != "Primary" or not state.components[node.component].installing:
        return False
    return node.ordinal in state.components[node.component].view and node.written != current_view(state, node).name


def write_view(state: State, ordinal: int, *, fails: bool = False) -> State:
    """A member writes the view; after the last one the change is ordered, and no member has applied it yet.

    If it cannot write the file, it goes on all the same.
    """
    node = state.nodes[ordinal]
    now = current_view(state, node)
    state = state.put(node._replace(view=node.view if fails else now, written=now.name))
    number = node.component
    members = [n for n in state.nodes if n.component == number and n.server == "Primary"]
    if any(has_view_to_write(state, n) for n in members):
        return state
    return order(with_component(state, number, installing=False), number, to=NO_MEMBER)


def order(state: State, number: int, *, to: int | None = None) -> State:
    """A write set or a view: durable at `to`, or at all members; the others lag behind."""
    fresh = state.commits + 1
    components = list(state.components)
    log = (*components[number].log, fresh)
    components[number] = components[number]._replace(log=log)
    state = state._replace(components=tuple(components), commits=fresh)
    members = [n for n in state.nodes if n.component == number and n.server == "Primary"]
    return state.put(*(n._replace(log=log) for n in members if to is None or n.ordinal == to))


def commit(state: State, ordinal: int, *, alone: bool) -> State:
    """A client gets its acknowledgement; `alone`: only this member has it on its disk when it does."""
    node = state.nodes[ordinal]
    state = order(state, node.component, to=ordinal if alone else None)
    return state._replace(acknowledged=state.acknowledged | {state.commits}, writes=state.writes - 1)


def catch_up(state: State, ordinal: int) -> State:
    """A member applies what it lags behind."""
    node = state.nodes[ordinal]
    return state.put(node._replace(log=state.components[node.component].log))


def stop(state: State, ordinal: int) -> State:
    """In order: everything is applied, and the view shrinks by one."""
    node = state.nodes[ordinal]
    if node.server not in ALIVE:
        return state
    component = state.components[node.component]
    if node.ordinal in component.view:
        node = node._replace(log=component.log)
        others = [n.ordinal for n in state.nodes if n.component == node.component and n is not state.nodes[ordinal]]
        others_know = component.primary or all(state.connected(ordinal, other) for other in others)
        left = component.view - {ordinal} if others_know else component.view
        state = (
            agree(state, node.component, left)
            if component.primary
            else with_component(state, node.component, view=left)
        )
    return end_server(state.put(node._replace(data=DataClass.CLEAN, view=None)), ordinal)


def kill(state: State, ordinal: int, *, in_ddl: bool = False) -> State:
    """SIGKILL; inside a DDL grastate.dat has the nil uuid."""
    node = state.nodes[ordinal]
    if in_ddl and node.data is DataClass.CRASHED:
        state = state.put(node._replace(data=DataClass.DDL_CRASH))
    return end_server(state, ordinal)


def end_server(state: State, ordinal: int) -> State:
    """The server is gone: the rest of its component counts its members."""
    node = state.nodes[ordinal]
    number = node.component
    state = state.put(without_server(node))
    return apply_quorum(state, number) if number >= 0 else state


def regroup(state: State) -> State:
    """Find out again which members go on, after the network has changed."""
    for number in sorted({n.component for n in state.nodes if n.component >= 0}):
        state = apply_quorum(state, number)
    return state


def apply_quorum(state: State, number: int) -> State:
    """Let those live members go on as Primary that have the quorum."""
    component = state.components[number]
    alive = {n.ordinal for n in state.nodes if n.component == number}
    if state.arbitrator == number:
        if not alive - state.isolated:
            state = state._replace(arbitrator=-1)
        else:
            alive |= {ARBITRATOR}
    groups = [alive - state.isolated, *({o} for o in sorted(alive & state.isolated))]
    needed = len(component.view) // 2 + 1 if component.primary else len(component.view)
    going_on = next((g for g in groups if len(g & component.view) >= max(needed, 1)), set())
    for ordinal in alive - {ARBITRATOR}:
        status = "Primary" if ordinal in going_on else "non-Primary"
        state = state.put(state.nodes[ordinal]._replace(server=status))
    if going_on and (going_on != component.view or not component.primary):
        return agree(state, number, frozenset(going_on))
    return with_component(state, number, primary=bool(going_on))


def may_arbitrator_join(state: State) -> bool:
    """Whether there is a Primary Component for an arbitrator that is in none."""
    return state.arbitrator == -1 and any(state.components[d].primary for d in reachable_components(state))


def join_arbitrator(state: State) -> State:
    """The arbitrator joins, and votes from now on."""
    number = next(d for d in reachable_components(state) if state.components[d].primary)
    return agree(state._replace(arbitrator=number), number, state.components[number].view | {ARBITRATOR})


def kill_arbitrator(state: State) -> State:
    """The arbitrator is gone for now."""
    assert state.arbitrator is not None
    return apply_quorum(state._replace(arbitrator=-1), state.arbitrator)
