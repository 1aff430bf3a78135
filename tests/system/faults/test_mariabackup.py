"""Full state transfers by mariadb-backup: they succeed, and a cluster recovers from an outage in the middle of one."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.lab.lab import Lab
from tests.support.installed import require

pytestmark = pytest.mark.galera

MOMENTS = 20 if os.environ.get("E2E_FULL") == "1" else 2
"""The number of moments of a transfer at which everything is killed; more with E2E_FULL=1."""

RSYNC = pytest.param(
    "rsync",
    marks=pytest.mark.skipif(MOMENTS < 20, reason="NOT TESTED: kills during an rsync; E2E_FULL=1 tries 20 moments"),
)

LONGEST = 2.5
"""Seconds; the transfer of such a small database takes at least this long."""


@pytest.fixture(params=["mariabackup"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """Three members, two of which received their data by the method of the parameter."""
    require()
    if missing := [program for program in ("mariadb-backup", "mbstream", "socat") if not shutil.which(program)]:
        pytest.skip(f"NOT TESTED: mariabackup; {', '.join(missing)} missing here: run scripts/setup.sh test as root")
    with Lab(env={"GALERA_BOOTSTRAP_SST_METHOD": request.param}) as lab:
        lab.up(3)
        lab.wait_synced(3)
        cluster = Cluster(lab, tmp_path / "acknowledged")
        cluster.write(200)
        yield cluster


def is_receiving(cluster: Cluster, ordinal: int) -> bool:
    """Whether a transfer to the pod is in progress."""
    data = cluster.lab.pod(ordinal).folders.volume / "data"
    return (data / "wsrep_sst.pid").exists() or (data / ".sst").exists()


def test_a_lost_volume_is_filled_again_and_an_outage_afterwards_is_recovered_from(cluster: Cluster) -> None:
    cluster.lose_volume(2)
    cluster.lab.wait_synced(3)
    log = cluster.read_server_log(2)
    assert "wsrep_sst_mariabackup --role 'joiner'" in log
    assert "galera_sst" not in log
    cluster.cut_power()
    cluster.lab.start_all()

    cluster.assert_recovers()


@pytest.mark.D5
@pytest.mark.timeout(120 + 120 * MOMENTS)
@pytest.mark.parametrize("cluster", ["mariabackup", RSYNC], indirect=True)
def test_after_an_outage_in_the_middle_of_a_transfer_the_incomplete_copy_never_starts_the_cluster(
    cluster: Cluster,
) -> None:
    """D5: this is how mariadb-operator #1108 lost all databases of its users."""
    for moment in range(MOMENTS):
        cluster.lose_volume(2)
        cluster.lab.wait("a transfer to mysql-2 has begun", lambda: is_receiving(cluster, 2), seconds=60)
        time.sleep(LONGEST * moment / MOMENTS)
        cluster.lab.kill_everything()
        before = cluster.count_bootstraps(2)
        cluster.lab.start_all()

        cluster.assert_recovers()
        assert cluster.count_bootstraps(2) == before or is_complete(cluster)


def is_complete(cluster: Cluster) -> bool:
    """Whether the transfer had ended before the kill: a complete copy may start the cluster like any other disk."""
    return "SST complete" in cluster.read_server_log(2)
