"""Guests of the cluster on a real Kubernetes: a nightly backup and its restore, and the arbitrator garbd."""

import pytest

from tests.kubernetes.database import Database
from tests.kubernetes.overlay import Overlay
from tests.kubernetes.pods.backups import CLAIM, run_job
from tests.kubernetes.shared import full
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import ClusterError, wait

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1500), full]

ARBITRATOR = "deployment/mysql-arbitrator"


def test_a_backup_of_the_cron_job_becomes_a_new_cluster_with_a_history_of_its_own(
    overlay: Overlay, times: Times
) -> None:
    database, kubectl = overlay.database, overlay.database.kubectl
    overlay.apply(CLAIM, components=("backup",))
    database.wait_synced(3)
    with database.writer():
        database.wait_acknowledged(50)
    before = database.status("mysql-0", "wsrep_cluster_state_uuid")
    with times.measure("components/backup: from the job to the whole copy"):
        log = run_job(database, "mysql-backup")
    assert " is complete: " in log
    database.wait_synced(3)

    database.scale(0)
    kubectl("delete", "pvc", "--selector=app.kubernetes.io/name=mysql", "--timeout=100s", seconds=110)
    with times.measure("components/restore: from empty volumes to 3 members Synced"):
        overlay.apply(CLAIM, components=("backup", "restore"))
        database.wait_synced(3)

    verdict = database.judge()
    assert verdict.complaints == []
    assert verdict.expected >= 50
    assert database.status("mysql-0", "wsrep_cluster_state_uuid") != before
    assert "is restored completely" in kubectl("logs", "mysql-0", "--container=restore", "--tail=-1")
    assert "nothing to restore here" in kubectl("logs", "mysql-1", "--container=restore", "--tail=-1")
    database.delete_all_pods()
    database.wait_synced(3)
    assert database.judge().complaints == []


def wait_two_and_arbitrator(database: Database) -> None:
    """Wait until both members are in a component of three, and the arbitrator is ready."""

    def are_connected() -> bool:
        try:
            sizes = {database.status(pod, "wsrep_cluster_size") for pod in ("mysql-0", "mysql-1")}
            ready = database.kubectl("get", ARBITRATOR, "--output=jsonpath={.status.readyReplicas}")
        except ClusterError:
            return False
        return sizes == {"3"} and ready == "1"

    try:
        wait("two members and the arbitrator", are_connected, seconds=420)
    except ClusterError as exc:
        raise ClusterError(f"{exc}\n{database.kubectl('logs', ARBITRATOR, '--tail=40')}\n{database.report()}") from exc


def test_with_an_arbitrator_one_of_two_members_may_be_lost_and_both_recover_from_a_full_outage(
    overlay: Overlay, times: Times
) -> None:
    database = overlay.database
    overlay.apply(components=("arbitrator",))
    with times.measure("components/arbitrator: apply to two members and an arbitrator"):
        wait_two_and_arbitrator(database)
    with database.writer():
        database.wait_acknowledged(30)
        database.kubectl("delete", "pod", "mysql-1", "--force", "--grace-period=0", "--wait=false")
        database.wait_acknowledged(30)
        wait_two_and_arbitrator(database)
        database.wait_acknowledged(10)
    assert database.judge().complaints == []

    database.delete_all_pods()
    with times.measure("components/arbitrator: all members deleted by force, to two members and an arbitrator"):
        wait_two_and_arbitrator(database)
    verdict = database.judge()
    assert verdict.complaints == []
    assert verdict.expected >= 70
