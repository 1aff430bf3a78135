"""The ways in which a proof that excuses some pods was found to be wrong, each step by step.

An independent model of an abstract Galera found them (C1 to C3); here they are played against the real rules.
Each must end without a bootstrap.  Without the condition that stops it, it ends in one that breaks an invariant.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bootstrap.agent import admin_requests
from bootstrap.core.decision import quorum, rules_live_primary
from bootstrap.core.model.facts import Phase
from bootstrap.core.participant import rounds, views
from bootstrap.core.participant.views import FALSE_ROUNDS
from tests.model import agents, galera
from tests.model.explore import Turn, due_step, next_turns, recovers
from tests.model.faults import heal, isolate, lose_volume, power_cut
from tests.model.galera import InvariantError
from tests.model.starts import all_primary, has_checkpoint, member_lost, run_until
from tests.model.state import State, after_outage
from tests.model.steps import steps

Patch = pytest.MonkeyPatch
TURNS = 300


def play(state: State, *names: str) -> State:
    """The state after these steps."""
    for name in names:
        found = {step.name: step.do for step in steps(state)}
        assert name in found, (name, sorted(found))
        state = found[name](state)
    return state


def go_on(state: State, *, stuck: int | None = None) -> State:
    """The state after the pods went on by themselves for a while, except for one in which no container starts."""
    turn = Turn(state._replace(faults=0, writes=0))
    for _ in range(TURNS):
        turn = skip(turn) if turn.ordinal == stuck else next(next_turns(turn))[1]()
    return turn.state


def skip(turn: Turn) -> Turn:
    """It is the next pod's turn."""
    return turn._replace(ordinal=(turn.ordinal + 1) % len(turn.state.nodes), began=False)


def committed_and_left() -> State:
    """C1: a member commits, leaves in order before the others have applied it, and these die; it is unreachable.

    Their view proves who was there, not what they had applied.
    """
    start = all_primary(after_outage(3, faults=9, writes=9))
    state = play(start, "galera-0 commits, the others lag", "galera-0 server is stopped")
    state = play(state, *(f"galera-{o} writes its view" for o in (1, 2)))
    return isolate(play(state, "galera-1 pod is killed", "galera-2 pod is killed"), 0)


def outnumbered() -> State:
    """C2: a sole member dies before it has written the view with two newcomers in it, which go on without it."""
    start = all_primary(after_outage(3, faults=9, writes=9))
    state = play(start, "galera-1 server is stopped", "galera-0 writes its view", "galera-2 writes its view")
    state = play(state, "galera-2 server is stopped", "galera-0 writes its view", "galera-0 catches up")
    state = play(state, "galera-0 begins a round", "galera-0 asks on")  # it notes in a checkpoint that it is alone
    state = go_on_until_permitted(state, {1, 2})
    state = play(state, *(f"galera-{o} becomes the server" for o in (1, 2)))
    state = play(state, *(f"galera-{o} server comes up" for o in (1, 2)), "galera-0 pod is killed")
    state = play(state, *(f"galera-{o} writes its view" for o in (1, 2)))
    return isolate(state, 0)


def go_on_until_permitted(state: State, waiting: set[int]) -> State:
    """Go on until the starters of these pods have taken their permission to join."""
    turn = Turn(state)
    for _ in range(TURNS):
        if all(turn.state.nodes[o].taken for o in waiting):
            break
        node = turn.state.nodes[turn.ordinal]
        turn = skip(turn) if node.taken is not None else next(next_turns(turn))[1]()
    return turn.state


def outnumbered_and_replaced() -> State:
    """C2 once more: the newcomers commit and die; one of them is unreachable, and the other one's volume is lost.

    What that volume held is gone, but the other newcomer still has it: an empty journal must not show that nobody came.
    """
    state = run_until(Turn(outnumbered()), lambda now: all(is_settled(now, o) for o in (1, 2))).state
    state = play(state, "galera-1 commits", "galera-1 pod is killed", "galera-2 pod is killed")
    return lose_volume(heal(isolate(state, 1), 0), 2)


def is_settled(state: State, ordinal: int) -> bool:
    """Whether a member has recorded that it is Synced."""
    return has_checkpoint(state, state.nodes[ordinal])


def stopped_before_the_last_one() -> State:
    """Of the last two members one is stopped in order, and the other one dies alone; the third was lost before."""
    state = play(member_lost(3, {2}, faults=9, writes=9), "galera-0 server is stopped", "galera-1 writes its view")
    state = play(state, "galera-1 catches up", "galera-1 commits")
    state = run_until(Turn(state, ordinal=1), lambda now: has_checkpoint(now, now.nodes[1])).state
    return play(state, "galera-1 pod is killed")


def stopped_in_order() -> State:
    """C3: one of the last two members has stopped in order: its last view is not known, even if it was seen before."""
    state = play(member_lost(3, {2}, faults=9, writes=9), "galera-0 server is stopped")
    return play(state, "galera-1 pod is killed")


def could_not_write() -> State:
    """V6: two marked members cannot write the view in which a third one has come back, and that one goes on alone."""
    state = isolate_all(member_lost(3, {2}, faults=99, writes=9), set())
    state = go_on_until_permitted(state, {2})
    state = play(state, "galera-2 becomes the server", "galera-2 server comes up")
    state = play(state, "galera-0 cannot write its view", "galera-1 cannot write its view", "galera-2 writes its view")
    state = play(state, *(f"galera-{o} catches up" for o in range(3)))
    state = play(state, *(name for _ in range(FALSE_ROUNDS) for o in range(3) for name in whole_round(o)))
    state = play(state, "galera-2 commits, the others lag")
    return isolate_all(power_cut(state), {2})


def isolate_all(state: State, ordinals: set[int]) -> State:
    return galera.regroup(state._replace(isolated=frozenset(ordinals)))


def whole_round(ordinal: int) -> tuple[str, str]:
    return f"galera-{ordinal} begins a round", f"galera-{ordinal} asks on"


def always(answer: object) -> Callable[..., object]:
    return lambda *_: answer


def has_a_checkpoint(patch: Patch) -> None:
    patch.setattr(quorum, "has_reached_view", always(True))


def believes_the_file(patch: Patch) -> None:
    patch.setattr(views, "is_contradicted", always(False))
    patch.setattr(rounds, "remember", lambda state, *_: state)


def are_few(patch: Patch) -> None:
    patch.setattr(quorum, "may_be_outnumbered", always(False))


def have_records(patch: Patch) -> None:
    patch.setattr(quorum, "has_record", always(True))


@pytest.mark.parametrize(
    ("trace", "unguarded"),
    [
        (committed_and_left, has_a_checkpoint),
        (outnumbered, are_few),
        (outnumbered_and_replaced, have_records),
    ],
    ids=["C1", "C2", "C2 with a replaced volume"],
)
def test_a_view_is_whole_and_yet_another_pod_holds_more(
    monkeypatch: Patch, trace: Callable[[], State], unguarded: Callable[[Patch], None]
) -> None:
    state = trace()
    assert go_on(state).started == state.started

    unguarded(monkeypatch)
    with pytest.raises(InvariantError):
        go_on(state)


def test_a_view_that_could_not_be_written_is_no_last_view(monkeypatch: Patch) -> None:
    state = could_not_write()
    assert go_on(state).started == state.started

    believes_the_file(monkeypatch)
    with pytest.raises(InvariantError):
        go_on(could_not_write())


def test_a_member_that_stopped_in_order_shows_no_view() -> None:
    state = stopped_in_order()
    assert go_on(state).started == state.started


def seen_as_primary() -> State:
    """One of the last two members dies with an acknowledged commit; the other has lost its quorum, and nobody knows it.

    What the first one hears of the second is from before that.
    """
    state = member_lost(3, {2}, faults=9, writes=2)._replace(overrides_left=1)
    state = play(state, "galera-0 commits, the others lag", "galera-0 pod is killed", "galera-0 starter reports")
    assert state.nodes[1].server == "non-Primary"
    return play(state, *whole_round(0), *whole_round(0))


def test_nothing_is_discarded_beside_a_primary_that_may_have_lost_its_quorum(monkeypatch: Patch) -> None:
    state = seen_as_primary()
    assert state.nodes[0].agent.result.decision.rule == "quorum"
    assert "galera-0 is discarded" not in {step.name for step in steps(state)}

    for place in (rules_live_primary, admin_requests):
        monkeypatch.setattr(place, "why_quorum_uncertain", always(None))
    state = play(seen_as_primary(), "galera-0 is discarded", "galera-0 puts its datadir aside")
    with pytest.raises(InvariantError, match="the acknowledged commits"):
        recovers(play(state, "galera-1 server is killed"))


@pytest.mark.parametrize(("count", "lost"), [(3, {2}), (3, {0}), (5, {3, 4}), (5, {0, 2})])
def test_a_pod_that_was_not_in_the_last_view_is_not_waited_for(count: int, lost: set[int]) -> None:
    state = power_cut(member_lost(count, lost, faults=9, writes=9))
    after = go_on(state)
    assert [n.server for n in after.nodes if n.ordinal not in lost] == ["Primary"] * (count - len(lost)), after
    assert after.nodes[min(set(range(count)) - lost)].agent.result.decision.rule


def test_a_member_that_was_stopped_in_order_before_the_last_view_is_no_newcomer(monkeypatch: Patch) -> None:
    """One node is lost, another one drained, and the third one crashes: the two that are left go on."""
    state = stopped_before_the_last_one()
    after = go_on(state)
    assert [n.server for n in after.nodes][:2] == ["Primary", "Primary"], after

    monkeypatch.setattr(quorum, "was_stopped_before", always(False))
    assert go_on(state).started == state.started


def test_a_pod_whose_container_never_starts_is_not_waited_for_if_it_was_not_in_the_last_view() -> None:
    state = heal(power_cut(member_lost(3, {2}, faults=9, writes=9)), 2)
    state = play(state, "galera-2 begins a round")
    after = go_on(state, stuck=2)
    assert after.nodes[2].agent.pod_state.phase is Phase.STARTING
    assert [n.server for n in after.nodes][:2] == ["Primary", "Primary"], after


def test_one_of_the_last_two_dies_and_begins_to_join_before_the_other_has_lost_its_quorum() -> None:
    """The join is abandoned, and the view that the proof needs must not be lost by it."""
    state = play(member_lost(3, {2}, faults=9, writes=9), "galera-1 pod is killed")
    state = play(state, "galera-1 starter reports", "galera-1 begins a round", "galera-1 asks on")
    state = play(state, "galera-1 takes its permission", "galera-1 becomes the server")
    assert state.nodes[1].view is None

    after = go_on(state)
    assert [n.server for n in after.nodes][:2] == ["Primary", "Primary"], after


def cut_off_and_back() -> State:
    """One member is cut off while the others die and start again; then its server joins them by itself."""
    cut_off = isolate(all_primary(after_outage(3, faults=9, writes=9)), 2)
    alone = play(run_until(Turn(cut_off), have_checkpoints).state, "galera-0 pod is killed", "galera-1 pod is killed")
    state = run_until(Turn(alone), have_checkpoints).state
    return play(heal(state, 2), "galera-2 server comes up")


def have_checkpoints(state: State) -> bool:
    return all(has_checkpoint(state, node) for node in state.nodes[:2])


def test_a_member_that_has_joined_the_next_component_by_itself_learns_how_that_began() -> None:
    state = cut_off_and_back()
    assert state.nodes[2].agent.durable.bootstraps != state.nodes[0].agent.durable.bootstraps
    after = go_on(state)
    assert after.nodes[2].agent.durable.bootstraps == after.nodes[0].agent.durable.bootstraps
    assert recovers(play(after._replace(faults=1), "galera-2 pod is killed"))


def test_if_it_dies_before_that_it_holds_and_loses_nothing() -> None:
    """Its journal is then that of an older copy that went on, and only a human can tell."""
    state = play(cut_off_and_back(), "galera-2 pod is killed")
    after = go_on(state)
    assert after.nodes[2].agent.result.decision.rule == "other-branch"
    assert after.nodes[2].log == state.nodes[2].log
    assert not recovers(state)
    assert recovers(after._replace(overrides_given=1))


def cut_off_in_a_transfer() -> State:
    """The files of a joiner that is killed look complete, and the members die with it; it has the lowest ordinal."""
    state = lose_volume(all_primary(after_outage(3, faults=9, writes=9)), 0)
    state = play(go_on_until_permitted(state, {0}), "galera-0 becomes the server", "galera-0 server comes up")
    return play(state, "galera-0 transfer seems to end", *(f"galera-{o} pod is killed" for o in range(3)))


def test_a_copy_that_only_looks_complete_does_not_start_a_cluster() -> None:
    assert recovers(cut_off_in_a_transfer())

    state = cut_off_in_a_transfer()
    journal = replace(state.nodes[0].journal, joining_boot_id="")
    state = state.put(agents.restart(state.nodes[0]._replace(journal=journal)))
    with pytest.raises(InvariantError, match="never complete"):
        go_on(state)


def go_on_alone(state: State, ordinal: int, is_reached: Callable[[State], bool]) -> State:
    """The state after one pod alone went on until this is reached."""
    for _ in range(TURNS):
        if is_reached(state):
            return state
        due = due_step(state, state.nodes[ordinal], began=False)
        assert due is not None
        state = due[1](state, ordinal)
    raise AssertionError("it is never reached")


def heard_by_one_that_has_just_joined() -> State:
    """A joiner hears only a member that was let in a moment ago, since the agent of the first one starts again."""
    state = run_until(Turn(after_outage(3, faults=9, writes=9)), lambda now: now.nodes[0].journal.epoch == 2).state
    state = go_on_alone(state, 1, lambda now: now.nodes[1].journal.promise is None)
    state = go_on_alone(state, 2, lambda now: now.nodes[2].server == "Primary")
    state = play(state.put(agents.restart(state.nodes[0])), "galera-2 begins a round")
    state = play(state, "galera-1 begins a round", "galera-1 asks on")
    return play(state, "galera-1 takes its permission")


def test_a_joiner_learns_the_epoch_from_any_member() -> None:
    """Else the last one that goes on would be of an older epoch than those that it was in the cluster with."""
    state = heard_by_one_that_has_just_joined()
    assert [(node.journal.epoch, node.journal.joined_epoch) for node in state.nodes] == [(2, 0), (1, 2), (1, 2)]
    state = go_on_alone(state, 1, lambda now: now.nodes[1].server == "Primary")
    state = play(state, "galera-0 server is stopped", "galera-2 server is stopped")
    state = go_on_alone(state, 1, lambda now: not now.nodes[1].journal.joining_boot_id)
    assert state.nodes[1].journal.epoch == 2
    assert recovers(state)
