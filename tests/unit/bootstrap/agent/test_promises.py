"""Promises and permissions of one agent among others; the rules alone are in core/decision/test_election.py."""

import shutil

from bootstrap.core.decision.decisions import Hold
from bootstrap.core.model.action import Action
from bootstrap.core.model.facts import Promise
from bootstrap.core.model.messages import Prepare, Refusal
from bootstrap.core.model.unknown import Unknown
from bootstrap.core.participant.promises import abandon, bind
from tests.support.bootstrap.agents import agent_of, restart, rounds, waiting
from tests.support.bootstrap.fleet import Fleet


def test_nothing_is_permitted_before_everybody_has_promised(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    winner = agent_of(fleet.pods[1])
    fleet.round(fleet.pods[1])
    assert winner.result.word == "wait"
    assert not winner.settings.permission.exists()
    assert all(agent_of(pod).durable.promise == winner.durable.promise for pod in fleet.pods)
    fleet.round(fleet.pods[1])
    assert winner.result.word == "bootstrap"
    assert winner.settings.permission.exists()


def test_only_the_most_advanced_pod_is_permitted(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    rounds(fleet)
    assert [agent_of(pod).result.action for pod in fleet.pods] == [None, Action.BOOTSTRAP, None]


def test_a_promise_survives_the_agent_that_gave_it(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    fleet.round(fleet.pods[1])
    given = agent_of(fleet.pods[0]).durable.promise
    again = restart(fleet, fleet.pods[0])
    assert again.durable.promise == given
    assert again.pod_state().promise == given


def test_a_promise_that_cannot_be_made_durable_is_not_given(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    full = agent_of(fleet.pods[0])
    shutil.rmtree(full.journal.path.parent)
    full.journal.path.parent.touch()  # a volume on which nothing can be written
    rounds(fleet)
    assert full.durable.promise is None
    assert agent_of(fleet.pods[1]).result.action is None
    assert "cannot be written" in agent_of(fleet.pods[1]).result.decision.reason + str(fleet.pods[1].said)


def test_who_cannot_write_does_not_stand_for_election(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    full = agent_of(fleet.pods[1])
    shutil.rmtree(full.journal.path.parent)
    full.journal.path.parent.touch()
    rounds(fleet)
    assert isinstance(full.result.decision, Hold)
    assert "cannot be written" in full.result.decision.reason
    assert full.durable.promise is None


def test_an_agents_restart_takes_its_permission_back(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    rounds(fleet)
    path = fleet.pods[1].settings.permission
    assert path.exists()
    again = restart(fleet, fleet.pods[1])
    assert not path.exists()
    assert again.result.action is None


def test_a_candidate_that_loses_sight_of_a_pod_gives_its_term_up_and_the_others_are_free(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    rounds(fleet)
    winner = agent_of(fleet.pods[1])
    term = winner.durable.promise.term if winner.durable.promise else 0
    fleet.isolate(fleet.pods[2])
    rounds(fleet)
    assert winner.lifecycle.abandoned_term == term > 0
    assert not winner.settings.permission.exists()
    assert agent_of(fleet.pods[0]).durable.promise is None
    assert agent_of(fleet.pods[2]).durable.promise == Promise(term, 1, winner.run_id)


def test_no_term_is_used_twice_whatever_is_forgotten(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    fleet.round(fleet.pods[1])
    first = agent_of(fleet.pods[1]).durable.promise
    assert first is not None
    fleet.kill_pod(fleet.pods[1])
    fleet.proceed(fleet.pods[1])
    rounds(fleet)
    assert agent_of(fleet.pods[1]).durable.promise is None
    fleet.begin(fleet.pods[1])
    fleet.report(fleet.pods[1])
    fleet.round(fleet.pods[1])
    second = agent_of(fleet.pods[1]).durable.promise
    assert second is not None
    assert second.term > first.term


def test_a_late_request_of_an_earlier_life_frees_nobody(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    asked, winner = fleet.pods[0], fleet.pods[1]
    old = agent_of(winner).pod_state()
    run_id, disk = agent_of(asked).run_id, agent_of(asked).lifecycle.disk
    assert disk is not None
    agent_of(winner).step(bind, Promise(6, 1, old.run_id), agent_of(winner).durable)
    agent_of(winner).step(abandon, "refused")
    fleet.kill_pod(winner)
    fleet.proceed(winner)
    fleet.begin(winner)
    fleet.report(winner)
    rounds(fleet)
    bound = agent_of(asked).durable.promise
    assert bound is not None
    late = Prepare(Promise(6, 1, old.run_id), old, run_id, disk)
    assert isinstance(agent_of(asked).answer_prepare(late), Refusal)
    assert agent_of(asked).durable.promise == bound


def test_a_request_for_a_promise_that_fails_at_once_makes_no_haste(fleet: Fleet) -> None:
    """A peer may answer for its state and fail at this request: the next round would fail at once, too."""
    waiting(fleet, 3, 9, 5)
    candidate = agent_of(fleet.pods[1])
    candidate.ports = candidate.ports._replace(
        ask_promises=lambda requests: {pod: Unknown("it answers 400") for pod in requests}
    )
    candidate.wake.clear()
    fleet.round(fleet.pods[1])
    assert candidate.result.promise is not None
    assert not candidate.wake.is_set()
