"""States from which explorations begin: with members that were lost, and with overrides."""

from collections.abc import Callable, Iterable
from typing import Any

from bootstrap.core.decision.streaks import Patience
from bootstrap.core.model.disk import DataClass
from tests.model import agents, galera, humans
from tests.model import faults as faulty
from tests.model.explore import PATIENCE, Turn, next_turns
from tests.model.faults import power_cut
from tests.model.state import Node, State, after_outage, first_start


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
    start = after_outage(3, faults=0, writes=0)._replace(isolated=frozenset(given_up))
    healed = force_and_heal(
        start, by, lambda now: all(n.server == "Primary" for n in now.nodes if n.ordinal not in given_up)
    )
    return healed._replace(faults=faults, writes=writes, overrides_left=overrides_left)


def force_and_heal(state: State, by: int, is_reached: Callable[[State], bool]) -> State:
    """Force this pod as soon as that is accepted, go on until this is reached, and let all pods reach each other."""
    turn = Turn(state._replace(overrides_left=1))
    while not is_reached(turn.state):
        node = turn.state.nodes[by]
        forced = humans.force(turn.state, by) if turn.state.overrides_left and humans.may_order(node) else None
        turn = turn._replace(state=forced) if forced else next(next_turns(turn))[1]()
    return galera.regroup(turn.state._replace(isolated=frozenset()))


def forced_elsewhere(*, faults: int, writes: int) -> State:
    """The pod that was lost before an outage was forced, and starts; the others come back, and do not understand it."""
    start = power_cut(member_lost(3, {1}, faults=0, writes=0))
    healed = force_and_heal(start, 1, lambda now: now.nodes[1].taken is not None)
    # Its volume is not lost: before the others have joined, nobody else knows of the new history.
    return healed.put(healed.nodes[1]._replace(release=1))._replace(faults=faults, writes=writes, lost=True)


def scaled_up(dns: str, *, faults: int, writes: int) -> State:
    """A sole member, and two new pods; it expects only itself, and DNS shows it nothing, or only itself."""
    alone = all_primary(after_outage(1, faults=0, writes=0, behind=0)._replace(grow=2))
    state = humans.add_pod(humans.add_pod(alone))
    node = agents.restart(state.nodes[0]._replace(dns=dns, is_told=False))
    # Its volume is not lost: nobody else would know that there ever were data.
    return state.put(node)._replace(faults=faults, writes=writes, lost=True)


def set_identity(state: State, ordinals: Iterable[int], **settings: Any) -> State:
    """The same with other settings at these pods, whose agents have just started."""
    nodes = [state.nodes[o] for o in ordinals]
    changed = (n._replace(agent=n.agent._replace(identity=n.agent.identity._replace(**settings))) for n in nodes)
    return state.put(*(agents.restart(node) for node in changed))


def live(count: int, *, faults: int, writes: int, **more: Any) -> State:
    """A cluster of so many, all well."""
    return all_primary(after_outage(count, faults=0, writes=0))._replace(faults=faults, writes=writes, **more)


def adoptable(*, faults: int, writes: int) -> State:
    """Three new pods; on one of them lies a database from elsewhere, which a human may adopt."""
    state = first_start(3, faults=faults, writes=writes)
    data = state.nodes[1]._replace(log=(1, 2, 3), data=DataClass.UNADOPTED)
    # Nobody has acknowledged them here.
    return state.put(data)._replace(commits=len(data.log), overrides_left=1, extras=frozenset({"adopt"}))


def with_older_copy(*extras: str, faults: int, writes: int) -> State:
    """A live cluster that has gone on since one of its volumes was copied."""
    state = faulty.copy_volume(live(3, faults=0, writes=1), 1)
    return galera.commit(state, 0, alone=False)._replace(extras=frozenset(extras), faults=faults, writes=writes)


STARTS = {
    "first start": first_start(3, faults=3, writes=2),
    "after an outage": after_outage(3, faults=3, writes=1),
    "first start of two, and a third is added": first_start(2, faults=2, writes=1)._replace(grow=1),
    "a pod is gone": pod_gone(0, faults=2, writes=1, overrides_left=2),
    "pods beyond a fork come back": pods_found(2, {0, 1}, faults=3, writes=1, overrides_left=2),
    "a pod comes back to its fork": pods_found(0, {1}, faults=3, writes=1, overrides_left=2),
    "a pod that was forced is not understood by the others": forced_elsewhere(faults=2, writes=1),
    "a member was lost before the outage": power_cut(member_lost(3, {2}, faults=3, writes=1)),
    "a sole member that DNS shows nothing is scaled up": scaled_up("nothing", faults=3, writes=1),
    "a sole member that DNS shows only itself is scaled up": scaled_up("itself", faults=3, writes=1),
    "a member is lost": member_lost(3, {2}, faults=3, writes=2),
    "DNS shows too little, before the first start": first_start(3, faults=2, writes=1)._replace(
        extras=frozenset({"dns"})
    ),
    "DNS shows too little, after an outage": after_outage(3, faults=2, writes=1)._replace(extras=frozenset({"dns"})),
    "a pod is removed, and added again": live(3, faults=2, writes=1, shrink=1, grow=1),
    "agents of two releases": after_outage(3, faults=2, writes=1)._replace(
        extras=frozenset({"release"}), overrides_left=1
    ),
    "two members and an arbitrator": live(2, faults=3, writes=1, arbitrator=-1),
    "two members and an arbitrator that both have noticed": set_identity(
        live(2, faults=3, writes=1, arbitrator=-1), range(2), patience=Patience(dead_member=1)
    ),
    "three members and an arbitrator": live(3, faults=3, writes=1, arbitrator=-1),
    "data are adopted": adoptable(faults=2, writes=1),
    "pods with different floors": set_identity(after_outage(3, faults=2, writes=1), {0}, min_epoch=1),
    "one pod may be the last one out": set_identity(live(3, faults=3, writes=1), {1}, last_one_out=True),
    "pods with different replicas": set_identity(live(3, faults=3, writes=1), {0}, configured=frozenset({0})),
    "a volume is put back to an older state": with_older_copy("put back", faults=3, writes=1),
    "an older copy of the data is put on a new volume": with_older_copy("data", faults=3, writes=1),
    "two volumes are swapped": with_older_copy("swap", faults=3, writes=1),
}
"""Where explorations begin."""

LONG_WALKS = {
    f"{count} members, walks": after_outage(count, faults=7, writes=4)._replace(
        overrides_left=2, grow=1, shrink=1, extras=frozenset({"dns", "release"})
    )
    for count in (3, 4, 5)
} | {
    name: state._replace(faults=7, writes=4, extras=state.extras | {"dns", "release"})
    for name, state in STARTS.items()
    if not state.extras & {"put back", "data", "swap"}
}
"""Where walks begin: with nearly all that may happen."""
