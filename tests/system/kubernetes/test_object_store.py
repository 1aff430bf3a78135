"""Backups in an object storage on a real Kubernetes: sent, proven, and everything in the cluster is lost."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.database import Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.overlay import Overlay
from tests.kubernetes.pods import object_store
from tests.kubernetes.shared import full
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import ClusterError
from tests.support.go_program import NoGoError
from tests.support.object_store import GOFAKES3

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1500), full]

CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "mysql-backups"},
    "spec": {"resources": {"requests": {"storage": "1Gi"}}},
}

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


def run_job(database: Database, cron: str) -> str:
    """Run the job of a CronJob now; returns its log.  Raises ClusterError with it."""
    kubectl = database.kubectl
    kubectl("create", "job", f"--from=cronjob/{cron}", f"{cron}-now")
    try:
        kubectl.wait(f"job/{cron}-now", "condition=Complete", seconds=400)
    except ClusterError as exc:
        raise ClusterError(f"{exc}\n{kubectl('logs', f'job/{cron}-now', '--all-containers', '--tail=40')}") from exc
    return kubectl("logs", f"job/{cron}-now", "--all-containers", "--tail=40")
