"""The network falls apart, and then the power fails: one Primary Component at most, whatever comes back first (D8)."""

import os
import time

import pytest

from tests.faults.cluster import Cluster
from tests.lab.podman import Podman
from tests.system.containers.conftest import Form

pytestmark = [
    pytest.mark.galera,
    pytest.mark.images,
    pytest.mark.D8,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        os.environ.get("E2E_FULL") != "1", reason="NOT TESTED: the longer partitions; `make fault D=D8` or E2E_FULL=1"
    ),
]

Ways = tuple[tuple[int, int], ...]
"""From whom to whom nothing comes through, by ordinals."""


def test_three_sides_of_one_member_each_are_no_cluster_and_become_one_again(form: Form, runtime: Podman) -> None:
    cluster = form(runtime)
    lab = cluster.lab
    for pod in lab.pods:
        lab.bridge.cut(f"mysql-{pod}")
    lab.wait("nobody is Primary", lambda: cluster.primaries() == [], seconds=60)
    for pod in (2, 0, 1):
        assert cluster.primaries() == []
        lab.bridge.mend(f"mysql-{pod}")
        time.sleep(3)

    cluster.recovers()
    assert cluster.all_bootstraps == 1


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 0, 1), (0, 1, 2)])
def test_an_outage_of_three_sides_is_recovered_from_when_they_hear_each_other(
    form: Form, runtime: Podman, order: tuple[int, ...]
) -> None:
    cluster = form(runtime)
    lab = cluster.lab
    for pod in lab.pods:
        lab.bridge.cut(f"mysql-{pod}")
    lab.kill_everything()
    lab.start_all()
    time.sleep(15)
    assert cluster.primaries() == []
    assert cluster.all_bootstraps == 1
    for pod in order:
        lab.bridge.mend(f"mysql-{pod}")
        time.sleep(2)

    cluster.recovers()
    assert cluster.all_bootstraps == 2


def test_a_minority_that_outlives_the_majority_does_not_start_without_its_rows(form: Form, runtime: Podman) -> None:
    """2+1: what the two acknowledged after the cut is on their disks alone."""
    cluster = form(runtime)
    lab = cluster.lab
    lab.bridge.cut("mysql-0")
    lab.wait("the others go on without it", lambda: cluster.primaries() == [1, 2])
    with cluster.writer([1, 2]) as writer:
        writer.wait_for(100)
    for pod in (1, 2):
        lab.pod(pod).power_off()
    lab.bridge.mend("mysql-0")
    stays_out(cluster, 20)
    lab.start_all((2,))
    stays_out(cluster, 20)
    lab.start_all((1,))

    cluster.recovers()
    assert cluster.bootstraps(0) == 1


ONE_WAY = [((0, 1),), ((0, 1), (0, 2)), ((1, 0), (2, 0))]
"""Who is not heard by whom: a pair; one whom nobody hears; one who hears nobody."""

RING = ((0, 1), (1, 2), (2, 0))
"""No two can talk, and nobody is cut off."""


@pytest.mark.parametrize("ways", ONE_WAY)
def test_silence_in_one_direction_splits_nothing(form: Form, runtime: Podman, ways: Ways) -> None:
    """Clients reach all three all the time: what any of them acknowledges must be there in the end."""
    cluster = form(runtime)
    with cluster.writer() as writer:
        silence(cluster, ways)
        time.sleep(20)
        let_speak(cluster, ways)
        cluster.lab.wait_synced(3)
        writer.wait_for(writer.count + 50)

    cluster.recovers()


@pytest.mark.parametrize("ways", ONE_WAY)
def test_an_outage_under_silence_in_one_direction_begins_at_most_one_cluster(
    form: Form, runtime: Podman, ways: Ways
) -> None:
    cluster = form(runtime)
    with cluster.writer() as writer:
        silence(cluster, ways)
        writer.wait_for(writer.count + 50)
        time.sleep(3)
        cluster.lab.kill_everything()
    cluster.lab.start_all()
    time.sleep(20)
    assert cluster.all_bootstraps <= 2
    let_speak(cluster, ways)

    cluster.recovers()


def test_where_no_two_can_talk_nobody_starts_and_any_order_of_healing_will_do(form: Form, runtime: Podman) -> None:
    cluster = form(runtime)
    with cluster.writer():
        silence(cluster, RING)
        cluster.lab.wait("nobody is Primary", lambda: cluster.primaries() == [], seconds=90)
        cluster.lab.kill_everything()
    cluster.lab.start_all()
    stays_out(cluster, 15)
    assert cluster.all_bootstraps == 1
    for way in (RING[1], RING[2], RING[0]):
        let_speak(cluster, (way,))
        time.sleep(2)

    cluster.recovers()
    assert cluster.all_bootstraps == 2


def silence(cluster: Cluster, ways: Ways) -> None:
    for source, target in ways:
        cluster.lab.bridge.silence(f"mysql-{source}", f"mysql-{target}")


def let_speak(cluster: Cluster, ways: Ways) -> None:
    for source, target in ways:
        cluster.lab.bridge.let_speak(f"mysql-{source}", f"mysql-{target}")


def stays_out(cluster: Cluster, seconds: float) -> None:
    """For so long nobody is Primary."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert cluster.primaries() == []
        time.sleep(1)
