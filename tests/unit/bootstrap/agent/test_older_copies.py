"""Volumes that are put back from an older copy, and that went on: real agents notice the branches of one history."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from bootstrap.core.decision.decisions import Bootstrap, Hold
from bootstrap.core.model.disk import DataClass
from bootstrap.core.model.facts import BootstrapPoint
from bootstrap.storage.layout import Layout
from tests.support.bootstrap.agents import agent_of, alive, rounds
from tests.support.bootstrap.fleet import Fleet, Pod


class Snapshot(NamedTuple):
    """A copy of a volume."""

    log: list[int]
    data_class: DataClass
    uuid: str
    base: int
    journal: bytes


def journal_of(pod: Pod) -> Path:
    return Layout(pod.settings.data_root).meta / "journal.json"


def snapshot(pod: Pod) -> Snapshot:
    return Snapshot([*pod.log], pod.data_class, pod.uuid, pod.base, journal_of(pod).read_bytes())


def attach(fleet: Fleet, pod: Pod, found: Snapshot | None, *, journal: bool = True) -> None:
    """Give a pod another volume: a copy of an earlier one, or an empty one."""
    path = journal_of(pod)
    fleet.kill_pod(pod)
    shutil.rmtree(path.parent)
    pod.log, pod.data_class = [], DataClass.EMPTY
    if found is not None:
        pod.log, pod.data_class, pod.uuid, pod.base = [*found.log], DataClass.CRASHED, found.uuid, found.base
        if journal:
            path.parent.mkdir(parents=True)
            path.write_bytes(found.journal)
    for step in (fleet.restart_agent, fleet.begin, fleet.report):
        step(pod)


def lose_everything(fleet: Fleet) -> None:
    """No volume is there any more; what older copies do not have is given up, and their terms begin again."""
    fleet.power_cut()
    fleet.acknowledged.clear()
    fleet.started.clear()


def outage(fleet: Fleet) -> None:
    fleet.power_cut()
    for pod in fleet.pods:
        for step in (fleet.restart_agent, fleet.begin, fleet.report):
            step(pod)


def commit(fleet: Fleet, pod: Pod, count: int = 10) -> None:
    for _ in range(count):
        fleet.commit(pod)


def hold_of(pod: Pod) -> str:
    """The rule by which a pod holds."""
    decision = agent_of(pod).result.decision
    assert isinstance(decision, Hold), decision
    return decision.rule


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    made = Fleet()
    yield made
    made.close()


@pytest.fixture
def newer(fleet: Fleet) -> Snapshot:
    """A volume of a pod whose cluster is started again from older copies, on which the others have gone on since."""
    first, second, third = alive(fleet)
    commit(fleet, first)
    older = [snapshot(pod) for pod in fleet.pods]
    commit(fleet, first)
    kept = snapshot(third)
    lose_everything(fleet)
    attach(fleet, first, older[0], journal=False)
    attach(fleet, second, None)
    attach(fleet, third, None)
    alive(fleet)
    return kept


@pytest.mark.parametrize("outages", [0, 1, 2])
def test_an_older_copy_that_went_on_is_not_joined_by_the_newer_volume(
    fleet: Fleet, newer: Snapshot, outages: int
) -> None:
    first, _, third = fleet.pods
    for _ in range(outages):
        outage(fleet)
        alive(fleet)
    commit(fleet, first, 20)
    assert len(first.log) > len(newer.log)
    attach(fleet, third, newer)
    rounds(fleet)
    assert hold_of(third) == "other-branch"

    fleet.discard(third)
    fleet.recover()
    assert third.log[: len(newer.log)] != newer.log


def test_in_an_outage_a_human_chooses_between_two_branches(fleet: Fleet, newer: Snapshot) -> None:
    """The higher number is no reason to start it, and the others would join it then."""
    first, second, third = fleet.pods
    outage(fleet)
    attach(fleet, third, newer)
    assert len(third.log) > len(first.log)
    rounds(fleet)
    assert [hold_of(pod) for pod in fleet.pods] == ["two-branches"] * 3

    kept = set(first.log)
    fleet.force(first)
    rounds(fleet, 2)
    for step in (fleet.take, fleet.execute, fleet.up, fleet.round, fleet.round):
        step(first)
    assert first.server == "Primary"
    rounds(fleet)
    assert hold_of(third) == "other-branch"
    fleet.discard(third)
    fleet.recover()
    assert kept < set(third.log)
    assert second.uuid == third.uuid == first.uuid != newer.uuid


def test_a_snapshot_that_went_on_twice_is_of_two_branches(fleet: Fleet) -> None:
    """Its journal makes it start both times at the same commit and in the same term."""
    first, _, third = alive(fleet)
    outage(fleet)
    stopped = [snapshot(pod) for pod in fleet.pods]
    alive(fleet)
    commit(fleet, first)
    newer = snapshot(third)
    lose_everything(fleet)
    for pod, found in zip(fleet.pods, stopped, strict=True):
        attach(fleet, pod, found)
    alive(fleet)
    commit(fleet, first, 20)
    attach(fleet, third, newer)
    rounds(fleet)
    assert hold_of(third) == "other-branch"


def test_a_bootstrap_is_in_the_journal_before_its_server_starts(fleet: Fleet) -> None:
    first, *_ = alive(fleet)
    assert agent_of(first).durable.bootstraps == ()  # the first start began a history of its own
    outage(fleet)
    rounds(fleet, 3)
    seqno, term = len(first.log), agent_of(first).durable.highest_term
    fleet.take(first)
    assert isinstance(agent_of(first).result.decision, Bootstrap)
    expected = BootstrapPoint(first.uuid, seqno, term, agent_of(first).run_id)
    assert agent_of(first).durable.bootstraps == (expected,)
    assert agent_of(first).pod_state().bootstraps == (expected,)


def test_a_joiner_knows_the_bootstraps_of_its_cluster_before_its_server_starts(fleet: Fleet) -> None:
    first, second, _ = alive(fleet)
    outage(fleet)
    rounds(fleet, 3)
    for step in (fleet.take, fleet.execute, fleet.up, fleet.round, fleet.round):
        step(first)
    rounds(fleet, 1)
    fleet.take(second)
    assert agent_of(second).durable.joining_boot_id
    assert agent_of(second).durable.bootstraps == agent_of(first).durable.bootstraps != ()
    # Its server may commit and die before its agent has seen it.
    fleet.execute(second)
    fleet.up(second)
    fleet.kill_pod(second)
    fleet.recover()
    assert second.log == first.log
