"""`kubectl galera backup` and `restore`."""

from tests.support.kubectl.api import Api, Object
from tests.support.kubectl.objects import LABELS
from tests.system.plugin.conftest import Galera

BACKUP = LABELS | {"app.kubernetes.io/component": "backup"}


def cron_job(name: str = "mysql-backup", instance: str = "mysql") -> Object:
    """The CronJob of components/backup."""
    labels = BACKUP | {"app.kubernetes.io/instance": instance}
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "backup", "image": "x"}]}}}
    return {
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": name, "namespace": "db", "labels": labels, "uid": "u"},
        "spec": {"schedule": "17 3 * * *", "jobTemplate": {"spec": spec}},
    }  # fmt: skip


def end_with(api: Api, condition: str, code: int, log: str) -> None:
    """Let each job that is created end like this."""

    def create(job: Object) -> None:
        name = job["metadata"]["name"]
        job["status"] = {"conditions": [{"type": condition, "status": "True"}]}
        job["spec"]["selector"] = {"matchLabels": {"job-name": name}}
        ended = {"name": "backup", "state": {"terminated": {"exitCode": code}}}
        meta = {"name": f"{name}-x", "namespace": "db", "labels": {"job-name": name}}
        spec = {"containers": [{"name": "backup"}]}
        status = {"phase": "Failed", "containerStatuses": [ended]}
        api.objects["pods"].append(
            {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": status}
        )
        api.logs[f"{name}-x", "backup"] = log

    api.on_create = create


def test_a_backup_is_a_job_of_the_cron_job_of_this_cluster(api: Api, galera: Galera, shell: str) -> None:
    api.objects["cronjobs"] = [cron_job("shop-backup", "shop"), cron_job()]
    end_with(api, "Complete", 0, "joins\nbackup 20261130T031700Z is complete: 5 MB")
    done = galera("backup", shell=shell)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "backup 20261130T031700Z is complete: 5 MB"
    (job,) = api.objects["jobs"]
    assert job["metadata"]["name"].startswith("mysql-backup-2")
    assert "/apis/batch/v1/namespaces/db/cronjobs/mysql-backup" in api.asked


def test_a_backup_that_fails_ends_with_the_code_of_its_program(api: Api, galera: Galera) -> None:
    api.objects["cronjobs"] = [cron_job()]
    end_with(api, "Failed", 23, "NOT COMPLETE: no room")
    done = galera("backup")
    assert done.returncode == 23
    assert "NOT COMPLETE: no room" in done.stdout
    assert "the earlier ones are as they were" in done.stderr


def test_with_an_object_storage_the_logs_and_codes_are_those_of_both_containers(api: Api, galera: Galera) -> None:
    api.objects["cronjobs"] = [cron_job()]
    end_with(api, "Failed", 29, "the storage is full: quota")
    last = api.on_create
    assert last is not None

    def create(job: Object) -> None:
        last(job)
        pod = api.objects["pods"][-1]
        pod["spec"]["initContainers"] = [{"name": "copy"}]
        pod["status"]["initContainerStatuses"] = [{"name": "copy", "state": {"terminated": {"exitCode": 0}}}]
        api.logs[pod["metadata"]["name"], "copy"] = "backup 20261130T031700Z is complete: 5 MB"

    api.on_create = create
    done = galera("backup")
    assert done.returncode == 29
    assert "is complete: 5 MB" in done.stdout
    assert "the storage is full: quota" in done.stdout
    assert "it was not sent" in done.stderr


def test_without_a_cron_job_or_with_several_nothing_is_created(api: Api, galera: Galera) -> None:
    done = galera("backup")
    assert done.returncode == 69
    assert "add components/backup" in done.stderr
    api.objects["cronjobs"] = [cron_job("a"), cron_job("b")]
    assert galera("backup").returncode == 69
    assert api.objects["jobs"] == []


def test_restore_shows_the_commands_in_their_order_and_changes_nothing(api: Api, galera: Galera, shell: str) -> None:
    claims = [f"datadir-mysql-{n}" for n in range(3)]
    api.objects["persistentvolumeclaims"] = [
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "db"}}
        for name in (*claims, "mysql-backups", "datadir-shop-mysql-0")
    ]
    shown = galera("restore", "-n", "db", shell=shell)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "first  add components/restore to your overlay" in shown.stdout
    commands = [line.strip() for line in shown.stdout.splitlines() if line.strip().startswith("kubectl ")]
    assert commands[0] == "kubectl -n db scale statefulset/mysql --replicas=0"
    assert commands[2] == f"kubectl -n db delete pvc {' '.join(claims)}"
    assert commands[-1] == "kubectl -n db rollout status statefulset/mysql --timeout=1h"
    assert api.calls == []
    init = api.objects["statefulsets"][0]["spec"]["template"]["spec"]["initContainers"]
    init.insert(2, {"name": "restore"})
    assert "ready  the StatefulSet has the init container restore" in galera("restore", shell=shell).stdout
