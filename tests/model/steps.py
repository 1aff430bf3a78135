"""All that can happen next in a state, each with a name for the trace."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from tests.model import agents, galera, humans, starters
from tests.model.faults import arrive_late, ask_next, begin_round, change_dns, faults, heal, mishaps, power_cut
from tests.model.state import Node, Starter, State


class Step(NamedTuple):
    """One thing that may happen."""

    name: str
    do: Callable[[State], State]
    fault: bool = False
    """It uses up one of the faults."""


def steps(state: State) -> Iterator[Step]:
    """All that may happen, good or bad."""
    yield from good_steps(state)
    if state.faults:
        for node in state.nodes:
            for what, do in faults(state, node):
                yield Step(f"{node.name} {what}", partial(use_fault, partial(do, ordinal=node.ordinal)), fault=True)
            for what, do in mishaps(state, node):
                yield Step(f"{node.name} {what}", partial(use_fault, do), fault=True)
        yield Step("power cut", power_cut, fault=True)
        if state.arbitrator not in (None, -1):
            yield Step("the arbitrator is lost", partial(use_fault, galera.kill_arbitrator), fault=True)
    yield from human_steps(state)


def good_steps(state: State) -> Iterator[Step]:
    """All that leads somewhere."""
    for node in state.nodes:
        for what, do in progress(state, node):
            yield Step(f"{node.name} {what}", partial(do, ordinal=node.ordinal))
    for place, (target, _) in enumerate(state.late):
        yield Step(f"a late request reaches galera-{target}", partial(arrive_late, place=place))
    if galera.may_arbitrator_join(state):
        yield Step("the arbitrator joins", galera.join_arbitrator)


def human_steps(state: State) -> Iterator[Step]:
    """What humans may do; an override that would be refused changes nothing."""
    for node in state.nodes:
        if not state.overrides_left or not humans.may_order(node):
            continue
        for what, do in humans.ORDERS.items():
            if (after := do(state, node.ordinal)) is not None:
                yield Step(f"{node.name} {what}", partial(lambda _, then: then, then=after), fault=True)
    if state.grow:
        yield Step("a pod is added", humans.add_pod)
    if state.shrink and len(state.present) > 1:
        yield Step("a pod is removed", humans.remove_pod)


def progress(state: State, node: Node) -> Iterator[tuple[str, Callable[..., State]]]:
    """The steps that lead somewhere."""
    if node.is_away:
        return
    if state.may_run(node.ordinal):
        yield from starting(node)
        yield from agent_steps(node)
        yield from server_steps(state, node)
    if node.ordinal in state.isolated:
        yield "is reachable again", heal
    if node.dns != "all":
        yield "sees all pods in DNS", partial(change_dns, dns="all")


def agent_steps(node: Node) -> Iterator[tuple[str, Callable[..., State]]]:
    """What the agent does next."""
    if node.outbox:
        yield "sends a request", agents.send
    elif node.asking is None:
        yield "begins a round", begin_round
    else:
        yield "asks on", ask_next


def server_steps(state: State, node: Node) -> Iterator[tuple[str, Callable[..., State]]]:
    """What the server does next."""
    if is_coming_up(state, node):
        yield "server comes up", galera.come_up
    if node.is_mute:
        yield "server answers its agent again", galera.answer_again
    if galera.has_view_to_write(state, node):
        yield "writes its view", galera.write_view
    if node.server == "Primary" and node.log != state.components[node.component].log:
        yield "catches up", galera.catch_up
    if can_commit(state, node):
        yield "commits, the others lag", partial(galera.commit, alone=True)
        yield "commits", partial(galera.commit, alone=False)


def can_commit(state: State, node: Node) -> bool:
    """Whether a client may get an acknowledgement here: its agent has seen it Synced, in a view that all know."""
    primary = node.server == "Primary" and not node.agent.durable.joining_boot_id
    return primary and bool(state.writes) and not state.components[node.component].installing


def starting(node: Node) -> Iterator[tuple[str, Callable[..., State]]]:
    """What the starter does next."""
    if starters.is_missing(node):
        yield "starter reports", starters.arrive
        if node.starter is Starter.NONE:
            yield "starter takes the lock", starters.lock
        if node.starter is not Starter.KNOWN:
            yield "starter says hello", starters.greet
    if starters.can_take(node):
        yield "takes its permission", starters.take
    if node.agent.orders.pending:
        yield "puts its datadir aside", starters.put_aside
    if node.taken is not None:
        yield "becomes the server", galera.execute


def use_fault(step: Callable[[State], State], state: State) -> State:
    """Take a step that uses up one of the faults."""
    after = step(state)
    return after._replace(faults=after.faults - 1)


def is_coming_up(state: State, node: Node) -> bool:
    """Whether a server that starts, or is non-Primary, finds what it needs."""
    seeking = ("joining", "transferring", "non-Primary")
    joins = node.server in seeking and galera.donors(state, node.ordinal)
    return node.server == "bootstrapping" or bool(joins)
