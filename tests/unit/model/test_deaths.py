"""A server dies, and its container starts another one at once: its starter comes before its agent has looked, or after.

For an agent this is a starter that arrives; it does not matter which program has started it.
"""

from itertools import product

import pytest

from bootstrap.core.model.facts import Phase
from bootstrap.core.participant import starters
from tests.model.explore import recovers
from tests.model.starts import all_primary
from tests.model.state import State, after_outage
from tests.unit.model.test_traces import go_on, play

DEATHS = 3


def live() -> State:
    return all_primary(after_outage(3, faults=99, writes=9))


def die(state: State, ordinal: int, *, looked: bool) -> State:
    """The server dies, and a starter reports; `looked`: its agent has seen the death before."""
    name = f"galera-{ordinal}"
    state = play(state, f"{name} server is killed")
    assert state.nodes[ordinal].agent.lifecycle.phase is Phase.RUNNING
    if looked:
        state = play(state, f"{name} begins a round")
    return play(state, f"{name} starter reports")


@pytest.mark.parametrize("looked", [False, True])
def test_no_permission_rests_on_what_the_agent_knew_of_the_dead_server(*, looked: bool) -> None:
    state = die(live(), 0, looked=looked)
    agent = state.nodes[0].agent
    assert agent.lifecycle.phase is Phase.FROZEN
    assert agent.lifecycle.server is None
    assert starters.find_permitted(agent) is None


@pytest.mark.parametrize("looked", list(product([False, True], repeat=3)))
def test_all_die_three_times_in_a_row_and_nothing_is_lost(looked: tuple[bool, ...]) -> None:
    """Each time one of them has a commit that the others do not have; every step checks what must hold."""
    state = live()
    for _ in range(DEATHS):
        state = play(state, "galera-1 commits, the others lag")
        for ordinal, has_looked in enumerate(looked):
            state = die(state, ordinal, looked=has_looked)
        state = all_primary(state)
    assert recovers(state)


def test_one_dies_in_the_middle_of_another_ones_round_and_the_cluster_lives_on() -> None:
    state = play(live(), "galera-1 begins a round", "galera-1 asks on")
    state = die(state, 0, looked=False)
    state = go_on(state)
    assert all(node.server == "Primary" for node in state.nodes)
