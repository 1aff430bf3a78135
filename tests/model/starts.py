"""States from which explorations begin in which operators have a word to say, or have said it."""

from tests.model import galera, operators
from tests.model.explore import Turn, next_turns
from tests.model.state import State, after_outage


def pod_gone(gone: int, *, faults: int, writes: int, words: int) -> State:
    """After an outage of three; nobody hears one of them."""
    return after_outage(3, faults=faults, writes=writes)._replace(isolated=frozenset({gone}), words=words)


def pods_found(by: int, given_up: set[int], *, faults: int, writes: int, words: int) -> State:
    """A new history was begun by one of three, without others; all its members are Primary, and the others are back."""
    turn = Turn(after_outage(3, faults=0, writes=0)._replace(isolated=frozenset(given_up), words=1))
    while not all(n.server == "Primary" for n in turn.state.nodes if n.ordinal not in given_up):
        node = turn.state.nodes[by]
        forced = operators.force(turn.state, by) if turn.state.words and operators.may_speak(node) else None
        turn = turn._replace(state=forced) if forced else next(next_turns(turn))[1]()
    healed = galera.regrouped(turn.state._replace(isolated=frozenset()))
    return healed._replace(faults=faults, writes=writes, words=words)
