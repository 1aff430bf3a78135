"""Full state transfers by mariadb-backup: they come through, also with an outage in the middle of one."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.lab import machine
from tests.lab.lab import Lab

pytestmark = pytest.mark.galera

MOMENTS = 20 if os.environ.get("E2E_FULL") == "1" else 2
"""After how many different times of a transfer everything is killed; E2E_FULL=1 takes more."""

RSYNC = pytest.param(
    "rsync", marks=pytest.mark.skipif(MOMENTS < 20, reason="NOT TESTED: moments of an rsync; E2E_FULL=1 tries 20")
)

LONGEST = 2.5
"""Seconds that the transfer of so small a database takes, or longer."""


@pytest.fixture(params=["mariabackup"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """Three members, two of which came by a transfer of the method that is the parameter."""
    try:
        machine.check()
    except machine.NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    if missing := [program for program in ("mariadb-backup", "mbstream", "socat") if not shutil.which(program)]:
        pytest.skip(f"NOT TESTED: mariabackup; {', '.join(missing)} missing here: run scripts/setup.sh test as root")
    with Lab(env={"GALERA_BOOTSTRAP_SST_METHOD": request.param}) as lab:
        lab.up(3)
        lab.wait_synced(3)
        it = Cluster(lab, tmp_path / "acknowledged")
        it.write(200)
        yield it


def lose_volume(cluster: Cluster, ordinal: int) -> None:
    """The pod is killed, its disk is replaced by an empty one, and it starts again."""
    cluster.lab.delete(ordinal, force=True)
    pod = cluster.lab.create(ordinal)
    pod.wipe_volume()
    pod.start()


def transfers(cluster: Cluster, ordinal: int) -> bool:
    """Whether data are on their way to the pod."""
    data = cluster.lab.pod(ordinal).folders.volume / "data"
    return (data / "wsrep_sst.pid").exists() or (data / ".sst").exists()


def test_a_lost_volume_is_filled_again_and_an_outage_afterwards_is_recovered_from(cluster: Cluster) -> None:
    lose_volume(cluster, 2)
    cluster.lab.wait_synced(3)
    log = cluster.lab.pod(2).containers["mysql"].log.read_text(errors="replace")
    assert "wsrep_sst_mariabackup --role 'joiner'" in log
    assert "galera_sst" not in log
    cluster.power_cut()
    cluster.lab.start_all()

    cluster.recovers()


@pytest.mark.D5
@pytest.mark.timeout(60 + 60 * MOMENTS)
@pytest.mark.parametrize("cluster", ["mariabackup", RSYNC], indirect=True)
def test_an_outage_in_the_middle_of_a_transfer_never_makes_the_half_copy_the_start_of_the_cluster(
    cluster: Cluster,
) -> None:
    """D5: mariadb-operator #1108 lost all databases of its users in this way."""
    for moment in range(MOMENTS):
        lose_volume(cluster, 2)
        cluster.lab.wait("a transfer to mysql-2", lambda: transfers(cluster, 2), seconds=60)
        time.sleep(LONGEST * moment / MOMENTS)
        cluster.lab.kill_everything()
        before = cluster.bootstraps(2)
        cluster.lab.start_all()

        cluster.recovers()
        assert cluster.bootstraps(2) == before or complete(cluster)


def complete(cluster: Cluster) -> bool:
    """Whether the transfer had ended before the kill: a whole copy may start the cluster as well as any other."""
    return "SST complete" in cluster.lab.pod(2).containers["mysql"].log.read_text(errors="replace")
