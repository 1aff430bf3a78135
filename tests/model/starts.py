"""States from which explorations begin: with members that were lost, and with overrides."""

from collections.abc import Callable

from tests.model import agents, galera, humans
from tests.model.explore import PATIENCE, Turn, next_turns
from tests.model.state import Node, State, after_outage


def pod_gone(gone: int, *, faults: int, writes: int, overrides_left: int) -> State:
    """After an outage of three; one of them is unreachable."""
    return after_outage(3, faults=faults, writes=writes)._replace(
        isolated=frozenset({gone}), overrides_left=overrides_left
    )


def member_lost(count: int, lost: set[int], *, faults: int, writes: int) -> State:
    """A live cluster that has lost some members with their machines; the others have a checkpoint of the view since."""
    turn = Turn(all_primary(after_outage(count, faults=0, writes=0)))
    for ordinal in sorted(lost):
        dead = agents.kill_pod(turn.state, ordinal)
        turn = Turn(galera.regroup(dead._replace(isolated=dead.isolated | {ordinal})))
        turn = run_until(
            turn, lambda now: all(has_checkpoint(now, n) for n in now.nodes if n.ordinal not in now.isolated)
        )
    return turn.state._replace(faults=faults, writes=writes)


def all_primary(state: State) -> State:
    """The same once all are Primary, and all agents have seen that."""
    return run_until(Turn(state), lambda now: all(has_checkpoint(now, n) for n in now.nodes)).state


def run_until(turn: Turn, is_reached: Callable[[State], bool]) -> Turn:
    """Go on without faults until this is reached."""
    for _ in range(PATIENCE * len(turn.state.nodes)):
        if is_reached(turn.state):
            return turn
        turn = next(next_turns(turn))[1]()
    raise AssertionError("it is never reached")


def has_checkpoint(state: State, node: Node) -> bool:
    """Whether a member has a checkpoint of the view that it is in."""
    if node.server != "Primary" or node.agent.durable.view_checkpoint is None or node.agent.durable.joining_boot_id:
        return False
    return (
        not galera.has_view_to_write(state, node)
        and node.agent.durable.view_checkpoint.view == galera.current_view(state, node).name
    )


def pods_found(by: int, given_up: set[int], *, faults: int, writes: int, overrides_left: int) -> State:
    """One of three has begun a new history without others; its members are all Primary, and the others are back."""
    turn = Turn(after_outage(3, faults=0, writes=0)._replace(isolated=frozenset(given_up), overrides_left=1))
    while not all(n.server == "Primary" for n in turn.state.nodes if n.ordinal not in given_up):
        node = turn.state.nodes[by]
        forced = humans.force(turn.state, by) if turn.state.overrides_left and humans.may_order(node) else None
        turn = turn._replace(state=forced) if forced else next(next_turns(turn))[1]()
    healed = galera.regroup(turn.state._replace(isolated=frozenset()))
    return healed._replace(faults=faults, writes=writes, overrides_left=overrides_left)


def scaled_up(dns: str, *, faults: int, writes: int) -> State:
    """A sole member, and two new pods; it expects only itself, and DNS shows it nothing, or only itself."""
    alone = all_primary(after_outage(1, faults=0, writes=0, behind=0)._replace(grow=2))
    state = humans.add_pod(humans.add_pod(alone))
    node = agents.restart(state.nodes[0]._replace(dns=dns, is_told=False))
    # Its volume is not lost: nobody else would know that there ever were data.
    return state.put(node)._replace(faults=faults, writes=writes, lost=True)
