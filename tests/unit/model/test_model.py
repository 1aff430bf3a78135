"""The rules of `decide` and `election` in all that can happen to a model cluster, and that each is needed."""

import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import islice
from types import ModuleType

import pytest

from bootstrap.agent import admin_requests
from bootstrap.core.decision import decide, election, override
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model import lineage
from bootstrap.core.model.disk import Position
from bootstrap.core.model.facts import Facts, Fork, PodState
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.participant import rounds
from tests.model.explore import Report, Turn, explore_deviations, walk_randomly
from tests.model.faults import isolate
from tests.model.starts import STARTS, run_until
from tests.model.state import State, after_outage
from tests.model.steps import steps
from tests.paths import ROOT

Patch = pytest.MonkeyPatch


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_one_thing_out_of_the_ordinary_anywhere_breaks_nothing(start: State) -> None:
    assert_kept(explore_deviations(start, 1, recover_each=199))


@pytest.mark.parametrize("start", list(STARTS.values())[:2], ids=list(STARTS)[:2])
def test_three_members_on_random_walks_break_nothing(start: State) -> None:
    assert_kept(walk_randomly(start, seed=1, walks=20, length=150))


def test_overrides_and_a_new_pod_on_random_walks_break_nothing() -> None:
    report = walk_randomly(
        after_outage(3, faults=6, writes=3)._replace(overrides_left=3, grow=1), seed=1, walks=20, length=300
    )
    assert_kept(report)
    assert report.forced, report


def test_five_members_on_random_walks_break_nothing() -> None:
    assert_kept(walk_randomly(after_outage(5, faults=4, writes=2), seed=1, walks=15, length=250))


def test_a_request_that_cannot_arrive_touches_no_file() -> None:
    """Else there would be no end to what may happen to the files of the pod that is asked."""
    state = run_until(Turn(after_outage(3, faults=9, writes=0)), lambda now: any(n.outbox for n in now.nodes)).state
    (asking,) = (node for node in state.nodes if node.outbox)
    found = [step.name for step in islice(steps(isolate(state, asking.ordinal)), 1000)]
    assert len(found) < 1000
    assert f"{asking.name} sends a request" in found
    assert not [name for name in found if name.startswith(f"{asking.name} sends a request, write")]


def assert_kept(report: Report) -> None:
    """No violation, and not because nothing happened."""
    assert not report.violation, report
    assert report.bootstraps, report
    assert report.recovered, report


def without_rule(name: str) -> Callable[[Patch], None]:
    """`decide` without one of its rules."""

    def mutate(patch: Patch) -> None:
        left = tuple(rule for rule in decide.RULES if rule.name != name)
        assert len(left) == len(decide.RULES) - 1
        patch.setattr(decide, "RULES", left)

    return mutate


def without_line(module: ModuleType, function: str, line: str) -> Callable[[Patch], None]:
    """A function without an `if` and the return below it."""

    def mutate(patch: Patch) -> None:
        source = inspect.getsource(getattr(module, function)).splitlines()
        (place,) = (number for number, text in enumerate(source) if text.strip().startswith(line))
        names = dict(vars(module))
        exec("\n".join(source[:place] + source[place + 2 :]), names)
        patch.setattr(module, function, names[function])

    return mutate


ENDLESS = 10**9


def reaching(limit: Callable[[dict[str, int], str], int | None]) -> Callable[[Patch], None]:
    """Another answer to how far a history contains one that it was forked from."""

    def reach(forks: Iterable[Fork], now: Position, uuid: str) -> int | None:
        limits = {fork.parent: fork.seqno for fork in lineage.ancestry(forks, now.uuid)}
        return now.seqno if now.uuid == uuid else limit(limits, uuid)

    return lambda patch: patch.setattr(lineage, "reach", reach)


def forks_of_the_first(pods: Iterable[PodState]) -> tuple[Fork, ...]:
    return next((pod.lineage for pod in pods), ())


def looking_at_no_data(patch: Patch) -> None:
    """Neither the survey nor the pods that are asked for a promise look at data; either alone is enough."""
    patch.setattr(override, "may_be_ahead", lambda *_: False)
    patch.setattr(election, "is_ahead", lambda *_: False)


def nobody_new(state: PersistentState, *_: object) -> PersistentState:
    return state


def no_objection(facts: Facts) -> str:
    return "" if facts.own.disk else "not read yet"


def any_answer_is_silence(patch: Patch) -> None:
    patch.setattr(Unknown, "is_silent", property(lambda _: True))


NEEDED = {
    "an answer that is not understood is silence": any_answer_is_silence,
    "no rule for a replaced volume": without_rule("replaced-volume"),
    "no rule to join": without_rule("join"),
    "no rule to stop a server that is stuck": without_rule("stuck-server"),
    "a permission without promises": lambda patch: patch.setattr(election, "find_unbound", lambda *_: []),
    "a promise never ends": lambda patch: patch.setattr(election, "has_ended", lambda *_: False),
    "a promise does not bind": lambda patch: patch.setattr(election, "has_ended", lambda *_: True),
    "a member remembers none of those that ask": lambda patch: patch.setattr(
        rounds, "remember", lambda state, *_: state
    ),
    "a fork contains all of its parent": reaching(lambda limits, uuid: ENDLESS if uuid in limits else None),
    "any history contains any other": reaching(lambda limits, uuid: limits.get(uuid, ENDLESS)),
    "only a pod's own forks count": lambda patch: patch.setattr(lineage, "forks_known_to", forks_of_the_first),
    "an override looks at no other data": looking_at_no_data,
    "a datadir is discarded where no cluster lives": lambda patch: patch.setattr(
        admin_requests, "why_not_discardable", no_objection
    ),
}
"""What must be noticed with one deviation when it is taken away."""


@pytest.mark.parametrize("mutate", NEEDED.values(), ids=NEEDED)
def test_each_of_these_is_needed(monkeypatch: Patch, mutate: Callable[[Patch], None]) -> None:
    mutate(monkeypatch)

    # The small ones first; some only keep a cluster from recovering, which is tried from every so many states.
    starts = [*list(STARTS.values())[2:], *list(STARTS.values())[:2]]
    assert any(explore_deviations(start, 1, recover_each=97).violation for start in starts)


def test_a_seed_names_the_same_walk_in_every_process() -> None:
    """Else a violation that was found could not be made again."""
    code = (
        "import random; from tests.model.explore import choose; from tests.model.starts import LONG_WALKS\n"
        "luck, state = random.Random(3), LONG_WALKS['3 members, walks']\n"
        "for _ in range(1200): step = choose(luck, state); state = step.do(state); print(step.name)"
    )
    found = {
        subprocess.run(
            (sys.executable, "-c", code),
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1
