"""Backups by the CronJobs of the components: run now, on small volumes."""

from tests.kubernetes.database import Database
from tests.kubernetes.waiting import ClusterError

CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "mysql-backups"},
    "spec": {"resources": {"requests": {"storage": "1Gi"}}},
}
"""A patch, because the volumes of these clusters are small."""


def run_job(database: Database, cron: str) -> str:
    """Run the job of a CronJob now; returns its log.  Raises ClusterError with it."""
    kubectl = database.kubectl
    kubectl("create", "job", f"--from=cronjob/{cron}", f"{cron}-now")
    try:
        kubectl.wait(f"job/{cron}-now", "condition=Complete", seconds=400)
    except ClusterError as exc:
        raise ClusterError(f"{exc}\n{kubectl('logs', f'job/{cron}-now', '--all-containers', '--tail=40')}") from exc
    return kubectl("logs", f"job/{cron}-now", "--all-containers", "--tail=40")
