"""Two data members and garbd: one may die; and what has a vote but no data is never waited for, nor believed."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab import machine
from tests.lab.beside import Beside, arbitrator
from tests.lab.lab import Lab
from tests.lab.oracle import judge
from tests.lab.writer import recorded

pytestmark = pytest.mark.galera


@pytest.fixture
def lab() -> Iterator[Lab]:
    """An empty lab for two pods."""
    try:
        machine.check("garbd")
    except machine.NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    with Lab(replicas=2) as lab:
        yield lab


@pytest.fixture
def garbd(lab: Lab) -> Iterator[Beside]:
    """An arbitrator that was there before any member."""
    with arbitrator(lab) as garbd:
        yield garbd


@pytest.fixture
def cluster(lab: Lab, garbd: Beside, tmp_path: Path) -> Cluster:  # noqa: ARG001  # it is there first
    """Two members, and the arbitrator's vote."""
    lab.up(2)
    two_and_a_vote(lab)
    it = Cluster(lab, tmp_path / "acknowledged")
    it.write(200, through=(0, 1))
    return it


def two_and_a_vote(lab: Lab) -> None:
    def there() -> bool:
        found = [s for s in lab.servers().values() if s is not None]
        return len(found) == 2 and all(s.synced_in(3) for s in found) and len({s.uuid for s in found}) == 1

    lab.wait("two servers Synced in a component of three", there)


def whole(cluster: Cluster) -> None:
    """Both members have every acknowledged row, in one cluster."""
    verdict = judge(cluster.lab, recorded(cluster.record))
    assert verdict.complaints == []
    assert verdict.expected >= 200


def is_ready(garbd: Beside) -> bool:
    return (garbd.pod.folders.run / "primary").exists()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", [0, pytest.param(1, marks=full)])
def test_one_of_two_dies_and_the_other_goes_on(cluster: Cluster, garbd: Beside, victim: int) -> None:
    survivor = 1 - victim
    with cluster.writer(through=(survivor,)) as writer:
        writer.wait_for(100)
        cluster.lab.pod(victim).power_off()
        before = writer.count
        writer.wait_for(before + 200)
    assert cluster.primaries() == [survivor]
    cluster.lab.wait("the arbitrator has told of the new view", lambda: is_ready(garbd))
    cluster.lab.pod(victim).start()
    two_and_a_vote(cluster.lab)

    whole(cluster)
    assert cluster.all_bootstraps == 1


@pytest.mark.timeout(300)
@pytest.mark.parametrize("vote", ["lives", pytest.param("dies", marks=full)])
def test_a_full_outage_is_recovered_by_the_two_without_the_arbitrator(
    cluster: Cluster, garbd: Beside, vote: str
) -> None:
    with cluster.writer(through=(0, 1)) as writer:
        writer.wait_for(200)
        cluster.lab.kill_everything()
        if vote == "dies":
            garbd.kill()
    if vote == "lives":
        cluster.lab.wait("the arbitrator has noticed", lambda: not is_ready(garbd), 60)
    cluster.lab.start_all((1, 0), gap=0.5)
    cluster.lab.wait("both are Synced", lambda: len(cluster.primaries()) == 2)
    if vote == "dies":
        garbd.again()
    two_and_a_vote(cluster.lab)

    whole(cluster)
    assert cluster.all_bootstraps == 2


@pytest.mark.timeout(300)
def test_one_of_two_after_an_outage_waits_for_the_other_although_the_arbitrator_lives(
    cluster: Cluster, garbd: Beside
) -> None:
    """Its vote and one member would be two of three; but what the other disk holds, nobody knows."""
    cluster.lab.kill_everything()
    cluster.lab.start_all((0,))
    cluster.waits(0, r"^waiting for mysql-1 \(unknown")
    time.sleep(20)  # longer than an arbitrator goes on with what it knew
    assert cluster.primaries() == []
    assert not is_ready(garbd)
    cluster.lab.start_all((1,))
    two_and_a_vote(cluster.lab)

    whole(cluster)


@pytest.mark.timeout(300)
def test_both_leave_in_order_and_come_back_to_no_second_primary_component(cluster: Cluster, garbd: Beside) -> None:
    """Who is left when all others have said good-bye is Primary: here it is the vote without data."""
    for ordinal in (1, 0):
        cluster.lab.pod(ordinal).stop()
    cluster.lab.wait("the arbitrator is Primary no more", lambda: not is_ready(garbd), 60)
    cluster.lab.start_all((1, 0), gap=0.5)
    two_and_a_vote(cluster.lab)

    whole(cluster)
    assert "all members with data have left" in garbd.said()
    assert cluster.all_bootstraps == 2


@full
def test_an_arbitrator_alone_founds_nothing_and_ends_at_once_when_it_is_told_to(lab: Lab, garbd: Beside) -> None:
    time.sleep(10)
    assert not is_ready(garbd)
    assert lab.layout.secret("cluster-id") not in garbd.said()
    garbd.process.terminate()

    assert garbd.process.wait(30) == 128 + 15
