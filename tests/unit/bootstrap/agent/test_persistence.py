"""What an agent remembers of its cluster, and what it does on a volume that cannot be used."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.agent.agent import Agent
from bootstrap.core.decision.decisions import Hold
from bootstrap.core.model.codec import decode, encode
from bootstrap.core.model.disk import DataClass, Disk
from bootstrap.core.model.facts import Phase, PodState, Promise
from bootstrap.core.model.messages import Prepare, Refusal
from bootstrap.storage.journal import Journal, open_journal
from tests.support.bootstrap.agents import agent_of, alive, restart, rounds, waiting
from tests.support.bootstrap.fleet import Fleet
from tests.support.bootstrap.records import SILENT, frozen


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
    answers = (1, frozen(1, expected=frozenset({0, 1, 2, 5}))), (2, SILENT)
    agent.state = agent.state._replace(peers=answers)
    assert agent.expected() == {0, 1, 2, 5}
    assert agent.pod_state().expected == {0, 1, 2}


def test_a_damaged_journal_holds_and_promises_nothing_until_it_is_repaired(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    rounds(fleet, 1)
    pod = fleet.pods[1]
    path = agent_of(pod).journal.path
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
    assert isinstance(agent.answer_prepare(Prepare(Promise(9, 0, "b"), frozen(0), agent.run_id, disk)), Refusal)
    assert path.read_bytes() == good[:20]
    path.write_bytes(good)
    fleet.recover()


def test_a_volume_of_another_cluster_is_left_alone(fleet: Fleet) -> None:
    pod = fleet.pods[0]
    fleet.kill_pod(pod)
    pod.agent = Agent(pod.settings, "another cluster", fleet.world(pod))
    fleet.begin(pod)
    fleet.report(pod)
    before = pod.agent.journal.path.read_bytes()
    fleet.round(pod)
    assert isinstance(pod.agent.result.decision, Hold)
    assert "attach the right one" in pod.agent.result.decision.reason
    assert pod.agent.journal.path.read_bytes() == before


def test_something_that_lives_on_the_volume_and_cannot_be_asked_is_unknown(fleet: Fleet) -> None:
    waiting(fleet, 3, 9, 5)
    pod = fleet.pods[2]
    fleet.kill_pod(pod)
    pod.server = "transferring"  # the scripts of a state transfer outlive their server
    fleet.restart_agent(pod)
    rounds(fleet)
    assert agent_of(pod).pod_state().phase is Phase.UNKNOWN
    assert all(agent_of(p).result.action is None for p in fleet.pods)


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


def test_what_is_wrong_with_a_journal_reaches_the_peers_in_one_line(tmp_path: Path) -> None:
    meta = tmp_path / "a folder\nof two lines"
    meta.mkdir()
    (meta / "journal.json").write_bytes(b"not a journal")
    opened = open_journal(Journal(meta), "cluster", "galera-0")
    assert opened.state is None
    assert "is damaged" in opened.fault
    state = replace(frozen(0), disk=Disk(DataClass.UNKNOWN, detail=opened.fault))
    assert decode(PodState, encode(state)) == state
