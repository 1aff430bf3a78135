"""The promise: its table, and real agents that run against each other while everything goes wrong around them."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bootstrap.core.decision import decide, decisions, election, rules_full_outage
from bootstrap.core.decision.election import (
    TERMS_OF_AN_OVERRIDE,
    consider,
    find_unbound,
    has_ended,
    highest_term,
    is_ahead,
    next_override_epoch,
    override_of,
)
from bootstrap.core.model import predicates
from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.core.model.facts import Facts, Phase, PodState, Promise
from bootstrap.core.model.messages import Prepare, Refusal
from bootstrap.core.model.shapes import INT64_MAX, MAX_ORDINAL
from tests.support.bootstrap.fleet import Fleet
from tests.support.bootstrap.records import (
    A_TO_B,
    ASKED,
    NOT_ASKED,
    REFUSING,
    STRANGE,
    A,
    B,
    after,
    blank,
    busy,
    doubtful,
    examples,
    frozen,
    in_view,
    running,
    seen_by,
    with_override,
)

ASKED_FOR = Promise(3, 1, "run-1")


def prepare(asked: PodState, candidate: PodState, term: int = 3, **changes: Any) -> Prepare:
    disk = asked.disk or Disk(DataClass.EMPTY)
    asks = Prepare(Promise(term, candidate.ordinal, candidate.run_id), candidate, asked.run_id, disk)
    return asks._replace(**changes)


ME, CANDIDATE = frozen(0, 5), frozen(1, 9)
OTHER = Promise(2, 2, "run-2")
NEW = frozen(1, 1, uuid=B, lineage=(A_TO_B,))
NEW_ME = frozen(0, 1, uuid=B, lineage=(A_TO_B,))
OVERRIDING = with_override(CANDIDATE, 2, epoch=3)
"""An override gives galera-2 up."""
ADOPTING = with_override(blank(1, DataClass.UNADOPTED), epoch=3, adopt=True)

GIVEN: dict[str, tuple[Facts, Prepare]] = {
    "frozen, unbound, not ahead": (seen_by(ME, CANDIDATE, 2), prepare(ME, CANDIDATE)),
    "equal positions": (seen_by(frozen(0, 9), CANDIDATE, 2), prepare(frozen(0, 9), CANDIDATE)),
    "empty": (seen_by(blank(0), CANDIDATE, 2), prepare(blank(0), CANDIDATE)),
    "all empty": (seen_by(blank(0), blank(1), 2), prepare(blank(0), blank(1))),
    "asked again for the same": (
        seen_by(replace(ME, promise=ASKED_FOR), CANDIDATE, 2), prepare(replace(ME, promise=ASKED_FOR), CANDIDATE)),
    "bound to an earlier run of the candidate": (
        seen_by(replace(ME, promise=Promise(2, 1, "before")), CANDIDATE, 2),
        prepare(replace(ME, promise=Promise(2, 1, "before")), CANDIDATE)),
    "bound to a term that the candidate has given up": (
        seen_by(replace(ME, promise=Promise(2, 1, "run-1")), CANDIDATE, 2),
        prepare(replace(ME, promise=Promise(2, 1, "run-1")), replace(CANDIDATE, abandoned_term=2))),
    "my torn datadir is not ahead": (
        seen_by(doubtful(0, 9), CANDIDATE, 2), prepare(doubtful(0, 9), CANDIDATE)),
    "beyond the fork of the candidate's history": (
        seen_by(frozen(0, 99), NEW, 2), prepare(frozen(0, 99), NEW)),
    "an override names me although I am ahead": (
        seen_by(frozen(0, 10), OVERRIDING, 2),
        prepare(frozen(0, 10), with_override(CANDIDATE, 2, accepted_ahead=(0,), epoch=3))),
    "an override gives up the silent candidate that I am bound to": (
        seen_by(replace(ME, promise=OTHER), OVERRIDING, 2), prepare(replace(ME, promise=OTHER), OVERRIDING)),
    "all empty, although there is a floor": (
        replace(seen_by(blank(0), blank(1), 2), min_epoch=7), prepare(blank(0), blank(1))),
    "an override adopts data, and my datadir is empty": (
        seen_by(blank(0), ADOPTING, blank(2)), prepare(blank(0), ADOPTING)),
    "an override for data below the floor": (
        replace(seen_by(ME, OVERRIDING, 2), min_epoch=7), prepare(ME, OVERRIDING)),
}  # fmt: skip

REFUSED: dict[str, tuple[Facts, Prepare, str]] = {
    "my agent has restarted since": (
        seen_by(ME, CANDIDATE, 2), prepare(ME, CANDIDATE, run_id="before"), "since you decided"),
    "my datadir was read again since": (
        seen_by(ME, CANDIDATE, 2), prepare(ME, CANDIDATE, disk=Disk(DataClass.EMPTY)), "since you decided"),
    "my last view is another one since": (
        seen_by(in_view(ME, 0, 1), CANDIDATE, 2), prepare(in_view(ME, 0, 1, number=4), CANDIDATE), "since you decided"),
    **{
        f"I am {phase}": (seen_by(replace(ME, phase=phase), CANDIDATE, 2), prepare(ME, CANDIDATE), "not frozen")
        for phase in Phase if phase is not Phase.FROZEN
    },
    "bound to another pod": (
        seen_by(replace(ME, promise=OTHER), CANDIDATE, 2), prepare(ME, CANDIDATE), "term 2 is promised to ordinal 2"),
    "bound to myself": (
        seen_by(replace(ME, promise=Promise(2, 0, "run-0")), CANDIDATE, 2), prepare(ME, CANDIDATE), "to ordinal 0"),
    "bound to the candidate's earlier term, which is still open": (
        seen_by(replace(ME, promise=Promise(2, 1, "run-1")), CANDIDATE, 2), prepare(ME, CANDIDATE), "to ordinal 1"),
    "an old term": (seen_by(replace(ME, epoch=3), CANDIDATE, 2), prepare(ME, CANDIDATE), "not above 3"),
    "a term that I have given up": (
        seen_by(replace(ME, abandoned_term=4), CANDIDATE, 2), prepare(ME, CANDIDATE), "not above 4"),
    "a Primary lives": (seen_by(ME, CANDIDATE, running(2)), prepare(ME, CANDIDATE), "galera-2 is Primary"),
    "my datadir is ahead": (
        seen_by(frozen(0, 10), CANDIDATE, 2), prepare(frozen(0, 10), CANDIDATE), "ahead"),
    "my datadir is of another branch, with a lower number": (
        seen_by(after(ME, 3), CANDIDATE, 2), prepare(after(ME, 3), CANDIDATE), "another branch"),
    "my datadir has another history": (
        seen_by(frozen(0, 1, uuid=B), CANDIDATE, 2), prepare(frozen(0, 1, uuid=B), CANDIDATE), "ahead"),
    "my torn datadir may be ahead": (
        seen_by(doubtful(0, 10), CANDIDATE, 2), prepare(doubtful(0, 10), CANDIDATE), "ahead"),
    "I have data and the candidate has none": (seen_by(ME, blank(1), 2), prepare(ME, blank(1)), "ahead"),
    "my history was forked off the candidate's": (seen_by(NEW_ME, CANDIDATE, 2), prepare(NEW_ME, CANDIDATE), "ahead"),
    "the candidate is of my new history, and behind me in it": (
        seen_by(replace(NEW, ordinal=0), frozen(1, 0, uuid=B, lineage=(A_TO_B,)), 2),
        prepare(replace(NEW, ordinal=0), frozen(1, 0, uuid=B, lineage=(A_TO_B,))), "ahead"),
    "the candidate's data are below the floor": (
        replace(seen_by(ME, CANDIDATE, 2), min_epoch=7), prepare(ME, CANDIDATE), "below the floor"),
    "I reach the pod that an override gives up": (
        seen_by(ME, OVERRIDING, frozen(2)), prepare(ME, OVERRIDING), "galera-2 answers me"),
    "what an override calls unreachable refuses my key": (
        seen_by(ME, OVERRIDING, unknown={2: STRANGE}), prepare(ME, OVERRIDING),
        "something answers me at the address of galera-2 (it does not accept our key"),
    "I could not ask what an override gives up": (
        seen_by(ME, OVERRIDING, unknown={2: NOT_ASKED}), prepare(ME, OVERRIDING), "not asked galera-2 myself yet"),
    "an override does not name me, and I am ahead": (
        seen_by(frozen(0, 10), OVERRIDING, 2), prepare(frozen(0, 10), OVERRIDING), "does not name it"),
    "an override of another term": (
        seen_by(frozen(0, 10), OVERRIDING, 2), prepare(frozen(0, 10), OVERRIDING, term=4), "ahead of yours"),
    "an override does not end my promise to a pod that it does not name": (
        seen_by(replace(ME, promise=Promise(2, 3, "run-3")), OVERRIDING, 2),
        prepare(replace(ME, promise=Promise(2, 3, "run-3")), OVERRIDING), "to ordinal 3"),
    "data are to be adopted, and I have some": (
        seen_by(blank(0, DataClass.SST_INTERRUPTED), ADOPTING, 2),
        prepare(blank(0, DataClass.SST_INTERRUPTED), ADOPTING), "all other pods must be empty"),
    "an override beside a Primary": (
        seen_by(ME, OVERRIDING, running(3)), prepare(ME, OVERRIDING), "galera-3 is Primary"),
}  # fmt: skip


@pytest.mark.parametrize("case", GIVEN.values(), ids=GIVEN.keys())
def test_a_promise_is_given(case: tuple[Facts, Prepare]) -> None:
    facts, asked = case
    assert consider(asked, facts) == asked.promise


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_a_promise_is_refused(case: tuple[Facts, Prepare, str]) -> None:
    facts, asked, reason = case
    answer = consider(asked, facts)
    assert isinstance(answer, Refusal)
    assert reason in answer.reason


SIGNS: dict[str, tuple[PodState | None, bool]] = {
    "silence": (None, False),
    "the candidate is frozen in the run that asked": (CANDIDATE, False),
    "the candidate bootstraps": (busy(1, Phase.BOOTSTRAPPING), False),
    "the candidate's server is not Primary yet": (running(1, status="non-Primary", epoch=3), False),
    "the candidate is Primary in this term": (running(1, epoch=3), True),
    "the candidate is Primary in an older term": (running(1, epoch=2), False),
    "another pod is Primary in a later term": (running(2, epoch=4), True),
    "another pod is Primary in an older term": (running(2, epoch=2), False),
    "another pod has given up as many terms": (replace(frozen(2), abandoned_term=9, run_id="run-1"), False),
    "the candidate has given this term up": (replace(CANDIDATE, abandoned_term=3), True),
    "the candidate has given an older term up": (replace(CANDIDATE, abandoned_term=2), False),
    "a new run of the candidate, without a server": (replace(CANDIDATE, run_id="later"), True),
    "a new run of the candidate that has not read its datadir": (busy(1, Phase.STARTING, run_id="later"), True),
    "a new run of the candidate, with something alive": (busy(1, Phase.UNKNOWN, run_id="later"), False),
    "a new run of the candidate with its server running": (running(1, status="non-Primary", run_id="later"), False),
}


@pytest.mark.parametrize("case", SIGNS.values(), ids=SIGNS.keys())
def test_a_promise_ends_only_by_a_sign_of_its_candidate(case: tuple[PodState | None, bool]) -> None:
    sign, ends = case
    assert has_ended(ASKED_FOR, [sign] if sign else []) is ends


def test_the_highest_term_is_looked_for_everywhere() -> None:
    assert highest_term([]) == 0
    assert highest_term([replace(ME, epoch=4), replace(CANDIDATE, abandoned_term=3)]) == 4
    assert highest_term([replace(ME, epoch=1, abandoned_term=5), CANDIDATE]) == 5
    assert highest_term([ME, replace(CANDIDATE, promise=Promise(6, 2, "run-2"), epoch=2)]) == 6


def test_permission_takes_every_expected_pod_bound_and_frozen() -> None:
    bound = [replace(record, promise=ASKED_FOR) for record in (frozen(0), frozen(1), frozen(2))]
    assert find_unbound(seen_by(bound[1], bound[0], bound[2]), ASKED_FOR) == []
    assert find_unbound(seen_by(bound[1], bound[0], 2), ASKED_FOR) == [2]
    assert find_unbound(seen_by(bound[1], bound[0], frozen(2)), ASKED_FOR) == [2]
    assert find_unbound(seen_by(bound[1], replace(bound[0], promise=OTHER), bound[2]), ASKED_FOR) == [0]
    assert find_unbound(seen_by(bound[1], replace(bound[0], phase=Phase.JOINING), bound[2]), ASKED_FOR) == [0]
    assert find_unbound(seen_by(frozen(1), bound[0], bound[2]), ASKED_FOR) == [1]
    more = replace(bound[0], expected=frozenset({7}))
    assert find_unbound(seen_by(bound[1], more, bound[2]), ASKED_FOR) == [7]


def test_an_override_excuses_a_pod_that_it_names_only_while_that_pod_is_silent() -> None:
    mine = with_override(frozen(1), 2)
    assert mine.promise is not None
    bound = replace(frozen(0), promise=mine.promise)
    assert find_unbound(seen_by(mine, bound, 2), mine.promise) == []
    assert find_unbound(seen_by(mine, bound, unknown={2: REFUSING}), mine.promise) == []
    assert find_unbound(seen_by(mine, bound, frozen(2)), mine.promise) == [2]
    for not_silent in (STRANGE, NOT_ASKED):
        assert find_unbound(seen_by(mine, bound, unknown={2: not_silent}), mine.promise) == [2]
    # Nor does it excuse a silent pod that it does not name, nor in another term.
    assert find_unbound(seen_by(mine, 0, 2), mine.promise) == [0]
    other_term = mine.promise._replace(term=mine.promise.term + 1)
    assert find_unbound(seen_by(replace(mine, promise=other_term), 0, 2), other_term) == [0, 2]


def test_only_a_startable_disk_can_be_ahead() -> None:
    assert not is_ahead(blank(0, DataClass.SST_INTERRUPTED), blank(1))
    assert not is_ahead(frozen(0, 99, DataClass.SST_INTERRUPTED), frozen(1, 1))
    assert is_ahead(frozen(0, 1), frozen(1, 99, DataClass.SST_INTERRUPTED))
    assert is_ahead(frozen(0, 1, uuid=A), frozen(1, 99, uuid=B))


def test_a_disk_of_another_branch_is_ahead_also_if_its_state_transfer_is_in_doubt() -> None:
    torn = Disk(DataClass.SST_INTERRUPTED, Position(A, 9), transfer_may_be_complete=True)
    assert is_ahead(replace(ME, disk=torn), after(frozen(1, 10), 5))
    assert not is_ahead(replace(after(ME, 5), disk=torn), after(frozen(1, 10), 5))


ordinals, terms = st.integers(0, MAX_ORDINAL), st.integers(0, INT64_MAX)


def test_an_override_counts_for_its_own_term() -> None:
    assert override_of(prepare(ME, OVERRIDING)) == OVERRIDING.override
    assert override_of(prepare(ME, OVERRIDING, term=4)) is None
    assert override_of(prepare(ME, CANDIDATE)) is None


def test_a_fork_counts_whichever_pod_reports_it() -> None:
    forked = replace(NEW, lineage=())
    assert not is_ahead(ME, NEW)
    assert is_ahead(ME, forked)
    assert not is_ahead(ME, forked, [frozen(2, lineage=(A_TO_B,))])


def test_where_no_term_is_known_the_highest_is_none() -> None:
    assert highest_term([]) == highest_term([frozen(0), frozen(1)]) == 0


def test_the_last_override_has_room_for_all_attempts_after_it() -> None:
    block = TERMS_OF_AN_OVERRIDE * (MAX_ORDINAL + 1)
    last = INT64_MAX // block - 1
    assert next_override_epoch(last * block, 35) == (last + 1) * block + 35 * TERMS_OF_AN_OVERRIDE
    assert next_override_epoch(last * block, 36) is None


@given(ordinals, terms, ordinals, terms, st.integers(0, TERMS_OF_AN_OVERRIDE - 1))
@examples(300)
def test_an_override_shares_its_epoch_with_nothing_that_it_has_not_heard(
    one: int, heard: int, other: int, unheard: int, attempts: int
) -> None:
    """Neither with an override in another pod, nor with the attempts after that, whatever each of them knew."""
    mine, theirs = next_override_epoch(heard, one), next_override_epoch(unheard, other)
    assert mine is None or heard < mine <= INT64_MAX
    if mine is not None and theirs is not None and one != other:
        assert mine not in (theirs, theirs + attempts)


@given(ordinals, terms, st.integers(0, TERMS_OF_AN_OVERRIDE - 1))
@examples(100)
def test_a_second_override_in_a_pod_is_after_all_attempts_of_the_first(one: int, heard: int, attempts: int) -> None:
    first = next_override_epoch(heard, one)
    second = first and next_override_epoch(first + attempts, one)
    assert second is None or first is None or second - first >= TERMS_OF_AN_OVERRIDE


def test_the_terms_that_are_left_are_enough_for_the_last_override() -> None:
    last = next_override_epoch(9_223_370 * 10**12, 999)
    assert last is not None
    assert last + TERMS_OF_AN_OVERRIDE <= INT64_MAX
    assert next_override_epoch(INT64_MAX, 0) is None


pods = st.integers(0, 2)
lucks = st.lists(st.one_of(st.just(0), st.integers(0, 25)), max_size=20)


class Outage(RuleBasedStateMachine):
    """Three real agents; a rule is one thing that happens.  The fleet asserts what must hold when a server starts."""

    def __init__(self) -> None:
        super().__init__()
        self.fleet = Fleet()
        self.healthy = True

    @rule(pod=pods, luck=lucks)
    def proceed(self, pod: int, luck: list[int]) -> None:
        self.step(self.fleet.proceed, pod, luck)

    @rule(pod=pods, luck=lucks)
    def round(self, pod: int, luck: list[int]) -> None:
        self.step(self.fleet.round, pod, luck)

    @rule(pod=pods, luck=lucks)
    def anything(self, pod: int, luck: list[int]) -> None:
        self.fleet.luck.extend([1 + luck[0], *luck] if luck else [])
        self.step(lambda _: self.fleet.interlude(), pod, [])

    @rule(pod=pods, luck=lucks)
    def commit(self, pod: int, luck: list[int]) -> None:
        self.step(self.fleet.commit, pod, luck)

    @rule(pod=pods)
    def kill_server(self, pod: int) -> None:
        self.step(self.fleet.kill_server, pod, [])

    @rule(pod=pods)
    def kill_agent(self, pod: int) -> None:
        self.step(self.fleet.kill_agent, pod, [])

    @rule(pod=pods)
    def kill_both(self, pod: int) -> None:
        self.step(self.fleet.kill_pod, pod, [])

    @rule(pod=pods)
    def starter_leaves(self, pod: int) -> None:
        self.step(self.fleet.leave, pod, [])

    @rule(pod=pods)
    def isolate(self, pod: int) -> None:
        self.step(self.fleet.isolate, pod, [])

    @rule(pod=pods)
    def heal(self, pod: int) -> None:
        self.step(self.fleet.heal, pod, [])

    @rule()
    def a_late_request_arrives(self) -> None:
        self.step(lambda _: self.fleet.deliver(), 0, [])

    @rule()
    def power_cut(self) -> None:
        self.step(lambda _: self.fleet.power_cut(), 0, [])

    @rule()
    def recover(self) -> None:
        self.step(lambda _: self.fleet.recover(), 0, [])

    def step(self, happen: Any, pod: int, luck: list[int]) -> None:
        self.fleet.luck.extend(luck)
        self.healthy = False
        happen(self.fleet.pods[pod])
        self.fleet.luck.clear()
        self.healthy = True

    @invariant()
    def one_primary(self) -> None:
        self.fleet.check()

    def teardown(self) -> None:
        """Whatever has happened, with everything repaired the pods form one cluster again."""
        try:
            if self.healthy:
                self.fleet.recover()
        finally:
            self.fleet.close()


TestOutage = Outage.TestCase
TestOutage.settings = examples(40, stateful_step_count=40)


def wander(seed: int) -> None:
    """A long random walk, cheaper than hypothesis and not shrunk."""
    chance, fleet = random.Random(seed), Fleet()
    try:
        if chance.random() < 0.7:
            fleet.recover()
        for _ in range(chance.randrange(20, 120)):
            fleet.luck.clear()
            if chance.random() < 0.6:
                fleet.luck.extend(chance.choice([0, 0, 0, chance.randrange(20)]) for _ in range(chance.randrange(25)))
            steps = fleet.steps()
            if chance.random() < 0.03:
                fleet.power_cut()
            else:
                steps[chance.randrange(len(steps))](chance.choice(fleet.pods))
            fleet.check()
        fleet.recover()
    finally:
        fleet.close()


def wander_with_overrides(seed: int) -> tuple[int, int]:
    """A cluster that loses machines for good, humans who give overrides, and machines that come back after all.

    Returns how many servers were started by an override, and how many datadirs were discarded.
    """
    chance, fleet = random.Random(seed), Fleet()
    try:
        fleet.recover()
        for _ in range(chance.randrange(2, 7)):
            for _ in range(chance.randrange(1, 15)):
                chance.choice([fleet.commit, fleet.commit, fleet.stop_server, fleet.proceed])(chance.choice(fleet.pods))
                fleet.round(chance.choice(fleet.pods))
            fleet.power_cut()
            fleet.off.clear()
            for pod in chance.sample(fleet.pods, chance.choice([0, 1, 1, 1, 2])):
                fleet.lose(pod)
            for _ in range(chance.randrange(10, 50)):
                fleet.luck.clear()
                if chance.random() < 0.3:
                    fleet.luck.extend(
                        chance.choice([0, 0, 0, chance.randrange(20)]) for _ in range(chance.randrange(25))
                    )
                pod = chance.choice(fleet.pods)
                step = chance.choice(
                    [*[fleet.proceed] * 8, *[fleet.round] * 4, fleet.force, fleet.commit, fleet.kill_pod]
                )
                step(pod)
                fleet.check()
        fleet.luck.clear()
        fleet.recover()
        return fleet.forced, fleet.discarded
    finally:
        fleet.close()


def test_overrides_give_up_only_what_they_name_and_all_ends_in_one_cluster() -> None:
    ends = [wander_with_overrides(seed) for seed in range(160 if ASKED is None else int(ASKED))]
    assert sum(forced for forced, _ in ends) > 20
    assert sum(discarded for _, discarded in ends) > 3


def walk(seeds: range) -> None:
    for seed in seeds:
        wander(seed)


@pytest.mark.parametrize("part", range(4))
def test_long_walks_lose_nothing_and_end_in_one_cluster(part: int) -> None:
    first = part * 1_000_000
    walk(range(first, first + (60 if ASKED is None else int(ASKED))))


def wait_for_majority(facts: Facts) -> decisions.Wait | None:
    silent = [o for o in facts.expected - {facts.own.ordinal} if predicates.why_not_counted(facts.peer(o))]
    return decisions.Wait("majority", "too few") if 2 * len(silent) >= len(facts.expected) else None


PROOFS = {
    "no pod has to answer": None,
    "a majority has to answer": decisions.Rule("majority", "A majority has to answer.", wait_for_majority),
}


@pytest.mark.parametrize("proof", PROOFS.values(), ids=PROOFS.keys())
def test_the_walks_notice_a_broken_protocol(proof: decisions.Rule | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either line of defence alone holds; with the proof and the promises gone, the walks must find a split."""
    rules = [r for r in decide.RULES if r.answer is not rules_full_outage.require_all_heard] + (
        [proof] if proof else []
    )
    order = sorted(rules, key=lambda r: r.name == "most-advanced")
    monkeypatch.setattr(decide, "RULES", tuple(order))
    monkeypatch.setattr(election, "find_unbound", lambda _facts, _promise: [])
    with pytest.raises(AssertionError, match=r"bootstraps while|holds what|are gone|two Primary"):
        walk(range(400))
