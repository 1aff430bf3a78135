"""A member is lost for good, the others go on, then the power is cut: no pod waits for it (R8, proof `last-view`)."""

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab.oracle import judge
from tests.lab.writer import read_record

pytestmark = pytest.mark.galera


def test_two_members_start_again_without_the_third_that_was_lost_before(cluster: Cluster) -> None:
    lab = cluster.lab
    lose_the_third(cluster, rows=100)
    cluster.cut_power_of(0, 1)
    lab.start_all((0, 1))

    lab.wait("two are Primary again", lambda: cluster.are_synced(0, 1), seconds=120)
    assert cluster.all_bootstraps == 2
    lab.start_all((2,))
    cluster.assert_recovers()


@full
def test_a_lost_volume_of_a_pod_outside_of_the_last_view_needs_no_human(cluster: Cluster) -> None:
    """R9: its data are lost, but they were not the newest."""
    lab = cluster.lab
    lose_the_third(cluster)
    cluster.cut_power_of(0, 1)
    lab.pod(2).wipe_volume()
    lab.start_all()

    cluster.assert_recovers()


@full
def test_one_of_the_last_two_is_still_waited_for(cluster: Cluster) -> None:
    lab = cluster.lab
    lose_the_third(cluster)
    cluster.cut_power_of(0, 1)
    lab.start_all((0, 2))

    cluster.wait_for_decision(0, r"^waiting for mysql-1 \(unknown")
    assert cluster.find_primaries() == []
    lab.start_all((1,))
    cluster.assert_recovers()
    assert judge(lab, read_record(cluster.record)).complaints == []


def test_one_of_the_last_two_dies_and_comes_back_while_the_third_is_lost(cluster: Cluster) -> None:
    """The other member is then not in a Primary Component. Its agent stops it, and its disk becomes the proof."""
    lab = cluster.lab
    lose_the_third(cluster, rows=100)
    lab.pod(1).reboot()

    lab.wait("two are Primary again", lambda: cluster.are_synced(0, 1) and cluster.all_bootstraps == 2, seconds=240)
    lab.start_all((2,))
    cluster.assert_recovers()


def lose_the_third(cluster: Cluster, rows: int = 0) -> None:
    """Lose a machine; the other two go on, write so many rows, and store a checkpoint of their view."""
    cluster.lab.pod(2).power_off()
    cluster.wait_until_left(0, 1)
    if rows:
        cluster.write(rows, through=(0, 1))
