"""The first start of a cluster: one pod creates one database, completely or not at all."""

import time
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.lab.lab import Lab

pytestmark = pytest.mark.galera


def test_pods_without_the_first_one_wait_without_a_limit(lab: Lab, tmp_path: Path) -> None:
    """R30: two empty pods do not start a cluster, even if DNS has only these two."""
    cluster = Cluster(lab, tmp_path / "acknowledged")
    for ordinal in (1, 2):
        lab.create(ordinal).start()
    cluster.wait_for_decision(1, r"^waiting for mysql-0 \(unknown")
    time.sleep(10)
    assert cluster.find_primaries() == []
    lab.create(0).start()
    lab.wait_synced(3)
    cluster.write(200)

    cluster.assert_recovers()
    assert cluster.count_bootstraps(0) == cluster.all_bootstraps == 1


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.5])
def test_a_kill_in_the_first_initialisation_leaves_no_incomplete_database(
    lab: Lab, tmp_path: Path, seconds: float
) -> None:
    """R31."""
    cluster = Cluster(lab, tmp_path / "acknowledged")
    lab.up(3)
    volume = lab.pod(0).folders.volume
    lab.wait("the initialisation has begun", lambda: (volume / "data.tmp").exists() or (volume / "data").exists())
    time.sleep(seconds)
    lab.kill_everything()
    lab.start_all()
    lab.wait_synced(3)
    cluster.write(200)

    cluster.assert_recovers()


def test_a_kill_right_after_the_rename_starts_the_same_database(lab: Lab, tmp_path: Path) -> None:
    cluster = Cluster(lab, tmp_path / "acknowledged")
    lab.up(3)
    volume = lab.pod(0).folders.volume
    lab.wait("the database is there", (volume / "data").exists)
    lab.kill_everything()
    lab.start_all()
    lab.wait_synced(3)
    cluster.write(200)

    cluster.assert_recovers()
