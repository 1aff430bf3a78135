"""States from which explorations begin in which operators have a word to say, or have said it."""

from collections.abc import Callable

from tests.model import galera, mind, operators
from tests.model.explore import PATIENCE, Turn, next_turns
from tests.model.state import Node, State, after_outage


def pod_gone(gone: int, *, faults: int, writes: int, words: int) -> State:
    """After an outage of three; nobody hears one of them."""
    return after_outage(3, faults=faults, writes=writes)._replace(isolated=frozenset({gone}), words=words)


def member_lost(count: int, lost: set[int], *, faults: int, writes: int) -> State:
    """A live cluster of which some members have died with their machines; the rest know it, and have marked that."""
    turn = Turn(all_primary(after_outage(count, faults=0, writes=0)))
    for ordinal in sorted(lost):
        dead = mind.kill_pod(turn.state, ordinal)
        turn = Turn(galera.regrouped(dead._replace(isolated=dead.isolated | {ordinal})))
        turn = until(turn, lambda now: all(marked(now, n) for n in now.nodes if n.ordinal not in now.isolated))
    return turn.state._replace(faults=faults, writes=writes)


def all_primary(state: State) -> State:
    """The same once all are Primary, and all have seen that."""
    return until(Turn(state), lambda now: all(marked(now, n) for n in now.nodes)).state


def until(turn: Turn, reached: Callable[[State], bool]) -> Turn:
    """What comes of it while nothing goes wrong, up to where this is reached."""
    for _ in range(PATIENCE * len(turn.state.nodes)):
        if reached(turn.state):
            return turn
        turn = next(next_turns(turn))[1]()
    raise AssertionError("it is never reached")


def marked(state: State, node: Node) -> bool:
    """Whether a member has a mark of the view that it is in."""
    if node.server != "Primary" or node.memory.view_checkpoint is None or node.memory.joining_boot_id:
        return False
    return not galera.to_write(state, node) and node.memory.view_checkpoint.view == galera.current(state, node).name


def pods_found(by: int, given_up: set[int], *, faults: int, writes: int, words: int) -> State:
    """A new history was begun by one of three, without others; all its members are Primary, and the others are back."""
    turn = Turn(after_outage(3, faults=0, writes=0)._replace(isolated=frozenset(given_up), words=1))
    while not all(n.server == "Primary" for n in turn.state.nodes if n.ordinal not in given_up):
        node = turn.state.nodes[by]
        forced = operators.force(turn.state, by) if turn.state.words and operators.may_speak(node) else None
        turn = turn._replace(state=forced) if forced else next(next_turns(turn))[1]()
    healed = galera.regrouped(turn.state._replace(isolated=frozenset()))
    return healed._replace(faults=faults, writes=writes, words=words)
