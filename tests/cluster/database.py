"""The database in a cluster, through kubectl alone: what runs, what it has acknowledged, whether it kept that."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from images.inputs import version
from tests.cluster.kubectl import Kubectl
from tests.cluster.waiting import ClusterError, wait
from tests.lab.oracle import Verdict
from tests.lab.writer import CREATE, TABLE

RENAMED_TOOL = "localhost/galera-install:renamed"
"""The tool image of this checkout by another name: what an update changes, and nothing else."""

MEMBERS = "app.kubernetes.io/name=mysql"
SET = "statefulset/mysql"
SOCKET = "/run/galera/mariadbd.sock"

WRITE = """
set -u
write() {
    id=$1
    while :; do
        id=$((id + 1))
        # A server that has vanished does not say so: without an end, the client waits for it for ever.
        if timeout 8 mariadb --connect-timeout=2 --host=mysql --user="$USER_NAME" "$DATABASE" \
            --execute="INSERT INTO %(table)s VALUES ($id, '$HOSTNAME')" 2>/tmp/error.$1
        then echo "$id"
        else sleep 0.2
        fi
        sleep 0.02
    done
}
for number in 1 2; do write "$((BASE + number * 1000000))" & done
wait
"""
"""Rows through the Service, each with a connection of its own; an id on stdout was acknowledged, one that failed is
never used again."""


class Database:
    """A StatefulSet `mysql` of the manifests in kubectl's namespace."""

    def __init__(self, kubectl: Kubectl, members: str = MEMBERS) -> None:
        """`members` selects the pods."""
        self.kubectl = kubectl
        self._members = members
        self._writers = 0
        self._acknowledged: set[int] = set()
        self._moments: list[float] = []

    def apply(self, overlay: Path) -> None:
        """Create or change what the overlay says."""
        self.kubectl("apply", f"--kustomize={overlay}")

    def remove(self) -> None:
        """The namespace and all that is in it."""
        self.kubectl("delete", "namespace", self.kubectl.namespace, "--ignore-not-found", "--timeout=150s", seconds=150)

    def pods(self) -> list[dict[str, Any]]:
        """The members' pods, by ordinal."""
        items = self.kubectl.get("pods", f"--selector={self._members}")["items"]
        return sorted(items, key=lambda pod: int(pod["metadata"]["name"].rpartition("-")[2]))

    def restarts(self) -> dict[str, int]:
        """How often the containers of each pod were started again."""
        return {pod["metadata"]["name"]: sum(c["restartCount"] for c in statuses(pod)) for pod in self.pods()}

    def wait_synced(self, count: int, *, seconds: float = 150) -> None:
        """Until there are so many members, and all are Synced in one Primary Component of that size.

        Raises ClusterError with what each pod says.
        """
        try:
            wait("Synced", lambda: self._synced(count), seconds=seconds)
        except ClusterError as exc:
            raise ClusterError(f"no {count} Synced members after {seconds:.0f} s\n{self.story()}") from exc

    def wait_restarts(self, before: Mapping[str, int], *, seconds: float = 90) -> None:
        """Until every pod has had more restarts than before: what the API tells is some seconds old after a fault."""

        def restarted() -> bool:
            now = self.restarts()
            return all(now.get(pod, 0) > count for pod, count in before.items())

        wait("a restart of every pod", restarted, seconds=seconds)

    def sql(self, pod: str, statement: str, *, seconds: float = 30) -> list[list[str]]:
        """Rows that a member answers to its administrator."""
        secret = '"$(cat /etc/galera-secrets/root-password)"'
        ask = (
            f'MYSQL_PWD={secret} exec mariadb --socket={SOCKET} --user=root --batch --skip-column-names --execute="$0"'
        )
        printed = self.kubectl("exec", pod, "--container=mysql", "--", "sh", "-c", ask, statement, seconds=seconds)
        return [line.split("\t") for line in printed.splitlines()]

    def status(self, pod: str, name: str) -> str:
        """One of SHOW GLOBAL STATUS."""
        return self.sql(pod, f"SHOW GLOBAL STATUS LIKE '{name}'")[0][1]

    @contextmanager
    def writer(self) -> Iterator[None]:
        """A client that writes through the Service `mysql` in the meantime and survives every error."""
        self._writers += 1
        name = f"writer-{self._writers}"
        self.sql("mysql-0", f"USE {self._secret('database')}; {CREATE}")
        self.kubectl.apply(writer_pod(name, base=self._writers * 10_000_000))
        try:
            yield
        finally:
            self._collect()
            self.kubectl("delete", "pod", name, "--grace-period=1", seconds=60)

    def acknowledged(self) -> int:
        """How many rows were acknowledged to writers so far."""
        self._collect()
        return len(self._acknowledged)

    def wait_acknowledged(self, more: int, *, seconds: float = 60) -> None:
        """Until so many more rows than now are acknowledged."""
        goal = self.acknowledged() + more
        wait(f"{more} acknowledged rows", lambda: self.acknowledged() >= goal, seconds=seconds)

    def silence(self) -> float:
        """The longest time in seconds that the last writer had no row acknowledged, between its first and its last."""
        return max(after - before for before, after in pairwise(self._moments))

    def wait_log(self, pod: str, container: str, text: str, *, seconds: float = 60) -> None:
        """Until a container has written what the regular expression finds."""

        def found() -> bool:
            try:
                return re.search(text, self.kubectl("logs", pod, f"--container={container}", "--tail=-1")) is not None
            except ClusterError:
                return False  # it has not started

        try:
            wait(text, found, seconds=seconds)
        except ClusterError as exc:
            raise ClusterError(f"{pod} {container} does not say {text!r}\n{self.story()}") from exc

    def judge(self) -> Verdict:
        """Ask every member, each at or after the last commit of the others."""
        self._collect()
        rows: dict[str, int] = {}
        missing: dict[str, tuple[int, ...]] = {}
        checksums: dict[str, int | None] = {}
        uuids: dict[str, str] = {}
        table = f"{self._secret('database')}.{TABLE}"
        for pod in (pod["metadata"]["name"] for pod in self.pods()):
            ids = {int(row[0]) for row in self.sql(pod, f"SET SESSION wsrep_sync_wait=1; SELECT id FROM {table}")}
            checksum = self.sql(pod, f"SET SESSION wsrep_sync_wait=1; CHECKSUM TABLE {table}")[0][1]
            rows[pod], missing[pod] = len(ids), tuple(sorted(self._acknowledged - ids))
            checksums[pod] = int(checksum) if checksum.isdigit() else None
            uuids[pod] = self.status(pod, "wsrep_cluster_state_uuid")
        return Verdict(len(self._acknowledged), rows, missing, checksums, uuids)

    def story(self) -> str:
        """What a human would look at first when something does not come up."""
        told = [self.kubectl("get", "pods", "--output=wide"), self.kubectl("get", "events", "--sort-by=.lastTimestamp")]
        for pod in (pod["metadata"]["name"] for pod in self.pods()):
            for container in ("agent", "bootstrap", "mysql"):
                try:
                    lines = self.kubectl("logs", pod, f"--container={container}", "--tail=8")
                except ClusterError as exc:
                    lines = str(exc)
                told.append(f"--- {pod} {container}\n{lines}")
        return "\n".join(told)

    def _synced(self, count: int) -> bool:
        pods = self.pods()
        if len(pods) != count or not all(is_ready(pod) for pod in pods):
            return False
        try:
            return all(self._member_of(count, pod["metadata"]["name"]) for pod in pods)
        except ClusterError:
            return False  # it has just been killed

    def _member_of(self, size: int, pod: str) -> bool:
        wanted = {
            "wsrep_cluster_size": str(size),
            "wsrep_cluster_status": "Primary",
            "wsrep_local_state_comment": "Synced",
        }
        found = dict(self.sql(pod, f"SHOW GLOBAL STATUS WHERE Variable_name IN ({', '.join(map(repr, wanted))})"))
        return found == wanted

    def _collect(self) -> None:
        if not self._writers:
            return
        try:
            printed = self.kubectl("logs", f"writer-{self._writers}", "--tail=-1", "--timestamps")
        except ClusterError:
            return  # it has not started, or is gone, and was asked before that
        lines = [line.split() for line in printed.splitlines()]
        self._acknowledged |= {int(row) for _, row in lines}
        self._moments = [datetime.fromisoformat(moment).timestamp() for moment, _ in lines]

    def _secret(self, key: str) -> str:
        path = f"/etc/galera-secrets/{key}"
        return self.kubectl("exec", "mysql-0", "--container=mysql", "--", "cat", path).strip()


def writer_pod(name: str, *, base: int) -> dict[str, Any]:
    """A client as the namespace's Pod Security and the network policy want it."""

    def secret(key: str) -> Mapping[str, Any]:
        return {"secretKeyRef": {"name": "galera", "key": key}}

    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"mysql-client": "true"}},
        "spec": {
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "writer",
                    "image": f"localhost/mysql-galera:{version()}",
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sh", "-c", WRITE % {"table": TABLE}],
                    "env": [
                        {"name": "BASE", "value": str(base)},
                        {"name": "USER_NAME", "valueFrom": secret("user")},
                        {"name": "MYSQL_PWD", "valueFrom": secret("password")},
                        {"name": "DATABASE", "valueFrom": secret("database")},
                    ],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }


def statuses(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of the init containers and the containers."""
    status = pod["status"]
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether Services send it clients, and it was not deleted."""
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions", ())}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]
