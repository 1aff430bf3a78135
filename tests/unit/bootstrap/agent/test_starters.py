"""What a starter gets from its agent: a permission, once; and what a join leaves in the journal."""

import threading

import pytest

from bootstrap.agent.agent import Agent
from bootstrap.agent.round import run_round
from bootstrap.agent.starters import arrive, leave, report, take
from bootstrap.core.decision.decisions import Join, Wait
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import DataClass, Disk
from bootstrap.core.model.facts import Phase, Promise
from bootstrap.process import boot_id
from bootstrap.storage import permission
from bootstrap.storage.journal import Journal
from tests.support.bootstrap.agents import agent_of, alive, remember, rounds, waiting
from tests.support.bootstrap.fleet import Fleet, Pod, Turns


def test_a_permission_is_given_by_a_round_that_began_after_it_was_asked_for(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    rounds(fleet)
    winner = agent_of(fleet.pods[1])
    winner.changed = Turns(lambda: None)  # no round comes
    assert take(winner, winner.starter, 0).action is None
    winner.changed = Turns(lambda: fleet.round(fleet.pods[1]))
    assert take(winner, winner.starter, 0).action is Action.BOOTSTRAP
    assert winner.lifecycle.phase is Phase.BOOTSTRAPPING


def test_a_permission_is_given_once(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    rounds(fleet)
    winner = agent_of(fleet.pods[1])
    assert take(winner, winner.starter, 0).action is Action.BOOTSTRAP
    permission.consume(winner.settings.permission, 1)
    assert take(winner, winner.starter, 0).action is None
    rounds(fleet)
    assert not winner.settings.permission.exists()


def test_a_permission_that_nobody_used_does_not_stand_in_the_way_of_the_next(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    rounds(fleet)
    pod = fleet.pods[1]
    fleet.take(pod)
    fleet.leave(pod)  # killed before it consumed the file
    fleet.recover()
    assert fleet.started == {2}


def test_the_end_of_an_earlier_starter_does_not_unseat_the_next_one(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    agent = agent_of(fleet.pods[1])
    first = agent.starter
    second = arrive(agent)
    report(agent, second, fleet.disk(fleet.pods[1], agent), "fingerprint")
    leave(agent, first)  # its connection was found broken only now
    assert agent.lifecycle.phase is Phase.FROZEN
    rounds(fleet)
    assert take(agent, first, 0).action is None
    assert take(agent, second, 0).action is Action.BOOTSTRAP


def between_starters(fleet: Fleet) -> Agent:
    """A candidate whose `on-start` has ended; `start` holds the lock and has not said hello."""
    waiting(fleet, 3, 9, 5)
    rounds(fleet)
    agent = agent_of(fleet.pods[1])
    fleet.leave(fleet.pods[1])
    agent.ports = agent.ports._replace(lock_is_free=lambda: False)
    agent.changed = threading.Condition(threading.RLock())  # one that waits
    return agent


def test_a_starter_that_is_about_to_say_hello_costs_no_candidacy(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.agent.round.HELLO_S", 60)
    agent = between_starters(fleet)
    term = agent.durable.promise
    arrival = threading.Thread(target=arrive, args=[agent])

    def probe() -> bool:
        if not arrival.ident:
            arrival.start()
        return False

    agent.ports = agent.ports._replace(lock_is_free=probe)
    run_round(agent)
    arrival.join()
    assert agent.lifecycle.phase is Phase.FROZEN
    assert agent.durable.promise == term is not None
    assert agent.result.action is Action.BOOTSTRAP


def test_the_next_starter_may_have_the_lock_before_the_end_of_the_last_one_is_noticed(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    agent = agent_of(fleet.pods[1])
    agent.ports = agent.ports._replace(lock_is_free=lambda: False)
    leave(agent, agent.starter)
    assert agent.lifecycle.phase is Phase.FROZEN
    assert agent.lifecycle.disk is not None
    arrive(agent)
    assert agent.lifecycle.phase is Phase.FROZEN


def test_a_candidate_that_is_refused_is_bound_no_longer_and_one_that_asks_is(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    candidate = agent_of(fleet.pods[1])
    fleet.round(fleet.pods[1])
    assert (candidate.result.word, candidate.result.promise) == ("wait", Promise(1, 1, candidate.run_id))
    other = agent_of(fleet.pods[0])
    third = Promise(7, 2, agent_of(fleet.pods[2]).run_id)
    remember(other, promise=third, highest_term=7)
    fleet.round(fleet.pods[1])
    assert "refused" in str(fleet.pods[1].said)
    assert candidate.durable.promise is None
    assert (candidate.result.word, candidate.result.promise) == ("wait", None)


def test_who_holds_the_lock_and_says_nothing_ends_the_freeze(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.agent.round.HELLO_S", 0.05)
    agent = between_starters(fleet)
    run_round(agent)
    assert agent.lifecycle.phase is Phase.UNKNOWN
    assert agent.lifecycle.disk is None


def test_a_report_of_an_earlier_starter_is_not_taken(fleet: Fleet) -> None:
    agent = agent_of(fleet.pods[0])
    first = arrive(agent)
    arrive(agent)
    report(agent, first, Disk(DataClass.EMPTY), "fingerprint")
    assert agent.lifecycle.phase is Phase.RECOVERING


def test_a_new_report_voids_the_verdict_that_was_found_before_it(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    rounds(fleet)
    agent = agent_of(fleet.pods[1])
    report(agent, agent.starter, Disk(DataClass.EMPTY), "other")
    assert agent.result.action is None
    assert isinstance(agent.result.decision, Wait)


def join(fleet: Fleet) -> Pod:
    """A pod that was killed and has taken the permission to join the others."""
    pod = alive(fleet)[2]
    fleet.kill_server(pod)
    rounds(fleet, 1)
    fleet.begin(pod)
    fleet.report(pod)
    fleet.take(pod)
    assert pod.verdict is not None
    assert isinstance(pod.verdict.decision, Join)
    return pod


def test_a_join_is_marked_durably_before_it_is_executed(fleet: Fleet) -> None:
    pod = join(fleet)
    stored = Journal(pod.settings.data_root / "meta").read()
    assert stored is not None
    assert stored.joining_boot_id == boot_id.kernel_boot_id()
    assert agent_of(pod).pod_state().joining


def test_the_mark_is_removed_at_synced(fleet: Fleet) -> None:
    pod = join(fleet)
    fleet.execute(pod)
    rounds(fleet, 1)
    assert agent_of(pod).pod_state().joining
    fleet.up(pod)
    rounds(fleet, 1)
    assert not agent_of(pod).pod_state().joining


def test_the_mark_stays_while_the_transfer_is_not_durable(fleet: Fleet) -> None:
    pod = join(fleet)
    agent = agent_of(pod)
    agent.ports = agent.ports._replace(sync_volume=lambda: "no space left")
    fleet.execute(pod)
    fleet.up(pod)
    rounds(fleet)
    assert agent.pod_state().joining
    assert "no space left" in str(pod.said)


def test_a_disk_that_stays_full_is_told_once_and_once_that_it_is_not_any_more(fleet: Fleet) -> None:
    pod = join(fleet)
    agent = agent_of(pod)
    fleet.execute(pod)
    meta = agent.journal.path.parent
    kept = meta.rename(meta.with_name("kept"))
    meta.touch()  # nothing can be written
    fleet.up(pod)
    rounds(fleet, 10)
    assert agent.pod_state().joining
    assert sum("cannot be written" in line for line in pod.said) == 1
    agent.ports = agent.ports._replace(sync_volume=lambda: "no space left")
    rounds(fleet, 10)
    assert sum("no space left" in line for line in pod.said) == 1
    agent.ports = agent.ports._replace(sync_volume=str)
    meta.unlink()
    kept.rename(meta)
    rounds(fleet, 3)
    assert not agent.pod_state().joining
    assert sum(": solved" in line for line in pod.said) == 2


def test_a_winners_disk_carries_no_old_mark(fleet: Fleet) -> None:
    pod = join(fleet)
    assert agent_of(pod).durable.joining_boot_id
    fleet.kill_pod(pod)
    for other in fleet.pods:
        fleet.kill_pod(other)
        fleet.restart_agent(other)
    waiting(fleet, 3, 3, 9)
    rounds(fleet)
    assert agent_of(pod).durable.joining_boot_id
    fleet.take(pod)
    assert pod.verdict is not None
    assert pod.verdict.action is Action.BOOTSTRAP
    assert not agent_of(pod).durable.joining_boot_id
