"""Volumes that are put back from an older copy (D17), or that are another pod's (D18): nothing is joined in silence."""

import time
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab import report
from tests.lab.lab import Lab

pytestmark = pytest.mark.galera

OTHER_BRANCH = r"one of the two may be an older copy that went on"


def leave_alone(cluster: Cluster, kept: Path) -> None:
    """Let the first member go on alone, kill it, copy its volume, and start all pods again."""
    lab = cluster.lab
    for ordinal in sorted(lab.pods.keys() - {0}, reverse=True):
        lab.pod(ordinal).stop()
    cluster.wait_until_left(0)
    lab.pod(0).power_off()
    lab.pod(0).copy_volume(kept)
    lab.start_all()
    lab.wait_synced(len(lab.pods))


def kill_when_all_are_equal(cluster: Cluster) -> None:
    """Kill all pods after each has applied what was acknowledged."""
    time.sleep(1)
    cluster.lab.kill_everything()


@pytest.mark.D17
def test_a_volume_put_back_to_when_it_was_alone_waits_for_the_two_others(cluster: Cluster, tmp_path: Path) -> None:
    """Its journal, its view and its data agree that it was the last member; two others may have gone on without it."""
    lab = cluster.lab
    leave_alone(cluster, tmp_path / "older")
    cluster.write(100)
    kill_when_all_are_equal(cluster)
    before = cluster.all_bootstraps
    lab.pod(0).attach_copy(tmp_path / "older")
    lab.start_all((0,))
    cluster.wait_for_decision(0, r"^waiting for mysql-1 \(unknown.*mysql-2 \(unknown")
    lab.start_all((1,))
    cluster.wait_for_decision(1, r"^waiting for mysql-2 \(unknown")
    assert cluster.all_bootstraps == before
    lab.start_all((2,))

    cluster.assert_recovers()


@full
@pytest.mark.D17
def test_in_a_set_of_two_a_volume_put_back_may_start_alone_and_the_other_one_holds(tmp_path: Path) -> None:
    """The assumption of docs/safety.md is broken, and yet no row is lost in silence: a human can bring it back."""
    with Lab(replicas=2) as lab:
        cluster = Cluster(lab, tmp_path / "acknowledged")
        lab.up()
        lab.wait_synced(2)
        cluster.write(100, through=(0, 1))
        leave_alone(cluster, tmp_path / "older")
        cluster.write(200, through=(0, 1))
        kill_when_all_are_equal(cluster)
        lab.pod(0).attach_copy(tmp_path / "older")
        lab.start_all((0,))
        lab.wait("the older copy is alone", lambda: cluster.are_synced(0))
        branch = Cluster(lab, tmp_path / "branch")
        branch.write(20, through=(0,))
        lab.start_all((1,))
        cluster.wait_for_decision(1, OTHER_BRANCH, action="hold")
        branch.write(400, through=(0,))  # Galera would let it join now
        cluster.wait_for_decision(1, OTHER_BRANCH, action="hold")
        lab.kill_everything()
        lab.start_all()
        for ordinal in (0, 1):
            cluster.wait_for_decision(ordinal, r"^two branches of one history are here", action="hold")
        cluster.assert_nobody_starts(5)

        cluster.run(1, "force", *report.find_arguments(cluster.run(1, "force")))
        cluster.wait_for_decision(0, OTHER_BRANCH, action="hold")
        cluster.run(0, "discard")
        cluster.assert_recovers()


@pytest.mark.D18
def test_volumes_of_other_pods_are_left_alone_and_start_nothing(cluster: Cluster, tmp_path: Path) -> None:
    """Two are exchanged, then one is a copy of another."""
    lab = cluster.lab
    cluster.cut_power()
    for ordinal in (1, 2):
        lab.pod(ordinal).copy_volume(tmp_path / f"of-{ordinal}")
    for ordinal in (1, 2):
        lab.pod(ordinal).attach_copy(tmp_path / f"of-{3 - ordinal}")
    lab.start_all()
    for ordinal in (1, 2):
        cluster.wait_for_decision(
            ordinal, rf"the volume is of mysql-{3 - ordinal}: attach the right one", action="hold"
        )
    cluster.assert_nobody_starts(3)
    lab.pod(2).power_off()
    lab.pod(2).attach_copy(tmp_path / "of-2")
    lab.pod(1).power_off()
    lab.pod(1).attach_copy(tmp_path / "of-2")
    lab.start_all((1, 2))
    cluster.wait_for_decision(2, r"^waiting for mysql-1 \(its datadir is UNKNOWN: the volume is of mysql-2")
    cluster.assert_nobody_starts(3)
    lab.pod(1).power_off()
    lab.pod(1).attach_copy(tmp_path / "of-1")
    lab.start_all((1,))

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 2


@full
@pytest.mark.D18
def test_a_newer_volume_is_not_joined_to_an_older_copy_that_went_on(cluster: Cluster, tmp_path: Path) -> None:
    """All is started again from an older copy of one datadir on new volumes; later a newer volume is found."""
    lab = cluster.lab
    lab.pod(0).power_off()
    lab.pod(0).copy_volume(tmp_path / "older")
    lab.start_all((0,))
    lab.wait_synced(3)
    cluster.write(200)
    kill_when_all_are_equal(cluster)
    lab.pod(2).copy_volume(tmp_path / "newer")
    for pod in lab.pods.values():
        pod.wipe_volume()
    (tmp_path / "older" / "data").rename(tmp_path / "data")
    lab.pod(0).attach_copy(tmp_path / "data", "data")
    lab.start_all()
    lab.wait_synced(3)
    later = Cluster(lab, tmp_path / "later")
    later.write(200, through=(0, 1))
    lab.pod(2).power_off()
    lab.pod(2).attach_copy(tmp_path / "newer")
    lab.start_all((2,))
    later.wait_for_decision(2, OTHER_BRANCH, action="hold")
    later.write(400, through=(0, 1))  # Galera would let it join now
    later.wait_for_decision(2, OTHER_BRANCH, action="hold")
    assert (lab.pod(2).folders.volume / "data/app/acknowledged.ibd").exists()

    later.run(2, "discard")
    later.assert_recovers()
