"""Two data members and garbd: one member may die, and no pod waits for the arbitrator, which has a vote but no data."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab.companion import Companion, start_arbitrator
from tests.lab.lab import Lab
from tests.lab.oracle import judge
from tests.lab.writer import read_record
from tests.support.installed import require

pytestmark = pytest.mark.galera


@pytest.fixture
def lab() -> Iterator[Lab]:
    """An empty lab for two pods."""
    require("garbd")
    with Lab(replicas=2) as lab:
        yield lab


@pytest.fixture
def garbd(lab: Lab) -> Iterator[Companion]:
    """An arbitrator that was started before any member."""
    with start_arbitrator(lab) as garbd:
        yield garbd


@pytest.fixture
def cluster(lab: Lab, garbd: Companion, tmp_path: Path) -> Cluster:  # noqa: ARG001  # it must be there first
    """Two members, and the arbitrator's vote."""
    lab.up(2)
    wait_for_three_votes(lab)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200, through=(0, 1))
    return cluster


def wait_for_three_votes(lab: Lab) -> None:
    """Wait until both members are Synced in one component of three."""

    def are_synced() -> bool:
        found = [s for s in lab.read_servers().values() if s is not None]
        return len(found) == 2 and all(s.is_synced_in(3) for s in found) and len({s.uuid for s in found}) == 1

    lab.wait("two servers are Synced in a component of three", are_synced)


def assert_all_rows(cluster: Cluster) -> None:
    """Check that both members have every acknowledged row and are one cluster."""
    verdict = judge(cluster.lab, read_record(cluster.record))
    assert verdict.complaints == []
    assert verdict.expected >= 200


def is_ready(garbd: Companion) -> bool:
    return (garbd.pod.folders.run / "primary").exists()


@pytest.mark.parametrize("victim", [0, pytest.param(1, marks=full)])
def test_one_of_two_dies_and_the_other_goes_on(cluster: Cluster, garbd: Companion, victim: int) -> None:
    survivor = 1 - victim
    with cluster.make_writer(through=(survivor,)) as writer:
        writer.wait_for(100)
        cluster.lab.pod(victim).power_off()
        before = writer.count
        writer.wait_for(before + 200)
    assert cluster.find_primaries() == [survivor]
    cluster.lab.wait("the arbitrator reports the new view", lambda: is_ready(garbd))
    cluster.lab.pod(victim).start()
    wait_for_three_votes(cluster.lab)

    assert_all_rows(cluster)
    assert cluster.all_bootstraps == 1


@pytest.mark.parametrize("vote", ["lives", pytest.param("dies", marks=full)])
def test_a_full_outage_is_recovered_by_the_two_without_the_arbitrator(
    cluster: Cluster, garbd: Companion, vote: str
) -> None:
    with cluster.make_writer(through=(0, 1)) as writer:
        writer.wait_for(200)
        cluster.lab.kill_everything()
        if vote == "dies":
            garbd.kill()
    if vote == "lives":
        cluster.lab.wait("the arbitrator has noticed", lambda: not is_ready(garbd), 60)
    cluster.lab.start_all((1, 0), gap=0.5)
    cluster.lab.wait("both are Synced", lambda: len(cluster.find_primaries()) == 2)
    if vote == "dies":
        garbd.restart()
    wait_for_three_votes(cluster.lab)

    assert_all_rows(cluster)
    assert cluster.all_bootstraps == 2


def test_one_of_two_after_an_outage_waits_for_the_other_although_the_arbitrator_lives(
    cluster: Cluster, garbd: Companion
) -> None:
    """Its vote and one member would be two of three, but the other disk may have more commits."""
    cluster.lab.kill_everything()
    cluster.lab.start_all((0,))
    cluster.wait_for_decision(0, r"^waiting for mysql-1 \(unknown")
    time.sleep(20)  # longer than an arbitrator keeps its old view
    assert cluster.find_primaries() == []
    assert not is_ready(garbd)
    cluster.lab.start_all((1,))
    wait_for_three_votes(cluster.lab)

    assert_all_rows(cluster)


def test_both_leave_in_order_and_find_no_second_primary_component_when_they_return(
    cluster: Cluster, garbd: Companion
) -> None:
    """The last member stays Primary after all others have left in order; here it is the arbitrator without data."""
    for ordinal in (1, 0):
        cluster.lab.pod(ordinal).stop()
    cluster.lab.wait("the arbitrator is not Primary any more", lambda: not is_ready(garbd), 60)
    cluster.lab.start_all((1, 0), gap=0.5)
    wait_for_three_votes(cluster.lab)

    assert_all_rows(cluster)
    assert "all members with data have left" in garbd.read_log()
    assert cluster.all_bootstraps == 2


@full
def test_an_arbitrator_alone_creates_no_cluster_and_ends_at_once_on_sigterm(lab: Lab, garbd: Companion) -> None:
    time.sleep(10)
    assert not is_ready(garbd)
    assert lab.layout.read_secret("cluster-id") not in garbd.read_log()
    garbd.process.terminate()

    assert garbd.process.wait(30) == 128 + 15
