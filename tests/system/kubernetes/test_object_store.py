"""Backups in an object storage on a real Kubernetes: sent, proven, and everything in the cluster is lost.

With the log in it, a new cluster has everything up to the moment before a mistake.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.database import Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.overlay import Overlay
from tests.kubernetes.pods import object_store
from tests.kubernetes.pods.backups import CLAIM, run_job
from tests.kubernetes.shared import full
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import ClusterError, wait
from tests.lab.writer import TABLE
from tests.support.go_program import NoGoError
from tests.support.object_store import GOFAKES3

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1500), full]

SCRATCH = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}

PROOF = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "mysql-backup-proof"},
    "spec": {
        "jobTemplate": {
            "spec": {
                "template": {"spec": {"volumes": [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": SCRATCH}}]}}
            }
        }
    },
}
"""Patches, because the volumes of these clusters are small."""


LOGIN = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "galera-log"},
    "stringData": {"client.cnf": "[client]\nuser=galera_log\npassword=a-password-for-the-log\n"},
}

ACCOUNT = """
CREATE USER 'galera_log'@'%' IDENTIFIED BY 'a-password-for-the-log';
GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO 'galera_log'@'%';
"""

EVERY = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "mysql-backup-log"},
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "log",
                        "command": [
                            *("galera-bootstrap", "send-log", "--spool=/spool", "--every=5", "--cache=/tmp/restic")
                        ],
                    }
                ]
            }
        }
    },
}

ASK = r"""
exec 3<>/dev/tcp/127.0.0.1/8080
printf 'GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&3
cat <&3
"""


@pytest.fixture
def _storage(kubectl: Kubectl) -> Iterator[None]:
    try:
        program = Path(GOFAKES3.ensure())
    except (NoGoError, subprocess.CalledProcessError) as exc:
        pytest.skip(f"NOT TESTED: backups in an object storage: {exc}")
    object_store.run(kubectl, program)
    yield
    object_store.remove(kubectl)


@pytest.mark.usefixtures("_storage")
def test_a_cluster_that_is_lost_with_all_its_claims_comes_back_from_the_storage(overlay: Overlay, times: Times) -> None:
    database, kubectl = overlay.database, overlay.database.kubectl
    overlay.apply(CLAIM, PROOF, components=("backup-s3",), objects=(object_store.secret(),))
    database.wait_synced(3)
    with database.writer():
        database.wait_acknowledged(50)
    before = database.status("mysql-0", "wsrep_cluster_state_uuid")
    with times.measure("components/backup-s3: from the job to the backup in the storage"):
        run_job(database, "mysql-backup")
    with times.measure("components/backup-s3: from the job to the proof"):
        proof = run_job(database, "mysql-backup-proof")
    assert " is proven: " in proof
    database.wait_synced(3)

    database.scale(0)
    kubectl("delete", "job", "--all")  # a claim stays as long as a pod that used it
    kubectl("delete", "pvc", "--all", "--timeout=100s", seconds=110)
    with times.measure("components/restore-s3: from empty volumes to 3 members Synced"):
        overlay.apply(CLAIM, PROOF, components=("backup-s3", "restore-s3"), objects=(object_store.secret(),))
        database.wait_synced(3)

    verdict = database.judge()
    assert verdict.complaints == []
    assert verdict.expected >= 50
    assert database.status("mysql-0", "wsrep_cluster_state_uuid") != before
    database.delete_all_pods()
    database.wait_synced(3)
    assert database.judge().complaints == []


@pytest.mark.usefixtures("_storage")
def test_a_dropped_table_comes_back_with_everything_up_to_the_moment_before(overlay: Overlay, times: Times) -> None:
    database, kubectl = overlay.database, overlay.database.kubectl
    objects = (object_store.secret(), LOGIN)
    overlay.apply(CLAIM, PROOF, EVERY, components=("backup-log",), objects=objects)
    database.wait_synced(3)
    database.sql("mysql-0", ACCOUNT)
    with database.writer():
        database.wait_acknowledged(20)
        run_job(database, "mysql-backup")
        database.wait_acknowledged(20)
    kubectl.wait("deployment/mysql-backup-log", "condition=Available", seconds=240)
    before = database.sql("mysql-0", "SET SESSION wsrep_sync_wait=1; SELECT @@gtid_binlog_pos")[0][0]
    database.sql("mysql-0", f"DROP TABLE app.{TABLE}; CREATE TABLE app.later (id INT PRIMARY KEY)")
    after = int(before.rpartition("-")[2]) + 2
    with times.measure("components/backup-log: from a commit to the repository, with --every=5"):
        wait("the log in the storage", lambda: read_sent(database) >= after, seconds=120)

    database.scale(0)
    kubectl("delete", "job", "--all")
    kubectl("delete", "pvc", "--all", "--timeout=100s", seconds=110)
    until = {"op": "add", "path": "/spec/template/spec/initContainers/2/command/-", "value": f"--until={before}"}
    with times.measure("components/restore-s3 --until: from empty volumes to 3 members Synced"):
        overlay.apply(
            CLAIM, PROOF, EVERY, components=("backup-log", "restore-s3"), objects=objects, operations=(until,)
        )
        database.wait_synced(3)

    verdict = database.judge()
    assert verdict.complaints == []
    assert verdict.expected >= 40
    assert [database.sql(f"mysql-{n}", "SHOW TABLES FROM app LIKE 'later'") for n in range(3)] == [[], [], []]
    assert f"reached {before} of " in kubectl("logs", "mysql-0", "--container=restore", "--tail=-1")


def read_sent(database: Database) -> int:
    """The number of the last transaction in the repository; 0 while it is not known."""
    try:
        answer = database.kubectl("exec", "deployment/mysql-backup-log", "--", "bash", "-c", ASK)
    except ClusterError:
        return 0
    found = re.search(r"^galera_bootstrap_log_sent_seqno (\d+)", answer, re.MULTILINE)
    return int(found[1]) if found else 0
