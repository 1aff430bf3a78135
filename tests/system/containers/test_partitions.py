"""The network is partitioned, then the power fails: at most one Primary Component in any order of return (D8)."""

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
    pytest.mark.skipif(
        os.environ.get("E2E_FULL") != "1", reason="NOT TESTED: the longer partitions; `make fault D=D8` or E2E_FULL=1"
    ),
]

Ways = tuple[tuple[int, int], ...]
"""The blocked directions: pairs of ordinals, sender and receiver."""


def test_three_members_without_contact_are_no_cluster_and_become_one_again(form: Form, runtime: Podman) -> None:
    cluster = form(runtime)
    lab = cluster.lab
    for pod in lab.pods:
        lab.bridge.cut(f"mysql-{pod}")
    lab.wait("no member is Primary", lambda: cluster.find_primaries() == [], seconds=60)
    for pod in (2, 0, 1):
        assert cluster.find_primaries() == []
        lab.bridge.reconnect(f"mysql-{pod}")
        time.sleep(3)

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 1


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 0, 1), (0, 1, 2)])
def test_three_separated_members_recover_from_an_outage_when_they_reach_each_other(
    form: Form, runtime: Podman, order: tuple[int, ...]
) -> None:
    cluster = form(runtime)
    lab = cluster.lab
    for pod in lab.pods:
        lab.bridge.cut(f"mysql-{pod}")
    lab.kill_everything()
    lab.start_all()
    time.sleep(15)
    assert cluster.find_primaries() == []
    assert cluster.all_bootstraps == 1
    for pod in order:
        lab.bridge.reconnect(f"mysql-{pod}")
        time.sleep(2)

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 2


def test_a_minority_that_outlives_the_majority_does_not_start_without_its_rows(form: Form, runtime: Podman) -> None:
    """2+1: the rows that the two acknowledged after the cut are only on their disks."""
    cluster = form(runtime)
    lab = cluster.lab
    lab.bridge.cut("mysql-0")
    lab.wait("the others go on without it", lambda: cluster.find_primaries() == [1, 2])
    with cluster.make_writer([1, 2]) as writer:
        writer.wait_for(100)
    for pod in (1, 2):
        lab.pod(pod).power_off()
    lab.bridge.reconnect("mysql-0")
    cluster.assert_nobody_starts(20)
    lab.start_all((2,))
    cluster.assert_nobody_starts(20)
    lab.start_all((1,))

    cluster.assert_recovers()
    assert cluster.count_bootstraps(0) == 1


ONE_WAY = [((0, 1),), ((0, 1), (0, 2)), ((1, 0), (2, 0))]
"""Directions to block: from one member to another; from one member to all; from all to one member."""

RING = ((0, 1), (1, 2), (2, 0))
"""No two members can communicate, although no member is cut off."""


@pytest.mark.parametrize("ways", ONE_WAY)
def test_silence_in_one_direction_splits_nothing(form: Form, runtime: Podman, ways: Ways) -> None:
    """Clients reach all three members all the time; every acknowledged row must be there in the end."""
    cluster = form(runtime)
    with cluster.make_writer() as writer:
        block(cluster, ways)
        time.sleep(20)
        unblock(cluster, ways)
        cluster.lab.wait_synced(3)
        writer.wait_for(writer.count + 50)

    cluster.assert_recovers()


@pytest.mark.parametrize("ways", ONE_WAY)
def test_an_outage_during_silence_in_one_direction_begins_at_most_one_cluster(
    form: Form, runtime: Podman, ways: Ways
) -> None:
    cluster = form(runtime)
    with cluster.make_writer() as writer:
        block(cluster, ways)
        writer.wait_for(writer.count + 50)
        time.sleep(3)
        cluster.lab.kill_everything()
    cluster.lab.start_all()
    time.sleep(20)
    assert cluster.all_bootstraps <= 2
    unblock(cluster, ways)

    cluster.assert_recovers()


def test_no_pod_starts_while_no_two_can_communicate_and_any_order_of_healing_works(form: Form, runtime: Podman) -> None:
    cluster = form(runtime)
    with cluster.make_writer():
        block(cluster, RING)
        cluster.lab.wait("no member is Primary", lambda: cluster.find_primaries() == [], seconds=90)
        cluster.lab.kill_everything()
    cluster.lab.start_all()
    cluster.assert_nobody_starts(15)
    assert cluster.all_bootstraps == 1
    for way in (RING[1], RING[2], RING[0]):
        unblock(cluster, (way,))
        time.sleep(2)

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 2


def block(cluster: Cluster, ways: Ways) -> None:
    for source, target in ways:
        cluster.lab.bridge.block(f"mysql-{source}", f"mysql-{target}")


def unblock(cluster: Cluster, ways: Ways) -> None:
    for source, target in ways:
        cluster.lab.bridge.unblock(f"mysql-{source}", f"mysql-{target}")
