"""After an override: pods that die before their journal knows what their disk holds, or are bound elsewhere."""

import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bootstrap.agent import admin_requests
from bootstrap.agent.agent import Agent
from bootstrap.control.override_messages import RequestOverride
from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap, Hold, Join, Wait
from bootstrap.core.decision.election import consider
from bootstrap.core.decision.override import survey_pods
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.decision.streaks import DEAD_MEMBER_ROUNDS
from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.core.model.facts import Facts, Fork, Phase, PodState, Promise
from bootstrap.core.model.messages import Prepare, Refusal
from bootstrap.core.participant.orders import OverrideState
from bootstrap.core.participant.promises import abandon, bind
from bootstrap.core.status.place import Place
from bootstrap.core.status.steps import find_steps
from bootstrap.errors import JournalUnwritableError
from tests.support.bootstrap.agents import agent_of, alive, restart, rounds, rounds_of, waiting
from tests.support.bootstrap.fleet import Fleet, Pod
from tests.support.bootstrap.records import (
    A_TO_B,
    SILENT,
    STRANGE,
    A,
    B,
    C,
    blank,
    busy,
    frozen,
    running,
    seen_by,
    with_override,
)

CRASHED = DataClass.CRASHED

JOINER = frozen(0, 7, CRASHED, uuid=B, epoch=1, joining=True)
"""Its full transfer of the new history had ended, and it was killed before that was in its journal."""
MEMBER = frozen(1, 7, CRASHED, uuid=B, epoch=4, lineage=(A_TO_B,))
OLD = frozen(2, 5, epoch=1)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    made = Fleet()
    yield made
    made.close()


def ask(asked: Facts, candidate: Facts, term: int = 9) -> Promise | Refusal:
    """A request of this candidate, as it knows itself, to a pod that knows these facts."""
    promise = Promise(term, candidate.own.ordinal, candidate.own.run_id)
    return consider(Prepare(promise, candidate.own, asked.own.run_id, asked.own.disk or Disk(CRASHED)), asked)


# A joiner whose journal does not know the history on its disk yet.


BEHIND = replace(MEMBER, disk=Disk(CRASHED, Position(B, 6)))
"""The same member with one commit less than the joiner has: with as many, it would start itself (R23)."""


def test_a_pod_that_does_not_know_the_origin_of_its_history_may_still_start_it() -> None:
    candidate, old = seen_by(JOINER, BEHIND, OLD), seen_by(OLD, JOINER, BEHIND)
    assert isinstance(decide(candidate), Bootstrap)
    assert ask(old, candidate) == Promise(9, 0, "run-0")


def test_no_pod_promises_against_its_data_when_no_pod_knows_of_a_fork() -> None:
    unaware = replace(MEMBER, lineage=())
    answer = ask(seen_by(OLD, JOINER, unaware), seen_by(JOINER, unaware, OLD))
    assert isinstance(answer, Refusal)
    assert "ahead" in answer.reason


def test_a_joiner_has_the_epoch_of_the_members_that_it_joined() -> None:
    candidate = replace(seen_by(JOINER, BEHIND, OLD), min_epoch=4)
    assert isinstance(decide(candidate), Bootstrap)
    assert ask(replace(seen_by(OLD, JOINER, BEHIND), min_epoch=4), candidate) == Promise(9, 0, "run-0")


@pytest.mark.parametrize("best", [replace(JOINER, joining=False), replace(JOINER, epoch=3)])
def test_no_other_pod_has_it(best: PodState) -> None:
    member = replace(MEMBER, epoch=3 if best.joining else 4)
    facts = replace(seen_by(best, replace(member, disk=Disk(CRASHED, Position(B, 6))), OLD), min_epoch=4)
    assert isinstance(decide(facts), Hold)
    assert isinstance(ask(replace(seen_by(OLD, best, member), min_epoch=4), facts), Refusal)


def test_data_of_a_history_whose_origin_another_pod_knows_are_not_ahead() -> None:
    assert survey_pods(seen_by(JOINER, MEMBER, OLD)).ahead == frozenset()
    assert survey_pods(seen_by(JOINER, replace(MEMBER, lineage=()), OLD)).ahead == {2}


def test_a_pod_that_may_join_remembers_the_origin_of_that_history(fleet: Fleet) -> None:
    """Its journal is written again only once it is Synced, and it may be the only one that is left by then."""
    first, second, third = alive(fleet)
    fleet.power_cut()
    fleet.lose(third)
    force(fleet, first)
    for step in (fleet.take, fleet.execute, fleet.up, fleet.round, fleet.round):
        step(first)
    for step in (fleet.restart_agent, fleet.begin, fleet.report, fleet.round, fleet.round, fleet.take):
        step(second)
    assert agent_of(second).durable.joining_boot_id
    assert agent_of(second).durable.lineage == agent_of(first).durable.lineage != ()


def force(fleet: Fleet, pod: Pod) -> None:
    """The override is accepted, and all pods that answer have promised."""
    for other in fleet.pods:
        fleet.restart_agent(other)
        fleet.begin(other)
        fleet.report(other)
    rounds(fleet, 2)
    fleet.force(pod)
    assert fleet.overrides_given
    rounds(fleet, 2)


# A promise to a pod that is gone, beside a cluster that a human has started without both.


BOUND = frozen(2, 5, promise=Promise(5, 0, "run-0"))


def test_a_pod_that_is_bound_to_a_lost_pod_holds_beside_an_older_primary() -> None:
    decision = decide(seen_by(BOUND, 0, running(1, epoch=4, size=1)))
    assert isinstance(decision, Hold)
    assert decision.rule == "promised"
    assert "discard" in decision.reason


@pytest.mark.parametrize(
    "facts",
    [seen_by(BOUND, 0, frozen(1)), seen_by(BOUND, busy(0, frozen(0).phase), running(1, epoch=4, size=1))],
    ids=["no Primary is known", "the candidate answers"],
)
def test_otherwise_it_waits(facts: Facts) -> None:
    assert isinstance(decide(facts), Wait)


def test_a_discard_frees_it_of_its_promise(fleet: Fleet) -> None:
    first, second, third = alive(fleet)
    fleet.kill_pod(third)
    fleet.lose(third)
    fleet.find(third)
    fleet.restart_agent(third)
    agent_of(third).step(bind, Promise(99, 0, "an-agent-that-is-gone"), agent_of(third).durable)
    fleet.kill_agent(first)
    for step in (fleet.begin, fleet.report, fleet.round):
        step(third)
    fleet.discard(third)
    assert not agent_of(third).state.orders.pending  # of two members, only one is heard
    rounds_of(fleet, third, DEAD_MEMBER_ROUNDS)
    fleet.discard(third)
    assert agent_of(third).state.orders.pending == "discard"
    assert agent_of(third).durable.promise is None
    assert restart(fleet, third).durable.promise is None
    for step in (fleet.begin, fleet.report, fleet.round, fleet.round):
        step(third)
    assert isinstance(agent_of(third).result.decision, Join)
    assert second.server == "Primary"


# Which pods an override asks for a promise, and which ones it gives up.


def test_no_pod_promises_for_an_override_before_it_has_itself_asked_the_pods_that_are_given_up() -> None:
    candidate = seen_by(with_override(frozen(1, 9), 2), frozen(0, 5), 2)
    assert ask(seen_by(frozen(0, 5), candidate.own, 2), candidate) == Promise(9, 1, "run-1")
    answer = ask(seen_by(frozen(0, 5), candidate.own), candidate)
    assert isinstance(answer, Refusal)
    assert "galera-2" in answer.reason


def test_no_override_is_accepted_against_a_pod_that_was_not_asked_yet() -> None:
    new_pod = frozen(1, expected=frozenset({0, 1, 2, 3}))
    found = survey_pods(seen_by(frozen(0), new_pod, 2))
    assert "galera-3 is not known to be silent (not asked yet)" in found.refusal
    assert survey_pods(seen_by(frozen(0), new_pod, 2, 3)).refusal == ""


def test_the_survey_shows_every_volume_that_is_gone() -> None:
    member = frozen(0, volumes=((1, "volume-1"), (2, "before")))
    found = survey_pods(seen_by(member, blank(1, was_synced=True), blank(2)))
    lines = dict(found.lines)
    assert "what it held is gone" in lines["galera-1"]
    assert "what it held is gone" in lines["galera-2"]
    assert found.data_lost == {1, 2}


def test_an_abandoned_override_is_not_used_again_when_the_journal_could_not_be_written(fleet: Fleet) -> None:
    first, _, third = alive(fleet)
    fleet.power_cut()
    fleet.lose(third)
    force(fleet, first)
    agent = agent_of(first)
    assert agent.pod_state().override
    shutil.rmtree(agent.journal.path.parent)
    agent.journal.path.parent.touch()
    agent.step(abandon, "for a reason")
    assert agent.durable.promise is not None  # it could not be removed
    assert not agent.pod_state().override


# A pod that answers, and is not understood.


def order_force(pod: Pod) -> str:
    """Give the override that the survey shows; returns why it was refused."""
    agent = agent_of(pod)
    survey = admin_requests.request_override(agent, RequestOverride()).survey
    assert survey is not None
    request = RequestOverride(survey.epoch, frozenset(survey.unreachable), frozenset(survey.ahead))
    return admin_requests.request_override(agent, request).refusal


def test_a_member_that_restarts_with_another_key_forces_nothing_beside_its_cluster(fleet: Fleet) -> None:
    """The agents' key was rotated in the wrong order: the other two live on, and both sides refuse each other."""
    first, second, third = alive(fleet)
    fleet.instead = {(a, b): STRANGE for a in range(3) for b in range(3) if 2 in (a, b) and a != b}
    fleet.kill_pod(third)
    for step in (fleet.restart_agent, fleet.begin, fleet.report, fleet.round, fleet.round):
        step(third)
    assert isinstance(agent_of(third).result.decision, Wait)
    steps = find_steps(agent_of(third).facts(), agent_of(third).result.decision, Place("db", "galera", "galera"))
    assert any("galera-0 answers, but" in step.text for step in steps)
    assert "galera-bootstrap" not in str(steps)
    assert order_force(third).startswith("galera-0 answers, but it does not accept our key")
    assert "galera-0 answers, but" in admin_requests.discard(agent_of(third), delete=False).refusal
    assert agent_of(third).durable.override is None
    fleet.check()
    assert first.server == second.server == "Primary"


def test_a_pod_promises_nothing_while_a_pod_that_is_given_up_answers_it_with_another_key(fleet: Fleet) -> None:
    """The forcing pod is cut off from a live member, and the asked pod is not, but does not understand it."""
    first, second, third = alive(fleet)
    for pod in (first, second):
        fleet.kill_pod(pod)
        for step in (fleet.restart_agent, fleet.begin, fleet.report):
            step(pod)
    fleet.instead = {(0, 2): SILENT, (2, 0): SILENT, (1, 2): STRANGE, (2, 1): STRANGE}
    rounds(fleet, 2)
    assert order_force(first) == ""
    rounds(fleet, 2)
    outcome = agent_of(first).state.orders.outcome
    assert outcome.state is OverrideState.VOID
    assert "refused by galera-1: something answers me at the address of galera-2" in outcome.line
    assert third.server
    assert not fleet.forced


# What is written when a history has changed.


def test_the_members_of_an_old_history_are_forgotten_with_it_and_not_later(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, third = alive(fleet)
    old = agent_of(first).durable
    fleet.power_cut()
    fleet.lose(third)
    force(fleet, first)
    written: list[PersistentState] = []
    agent = agent_of(first)
    write = agent.journal.write

    def write_and_watch(memory: PersistentState, **changes: object) -> PersistentState:
        written.append(write(memory, **changes))
        return written[-1]

    monkeypatch.setattr(agent.journal, "write", write_and_watch)
    for step in (fleet.take, fleet.execute, fleet.up, fleet.round, fleet.round):
        step(first)
    changed = [memory for memory in written if memory.history_uuid != old.history_uuid]
    assert changed
    assert all(2 not in dict(memory.volumes) for memory in changed)


def test_the_history_on_a_disk_is_remembered_as_soon_as_it_can_be_written(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, third = alive(fleet)
    fleet.power_cut()
    fleet.lose(third)
    force(fleet, first)
    for step in (fleet.take, fleet.execute, fleet.up, fleet.kill_pod, fleet.restart_agent, fleet.begin):
        step(first)
    agent = agent_of(first)
    assert agent.durable.pending_history == first.uuid != agent.durable.history_uuid
    with monkeypatch.context() as full:
        full.setattr(agent.journal, "write", refuse_to_write)
        fleet.report(first)
    fleet.round(first)
    assert agent.durable.lineage[-1].uuid == agent.durable.history_uuid == first.uuid


def refuse_to_write(*_: object, **__: object) -> PersistentState:
    raise JournalUnwritableError("full")


# Volumes that only an interrupted joiner remembers.


def test_a_member_whose_volume_only_an_interrupted_joiner_remembers_is_missed() -> None:
    """The oldest disk has never seen it; the joiner was permitted to join because that disk held everything."""
    oldest, emptied = frozen(0, 5, volumes=((2, "volume-2"),)), blank(1)
    joiner = blank(2, DataClass.SST_INTERRUPTED, joining=True, volumes=((1, "before"),))
    decision = decide(seen_by(oldest, emptied, joiner))
    assert isinstance(decision, Hold)
    assert decision.rule == "replaced-volume"
    unchanged = replace(joiner, volumes=((1, "volume-1"),))
    assert isinstance(decide(seen_by(oldest, emptied, unchanged)), Bootstrap)


def test_a_fork_of_another_history_proves_nothing() -> None:
    pending = replace(MEMBER, lineage=(Fork(A, 5, 4, C),), disk=Disk(CRASHED, Position(B, 7)))
    assert isinstance(decide(seen_by(JOINER, pending, OLD)), Hold)


# A datadir of another history that is put in the place of one whose fork is pending.


def test_a_history_from_elsewhere_is_not_taken_for_the_one_that_was_permitted(fleet: Fleet) -> None:
    """The forced server never came up, and a human has put another datadir there: no pod may join its history."""
    first, second, third = alive(fleet)
    fleet.power_cut()
    fleet.lose(third)
    force(fleet, first)
    for step in (fleet.take, fleet.execute):
        step(first)
    permitted = first.forking
    assert agent_of(first).durable.pending_history == permitted != ""
    fleet.kill_pod(first)
    first.uuid, first.base, first.log, first.data_class = C, 0, [901, 902, 903], CRASHED
    fleet.find(third)
    for pod in fleet.pods:
        for step in (fleet.restart_agent, fleet.begin, fleet.report):
            step(pod)
    rounds(fleet, 3)
    assert agent_of(first).durable.pending_history == permitted
    assert {pod.agent.result.decision.rule for pod in fleet.pods if pod.agent} == {"two-histories"}
    # Nor if a server with these data should live.
    stranger = running(0, 4, uuid=C, size=1, lineage=agent_of(first).durable.lineage)
    assert isinstance(decide(seen_by(agent_of(second).pod_state(), stranger, 2)), Hold)


def test_the_history_that_was_permitted_is_known_by_its_own_uuid(fleet: Fleet) -> None:
    """Its server was Primary, and ended before its agent saw that."""
    first, _, third = alive(fleet)
    fleet.power_cut()
    fleet.lose(third)
    force(fleet, first)
    for step in (fleet.take, fleet.execute, fleet.up, fleet.kill_pod, fleet.restart_agent, fleet.begin, fleet.report):
        step(first)
    durable = agent_of(first).durable
    assert (durable.history_uuid, durable.pending_history) == (first.uuid, "")
    assert durable.lineage[-1].uuid == first.uuid


def test_a_forced_start_without_a_new_history_is_over_and_can_be_ordered_again(fleet: Fleet) -> None:
    first, _, third = alive(fleet)
    fleet.power_cut()
    fleet.lose(third)
    force(fleet, first)
    for step in (fleet.take, fleet.execute, fleet.kill_server, fleet.round, fleet.begin, fleet.report):
        step(first)
    outcome = agent_of(first).state.orders.outcome
    assert (outcome.state, outcome.line) == (OverrideState.VOID, "the server ended before it was Primary")
    abandoned = agent_of(first).durable.pending_history
    rounds(fleet, 2)
    assert order_force(first) == ""
    rounds(fleet, 3)
    for step in (fleet.take, fleet.execute, fleet.up, fleet.round, fleet.round):
        step(first)
    durable = agent_of(first).durable
    assert durable.history_uuid == first.uuid != abandoned
    assert [fork.uuid for fork in durable.lineage] == [first.uuid]


# The next starter takes over while an override is pending.


def end_starter_after_override(fleet: Fleet) -> tuple[Pod, Agent]:
    """Give an override without the pod that does not answer; then end the starter."""
    waiting(fleet, 5, 9, 9)
    fleet.isolated = {fleet.pods[2]}
    rounds(fleet)
    pod = fleet.pods[1]
    agent = agent_of(pod)
    survey = admin_requests.request_override(agent, RequestOverride()).survey
    assert survey is not None
    request = RequestOverride(survey.epoch, frozenset(survey.unreachable), frozenset(survey.ahead))
    assert admin_requests.request_override(agent, request).refusal == ""
    assert agent.state.active_override is not None
    fleet.leave(pod)
    return pod, agent


def test_an_override_waits_while_the_next_starter_has_the_lock_and_has_not_said_hello(fleet: Fleet) -> None:
    pod, agent = end_starter_after_override(fleet)
    pod.starter = -1  # the lock is taken, and the agent does not know it yet
    fleet.round(pod)
    assert agent.pod_state().phase is Phase.UNKNOWN

    fleet.begin(pod)
    fleet.round(pod)
    fleet.report(pod)
    rounds(fleet)
    assert isinstance(agent.result.decision, Bootstrap)
    assert agent.result.decision.forced


def test_an_override_is_void_when_the_next_starter_finds_something_else(fleet: Fleet) -> None:
    pod, agent = end_starter_after_override(fleet)
    pod.log.append(99)
    fleet.begin(pod)
    fleet.report(pod)
    rounds(fleet)
    assert agent.state.active_override is None
