"""The first start of a cluster: one pod creates one database, completely or not at all."""

import time
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab.lab import Lab
from tests.support.bootstrap import servers

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


@pytest.mark.parametrize("seconds", [pytest.param(0.0, marks=full), 0.5, pytest.param(1.5, marks=full)])
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


def test_scripts_run_once_and_a_failing_one_leaves_nothing_until_it_is_corrected(lab: Lab) -> None:
    """By the pod that creates the database; the others get the result with everything else."""
    folder = servers.workspace()
    (folder / "1.sql").write_text("CREATE TABLE runs (id INT AUTO_INCREMENT PRIMARY KEY, at CHAR(9));\n")
    (folder / "2.sql").write_text("INSERT INTO runs (at) VALUES ('early');\n\nINSERT INTO nowhere VALUES (1);\n")
    for ordinal in range(3):
        lab.create(ordinal).extra_env["GALERA_BOOTSTRAP_INITDB_DIR"] = str(folder)
    lab.start_all()
    pod = lab.pod(0)
    log = pod.folders.logs / "mysql.log"
    complaint = f"{folder}/2.sql, line 3: ERROR 1146 (42S02): Table 'app.nowhere' doesn't exist; correct it"
    lab.wait("the complaint", lambda: log.exists() and log.read_text().count(complaint) >= 2)
    assert not (pod.folders.volume / "data").exists()

    (folder / "2.sql").write_text("INSERT INTO runs (at) VALUES ('late');\n")
    lab.wait_synced(3)
    for ordinal in range(3):
        assert lab.query(ordinal, "SELECT id, at FROM app.runs") == [(1, "late")]
    assert not (pod.folders.run / "first-start.sock").exists()
    lab.kill_everything()
    lab.start_all()
    lab.wait_synced(3)
    assert lab.query(0, "SELECT COUNT(*) FROM app.runs") == [(1,)]
