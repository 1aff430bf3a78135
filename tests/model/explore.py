"""Go through the states: all runs with a few deviations, or at random; and find the trace to a violation."""

import gc
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from bootstrap.core.decision.streaks import Patience
from bootstrap.core.model.disk import DataClass
from tests.model import agents, galera, humans, starters
from tests.model.faults import ask_next, begin_round
from tests.model.galera import InvariantError
from tests.model.inputs import MEMORY, ROUNDS
from tests.model.state import Node, State
from tests.model.steps import Step, good_steps, is_coming_up, steps

BAD_LUCK = 0.1
"""How often a random walk takes any step, faults among them."""

PATIENCE = 400
"""Steps of each pod within which all must be Primary again, once nothing goes wrong any more."""


@dataclass
class Report:
    """The result of an exploration."""

    states: int = 0
    """Different states; of random walks, steps."""
    depth: int = 0
    bootstraps: int = 0
    """How many steps were bootstraps: a model in which nothing starts proves nothing."""
    forced: int = 0
    """How many bootstraps were by an override."""
    recovered: int = 0
    """From how many states all pods became Primary again by themselves."""
    violation: str = ""
    trace: tuple[str, ...] = field(default=())

    def count(self, before: State, after: State) -> None:
        """Count this step if it was a bootstrap."""
        if len(after.started) > len(before.started):
            self.bootstraps += 1
            self.forced += any(bool(n.forking) for n in after.nodes if n.server == "bootstrapping")

    def __str__(self) -> str:
        bootstraps = f"{self.bootstraps} bootstraps ({self.forced} forced)"
        line = f"{self.states} states, depth {self.depth}, {bootstraps}, {self.recovered} recoveries"
        return "\n  ".join((line, *self.trace, self.violation)) if self.violation else line


class Turn(NamedTuple):
    """The position of the scheduler, which lets one pod after the other go on."""

    state: State
    ordinal: int = 0
    began: bool = False
    """This pod has had its round in this turn."""
    deviations: int = 0
    """How often something else may still happen."""


@contextmanager
def without_collector() -> Iterator[None]:
    """No value here is part of a circle, and the collector would look at millions of states again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@without_collector()
@MEMORY.use()
def explore_deviations(first: State, deviations: int, *, recover_each: int = 499) -> Report:
    """All runs of the well-behaved scheduler with so many deviations from it, wherever they fall.

    A deviation is any other step: a fault, or something that happens earlier than in its turn.  So executions of any
    length are covered, as long as few things are out of the ordinary (delay-bounded scheduling, Emmi et al., 2011).
    """
    report = Report(depth=deviations)
    start = Turn(first, deviations=deviations)
    came: dict[Turn, tuple[Turn, str] | None] = {start: None}
    queue = deque([start])
    while queue:
        turn = queue.popleft()
        for name, step in next_turns(turn):
            try:
                after = step()
                check(after.state)
                if len(came) % recover_each == 0 and after not in came:
                    report.recovered += recovers(after.state)
            except InvariantError as exc:
                report.violation, report.states = str(exc), len(came)
                report.trace = (*trace_to(came, turn), name)
                return report
            if after not in came:
                came[after] = (turn, name)
                queue.append(after)
                report.count(turn.state, after.state)
    report.states = len(came)
    return report


def next_turns(turn: Turn) -> Iterator[tuple[str, Callable[[], Turn]]]:
    """The scheduler's own next step, and all others while deviations are left."""
    state, ordinal = turn.state, turn.ordinal
    due = due_step(state, state.nodes[ordinal], began=turn.began)
    if due is None:
        yield "", lambda: turn._replace(ordinal=(ordinal + 1) % len(state.nodes), began=False)
    else:
        what, step = due
        began = turn.began or step is begin_round
        yield f"{state.nodes[ordinal].name} {what}", lambda: turn._replace(state=step(state, ordinal), began=began)
    if turn.deviations:
        for other in steps(state):
            yield f"* {other.name}", partial(deviate, turn, other)


def deviate(turn: Turn, step: Step) -> Turn:
    """Let something else happen."""
    return turn._replace(state=step.do(turn.state), deviations=turn.deviations - 1)


def due_step(state: State, node: Node, *, began: bool) -> tuple[str, Callable[[State, int], State]] | None:
    """What this pod does next while nothing goes wrong; None when it has nothing to do in this turn."""
    if node.is_away or not state.may_run(node.ordinal):
        return None
    seeking = node.server in ("joining", "transferring")
    if seeking and not galera.donors(state, node.ordinal):
        return "server finds no member and ends", galera.kill
    if began and node.asking is None and not node.outbox:
        return None if not (found := next_move(state, node)) else found
    found = next_move(state, node)
    return found or ("begins a round", begin_round)


def next_move(state: State, node: Node) -> tuple[str, Callable[[State, int], State]] | None:
    """What this pod does before its next round."""
    if starters.is_missing(node):
        return "starter reports", starters.arrive
    if node.outbox:
        return "sends a request", agents.send
    if node.asking is not None:
        return "asks on", ask_next
    if node.agent.orders.pending:
        return "puts its datadir aside", starters.put_aside
    if node.taken is not None:
        return "becomes the server", galera.execute
    if starters.can_take(node):
        return "takes its permission", starters.take
    if is_coming_up(state, node):
        return "server comes up", galera.come_up
    if galera.has_view_to_write(state, node):
        return "writes its view", galera.write_view
    if node.server == "Primary" and node.log != state.components[node.component].log:
        return "catches up", galera.catch_up
    return None


@MEMORY.use()
def walk_randomly(first: State, seed: int, walks: int, length: int) -> Report:
    """Walk by a seed; progress is more likely than a fault."""
    luck, report = random.Random(seed), Report(depth=length)
    for _ in range(walks):
        state, trace = first, []
        for _ in range(length):
            step = choose(luck, state)
            trace.append(step.name)
            try:
                after = step.do(state)
                check(after)
            except InvariantError as exc:
                report.violation, report.trace = str(exc), tuple(trace)
                return report
            report.states += 1
            report.count(state, after)
            state = after
        try:
            report.recovered += recovers(state)
        except InvariantError as exc:
            report.violation, report.trace = str(exc), tuple(trace)
            return report
    return report


def choose(luck: random.Random, state: State) -> Step:
    """Choose a step, mostly progress."""
    good = list(good_steps(state)) if luck.random() >= BAD_LUCK else []
    return luck.choice(good or list(steps(state)))


def trace_to(came: Mapping[Turn, tuple[Turn, str] | None], turn: Turn) -> tuple[str, ...]:
    """The steps that led to a state."""
    names: list[str] = []
    while (before := came[turn]) is not None:
        turn, name = before
        names.append(name)
    return tuple(name for name in reversed(names) if name)


def check(state: State) -> None:
    """Check what must hold in every state."""
    primaries = {n.component for n in state.nodes if n.server == "Primary"}
    if len(primaries) > 1:
        raise InvariantError("two Primary Components")


def recovers(state: State) -> bool:
    """Whether all pods become Primary again by themselves (I5); False if a human is needed.  Raises InvariantError.

    Pods that were removed may be needed again: then a human brings them back.
    """
    well = tuple(make_well(node) for node in state.nodes)
    state = galera.regroup(state._replace(nodes=well, isolated=frozenset(), late=(), faults=0, writes=0))
    turn = go_on(Turn(state))
    if not is_well(turn.state) and len(turn.state.present) < len(turn.state.nodes):
        back = turn.state._replace(nodes=tuple(node._replace(is_away=False) for node in turn.state.nodes))
        turn = go_on(Turn(back))
    if is_well(turn.state):
        component = turn.state.components[turn.state.nodes[min(turn.state.present)].component]
        if gone := turn.state.acknowledged - set(component.log):
            raise InvariantError(f"the acknowledged commits {sorted(gone)} are gone")
        return True
    rules = {n.agent.result.decision.rule for n in turn.state.nodes}
    if any(node.data is DataClass.UNADOPTED for node in turn.state.nodes):
        return False
    if state.lost or rules & {"doubtful-transfer", "no-candidate", "epoch-floor"}:
        return False
    if state.joined_unseen and rules & {"other-branch", "two-branches"}:
        return False
    raise InvariantError(f"does not recover by itself: {sorted(rules)}, {[n.server for n in turn.state.nodes]}")


def make_well(node: Node) -> Node:
    """The pod with a server that answers, a DNS that shows all, a container of the common release, and enough time."""
    if node.release:
        node = agents.restart(node._replace(release=0))
    identity = node.agent.identity._replace(patience=Patience(dead_member=ROUNDS - 1))
    return node._replace(dns="all", is_told=True, is_mute=False, agent=node.agent._replace(identity=identity))


def is_well(state: State) -> bool:
    """Whether all pods are Primary."""
    return all(node.server == "Primary" for node in state.nodes if not node.is_away)


def go_on(turn: Turn) -> Turn:
    """The first state in which all is well, when nothing goes wrong any more; or a late one."""
    for _ in range(PATIENCE * len(turn.state.nodes)):
        if is_well(turn.state):
            break
        turn = next(next_turns(turn))[1]()
        if turn.state.overrides_given:
            turn = turn._replace(state=humans.discard_where_held(turn.state, turn.ordinal))
        check(turn.state)
    return turn
