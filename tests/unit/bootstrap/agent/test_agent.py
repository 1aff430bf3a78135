"""The agent's mind, one rule at a time; its behaviour in bad company is in test_election."""

import itertools
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bootstrap.agent.agent import Agent
from bootstrap.agent.promises import abandon, answer_prepare, bind
from bootstrap.agent.round import find_checkpoint, observe, run_round
from bootstrap.agent.starters import arrive, leave, report, take
from bootstrap.core.decision.decisions import Hold, Join, Stop, Wait
from bootstrap.core.decision.streaks import DEAD_MEMBER_ROUNDS, STUCK_ALONE_ROUNDS, STUCK_ROUNDS
from bootstrap.core.model.disk import DataClass, Disk, Position, View, ViewCheckpoint
from bootstrap.core.model.facts import Phase, Promise, Server, Unknown
from bootstrap.core.model.lifecycle import Action
from bootstrap.core.model.messages import Prepare, Refusal
from bootstrap.process import boot_id
from bootstrap.storage import permission
from bootstrap.storage.journal import Journal
from tests.support.bootstrap.fleet import Fleet, Pod, Turns
from tests.support.bootstrap.records import A, frozen


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    made = Fleet()
    yield made
    made.close()


def agent_of(pod: Pod) -> Agent:
    assert pod.agent is not None
    return pod.agent


def waiting(fleet: Fleet, *logs: int) -> None:
    """All pods crashed with so many commits on their disks, and have reported."""
    for pod, length in zip(fleet.pods, logs, strict=True):
        pod.log, pod.data_class = list(range(length)), DataClass.CRASHED if length else DataClass.EMPTY
        fleet.begin(pod)
        fleet.report(pod)


def rounds(fleet: Fleet, count: int = 3) -> None:
    for _ in range(count):
        for pod in fleet.pods:
            fleet.round(pod)


def alive(fleet: Fleet) -> list[Pod]:
    """A cluster of all pods."""
    fleet.recover()
    rounds(fleet, 2)
    return fleet.pods


def rounds_of(fleet: Fleet, pod: Pod, count: int) -> None:
    for _ in range(count):
        fleet.round(pod)


def die(fleet: Fleet, *pods: Pod) -> None:
    """Their servers are killed, and starters have reported what is left."""
    for pod in pods:
        fleet.kill_server(pod)
        fleet.begin(pod)
        fleet.report(pod)


def restart(fleet: Fleet, pod: Pod) -> Agent:
    fleet.kill_agent(pod)
    fleet.restart_agent(pod)
    return agent_of(pod)


# Promises and permission.


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
    shutil.rmtree(full.persistence.journal.path.parent)
    full.persistence.journal.path.parent.touch()  # a volume on which nothing can be written
    rounds(fleet)
    assert full.durable.promise is None
    assert agent_of(fleet.pods[1]).result.action is None
    assert "cannot be written" in agent_of(fleet.pods[1]).result.decision.reason + str(fleet.pods[1].said)


def test_who_cannot_write_does_not_stand_for_election(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    full = agent_of(fleet.pods[1])
    shutil.rmtree(full.persistence.journal.path.parent)
    full.persistence.journal.path.parent.touch()
    rounds(fleet)
    assert isinstance(full.result.decision, Hold)
    assert full.result.decision.rule == "journal"
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
    assert agent_of(fleet.pods[2]).durable.promise == Promise(term, 1, winner.boot_id)


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
    boot_id, disk = agent_of(asked).boot_id, agent_of(asked).lifecycle.disk
    assert disk is not None
    bind(agent_of(winner), Promise(6, 1, old.boot_id), agent_of(winner).durable)
    abandon(agent_of(winner), "refused")
    fleet.kill_pod(winner)
    fleet.proceed(winner)
    fleet.begin(winner)
    fleet.report(winner)
    rounds(fleet)
    bound = agent_of(asked).durable.promise
    assert bound is not None
    late = Prepare(Promise(6, 1, old.boot_id), old, boot_id, disk)
    assert isinstance(answer_prepare(agent_of(asked), late), Refusal)
    assert agent_of(asked).durable.promise == bound


# Taking.


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
    assert fleet.started == {2: {pod}}


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
    agent.ports = replace(agent.ports, lock_is_free=lambda: False)
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

    agent.ports = replace(agent.ports, lock_is_free=probe)
    run_round(agent)
    arrival.join()
    assert agent.lifecycle.phase is Phase.FROZEN
    assert agent.durable.promise == term is not None
    assert agent.result.action is Action.BOOTSTRAP


def test_the_next_starter_may_have_the_lock_before_the_end_of_the_last_one_is_noticed(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    agent = agent_of(fleet.pods[1])
    agent.ports = replace(agent.ports, lock_is_free=lambda: False)
    leave(agent, agent.starter)
    assert agent.lifecycle.phase is Phase.FROZEN
    assert agent.lifecycle.disk is not None
    arrive(agent)
    assert agent.lifecycle.phase is Phase.FROZEN


def test_a_candidate_that_is_refused_is_bound_no_longer_and_one_that_asks_is(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    candidate = agent_of(fleet.pods[1])
    fleet.round(fleet.pods[1])
    assert (candidate.result.word, candidate.result.promise) == ("wait", Promise(1, 1, candidate.boot_id))
    other = agent_of(fleet.pods[0])
    third = Promise(7, 2, agent_of(fleet.pods[2]).boot_id)
    other.persistence.state = replace(other.durable, promise=third, highest_term=7)
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


# Joining.


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
    agent.ports = replace(agent.ports, sync_volume=lambda: "no space left")
    fleet.execute(pod)
    fleet.up(pod)
    rounds(fleet)
    assert agent.pod_state().joining
    assert "no space left" in str(pod.said)


def test_a_disk_that_stays_full_is_told_once_and_once_that_it_is_not_any_more(fleet: Fleet) -> None:
    pod = join(fleet)
    agent = agent_of(pod)
    fleet.execute(pod)
    meta = agent.persistence.journal.path.parent
    kept = meta.rename(meta.with_name("kept"))
    meta.touch()  # nothing can be written
    fleet.up(pod)
    rounds(fleet, 10)
    assert agent.pod_state().joining
    assert sum("cannot be written" in line for line in pod.said) == 1
    agent.ports = replace(agent.ports, sync_volume=lambda: "no space left")
    rounds(fleet, 10)
    assert sum("no space left" in line for line in pod.said) == 1
    agent.ports = replace(agent.ports, sync_volume=str)
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


# What is remembered.


def test_a_member_remembers_epoch_history_and_the_others_volumes(fleet: Fleet) -> None:
    pods = alive(fleet)
    for pod in pods:
        memory = agent_of(pod).durable
        assert memory.epoch == max(fleet.started)
        assert memory.history_uuid
        others = [(p.ordinal, agent_of(p).durable.volume_id) for p in pods if p is not pod]
        assert memory.volumes == tuple(others)


def test_the_epoch_is_known_even_if_the_agent_restarts_before_it_has_seen_its_own_server(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    rounds(fleet)
    pod = fleet.pods[1]
    fleet.take(pod)
    fleet.execute(pod)
    again = restart(fleet, pod)
    assert again.pod_state().phase is Phase.UNKNOWN
    fleet.up(pod)
    fleet.round(pod)
    assert again.durable.epoch == 1
    rounds(fleet)
    assert agent_of(fleet.pods[0]).durable.promise is None


def test_an_ordinal_that_was_only_heard_of_is_awaited_and_not_told_on(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    agent = agent_of(fleet.pods[0])
    agent.peers = {1: frozen(1, expected=frozenset({0, 1, 2, 5})), 2: Unknown("silent")}
    assert agent.expected() == {0, 1, 2, 5}
    assert agent.pod_state().expected == {0, 1, 2}


# Volumes that are not usable.


def test_a_damaged_journal_holds_and_promises_nothing_until_it_is_repaired(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    rounds(fleet, 1)
    pod = fleet.pods[1]
    path = agent_of(pod).persistence.journal.path
    good = path.read_bytes()
    fleet.kill_pod(pod)
    path.write_bytes(good[:20])
    fleet.proceed(pod)
    fleet.begin(pod)
    fleet.report(pod)
    rounds(fleet)
    agent = agent_of(pod)
    assert isinstance(agent.result.decision, Hold)
    assert "damaged" in agent.result.decision.reason
    disk = Disk(DataClass.EMPTY)
    assert isinstance(answer_prepare(agent, Prepare(Promise(9, 0, "b"), frozen(0), agent.boot_id, disk)), Refusal)
    assert path.read_bytes() == good[:20]
    path.write_bytes(good)
    fleet.recover()


def test_a_volume_of_another_cluster_is_left_alone(fleet: Fleet) -> None:
    pod = fleet.pods[0]
    fleet.kill_pod(pod)
    pod.agent = Agent(pod.settings, "another cluster", fleet.world(pod))
    fleet.begin(pod)
    fleet.report(pod)
    before = pod.agent.persistence.journal.path.read_bytes()
    fleet.round(pod)
    assert isinstance(pod.agent.result.decision, Hold)
    assert "attach the right one" in pod.agent.result.decision.reason
    assert pod.agent.persistence.journal.path.read_bytes() == before


def test_something_that_lives_on_the_volume_and_cannot_be_asked_is_unknown(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    pod = fleet.pods[2]
    fleet.kill_pod(pod)
    pod.server = "transferring"  # the scripts of a state transfer outlive their server
    fleet.restart_agent(pod)
    rounds(fleet)
    assert agent_of(pod).pod_state().phase is Phase.UNKNOWN
    assert all(agent_of(p).result.action is None for p in fleet.pods)


# Servers outside a Primary Component.


def test_a_server_that_was_left_alone_is_stopped_after_a_while_and_not_at_once(fleet: Fleet) -> None:
    pods = alive(fleet)
    die(fleet, *pods[:2])
    last = pods[2]
    assert last.server == "non-Primary"
    rounds_of(fleet, last, STUCK_ALONE_ROUNDS - 1)
    assert isinstance(agent_of(last).result.decision, Stop)
    assert last.server == "non-Primary"
    fleet.round(last)
    assert last.server == ""
    fleet.recover()


def test_a_server_that_another_one_might_find_again_is_given_longer(fleet: Fleet) -> None:
    pods = alive(fleet)
    left = [pod for pod in pods if pod is not pods[0]]
    die(fleet, pods[0])
    for pod in left:
        pod.server = "non-Primary"
    fleet.round(left[1])
    rounds_of(fleet, left[0], STUCK_ROUNDS - 1)
    assert isinstance(agent_of(left[0]).result.decision, Stop)
    assert left[0].server == "non-Primary"
    fleet.round(left[0])
    assert left[0].server == ""


def test_a_server_that_has_left_its_group_for_good_is_stopped_sooner(fleet: Fleet) -> None:
    pod = alive(fleet)[2]
    agent = agent_of(pod)
    lost = replace(servers_of(agent), cluster_status="Disconnected")
    stopped: list[bool] = []

    def stop() -> str:
        stopped.append(True)
        return ""

    agent.ports = replace(agent.ports, server_status=lambda: lost, stop_server=stop)
    rounds_of(fleet, pod, STUCK_ALONE_ROUNDS - 1)
    assert stopped == []
    fleet.round(pod)
    assert stopped == [True]


def servers_of(agent: Agent) -> Server:
    server = agent.pod_state().server
    assert server is not None
    return server


def test_a_promise_that_cannot_be_ended_on_the_disk_makes_no_haste(fleet: Fleet) -> None:
    """The next round comes to the same end: without a rest between them they would never end."""
    waiting(fleet, 3, 9, 5)
    rounds(fleet)
    winner, agent = fleet.pods[1], agent_of(fleet.pods[0])
    assert agent.durable.promise is not None
    fleet.take(winner)
    fleet.execute(winner)
    fleet.up(winner)
    rounds_of(fleet, winner, 2)
    shutil.rmtree(agent.persistence.journal.path.parent)
    agent.persistence.journal.path.parent.touch()
    fleet.round(fleet.pods[0])
    assert agent.durable.promise is not None
    agent.wake.clear()
    noted = len(agent.recorder.log)
    rounds_of(fleet, fleet.pods[0], 3)
    assert not agent.wake.is_set()
    assert len(agent.recorder.log) == noted


def test_a_primary_that_does_not_lose_its_quorum_is_joined_in_the_end(fleet: Fleet) -> None:
    pods = alive(fleet)
    die(fleet, *pods[:2])
    kept, asked = agent_of(pods[2]), agent_of(pods[0])
    primary = replace(kept.pod_state(), server=replace(servers_of(kept), size=3))
    assert primary.primary_server is not None
    told = {"galera-2": primary, "galera-1": agent_of(pods[1]).pod_state()}
    asked.ports = replace(asked.ports, ask_states=lambda names: {name: told[name] for name in names})
    rounds_of(fleet, pods[0], DEAD_MEMBER_ROUNDS)
    assert asked.result.decision.rule == "quorum"
    rounds_of(fleet, pods[0], 3)
    assert isinstance(asked.result.decision, Join)


# What others wait for.


def test_what_others_wait_for_is_told_in_a_word(fleet: Fleet) -> None:
    assert agent_of(fleet.pods[1]).news() == ""
    waiting(fleet, 3, 9, 5)
    assert agent_of(fleet.pods[1]).news() == "frozen"


def test_a_winner_is_told_to_be_primary_when_its_record_ends_the_promises(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    rounds(fleet)
    winner = fleet.pods[1]
    agent = agent_of(winner)
    assert not agent.is_bootstrapping()
    fleet.take(winner)
    fleet.execute(winner)
    assert (agent.is_bootstrapping(), agent.news()) == (True, "")

    fleet.up(winner)
    observe(agent)
    assert agent.pod_state().primary_server is not None
    assert (agent.is_bootstrapping(), agent.news()) == (False, "")  # its record binds the others still
    agent.wake.clear()
    fleet.round(winner)
    assert agent.news() == "primary"
    assert agent.wake.is_set()


def test_news_wake_a_frozen_pod_once(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    agent = agent_of(fleet.pods[0])

    def woken(sender: str, state: str) -> bool:
        agent.wake.clear()
        agent.receive_news(sender, state)
        return agent.wake.is_set()

    assert woken("galera-1/b", "frozen")
    assert not woken("galera-1/b", "frozen")
    assert woken("galera-2/c", "frozen")
    assert not woken("galera-1/b", "")
    assert woken("galera-1/b", "primary")
    assert woken("galera-1/another life", "primary")
    assert not woken("galera-1/another life", "anything else")


def test_a_pod_with_a_server_is_not_hurried(fleet: Fleet) -> None:
    """How long it is stuck, or has a member too many, is counted in rounds: nobody may make them shorter."""
    agent = agent_of(alive(fleet)[0])
    agent.wake.clear()
    agent.receive_news("galera-1/b", "frozen")
    assert not agent.wake.is_set()


def test_a_verdict_is_logged_when_it_changes_and_not_in_every_round(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    fleet.isolate(fleet.pods[2])
    rounds(fleet, 10)
    lines = [line for line in fleet.pods[0].said if "waiting for" in line]
    assert len(lines) == len(set(lines)) <= 2


# The first commits of all, before anybody has joined.


def founded_and_lost(fleet: Fleet, *, seen: bool) -> None:
    """The first pod has acknowledged a commit alone and is gone with its volume; did the others see it Primary?"""
    creator = fleet.pods[0]
    waiting(fleet, 0, 0, 0)
    fleet.round(creator)
    fleet.round(creator)
    for step in (fleet.take, fleet.execute, fleet.up, fleet.round, fleet.commit):
        step(creator)
    assert fleet.acknowledged
    if seen:
        rounds(fleet, 1)
    fleet.power_cut()
    shutil.rmtree(creator.settings.data_root / "meta")
    creator.log, creator.data_class = [], DataClass.EMPTY
    for pod in fleet.pods:
        fleet.restart_agent(pod)
        fleet.begin(pod)
        fleet.report(pod)
    rounds(fleet)


@pytest.mark.parametrize("seen", [True, False])
def test_the_first_commits_are_missed_although_nobody_has_joined_before_they_were_lost(
    fleet: Fleet, *, seen: bool
) -> None:
    founded_and_lost(fleet, seen=seen)
    for pod in fleet.pods:
        decision = agent_of(pod).result.decision
        assert isinstance(decision, Hold), decision
        assert decision.rule == "all-empty"
        assert "galera-0" in decision.reason


# Marks of views.


def view(number: int) -> View:
    return View("gcomm-0", "gcomm-0", number, bootstrap=False, members=("gcomm-0",))


def test_a_member_marks_how_far_it_has_come_in_its_view_once(fleet: Fleet) -> None:
    pod = alive(fleet)[0]
    pod.views, pod.applied = itertools.repeat(view(3)), Position(A, 7)
    rounds(fleet)
    mark = ViewCheckpoint("gcomm-0:3", Position(A, 7))
    assert restart(fleet, pod).pod_state().view_checkpoint == mark

    pod.applied = Position(A, 8)
    rounds(fleet)
    assert agent_of(pod).durable.view_checkpoint == mark
    pod.views = itertools.repeat(view(4))
    rounds(fleet)
    assert agent_of(pod).durable.view_checkpoint == ViewCheckpoint("gcomm-0:4", Position(A, 8))


def test_a_view_that_changes_meanwhile_is_not_marked(fleet: Fleet) -> None:
    pod = alive(fleet)[0]
    pod.views, pod.applied = (view(number) for number in itertools.count()), Position(A, 7)
    rounds(fleet)
    assert agent_of(pod).durable.view_checkpoint is None


def test_a_server_that_lags_marks_nothing(fleet: Fleet) -> None:
    pod = alive(fleet)[0]
    pod.views = itertools.repeat(view(3))
    rounds(fleet)
    assert agent_of(pod).durable.view_checkpoint is None


@pytest.mark.parametrize("state", ["outside", "joining"])
def test_only_a_member_marks_a_view(fleet: Fleet, state: str) -> None:
    pod = alive(fleet)[0]
    pod.views, pod.applied = itertools.repeat(view(3)), Position(A, 7)
    if state == "outside":
        pod.server = "non-Primary"
    else:
        agent_of(pod).persistence.state = replace(agent_of(pod).durable, joining_boot_id="a join is open")
    observe(agent_of(pod))
    assert find_checkpoint(agent_of(pod)) is None


# What a server leaves behind that was stopped outside of a Primary Component.


def left_alone(fleet: Fleet) -> Pod:
    """The first pod's server lives outside, the others are dead, and it has been stopped for that."""
    first, *others = alive(fleet)
    first.views = itertools.repeat(view(3))
    for pod in others:
        fleet.kill_server(pod)
    for _ in range(STUCK_ROUNDS + 2):
        for pod in others:
            fleet.begin(pod)
            fleet.report(pod)
        rounds(fleet, 1)
    assert first.server == ""
    return first


def test_the_view_of_a_server_that_was_stopped_outside_is_kept_until_the_next_start(fleet: Fleet) -> None:
    first = left_alone(fleet)
    again = restart(fleet, first)
    fleet.begin(first)
    fleet.report(first)
    found = again.pod_state().disk
    assert found is not None
    assert found.view == view(3)

    fleet.recover()
    assert agent_of(first).durable.lost_view is None


@pytest.mark.parametrize("change", [[], [99]], ids=["older ones", "those of another view that it was in by then"])
def test_other_data_are_not_taken_for_what_that_server_has_left(fleet: Fleet, change: list[int]) -> None:
    first = left_alone(fleet)
    first.log = [*first.log, *change] if change else first.log[:-1]
    fleet.begin(first)
    fleet.report(first)
    found = agent_of(first).pod_state().disk
    assert found is not None
    assert found.view is None
