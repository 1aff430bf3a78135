"""The database in a cluster, only through kubectl: what runs, which rows it acknowledged, and whether it has them."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.pods.client import writer_pod
from tests.kubernetes.waiting import ClusterError, wait
from tests.lab.oracle import Verdict
from tests.lab.writer import CREATE, TABLE

RENAMED_TOOL = "localhost/galera-install:renamed"
"""The tool image of this checkout under another name: an update changes only this name."""

MEMBERS = "app.kubernetes.io/name=mysql"
SET = "statefulset/mysql"
SOCKET = "/run/galera/mariadbd.sock"

LINES, EVENTS = 8, 40
"""How many lines a report has of each log, and how many events of the namespace."""

UNNOTICED = 60.0
"""Seconds without an acknowledged row, a generous limit: a planned change takes two (docs/cluster-figures.md)."""


class Database:
    """A StatefulSet of the manifests in kubectl's namespace."""

    def __init__(
        self, kubectl: Kubectl, members: str = MEMBERS, *, name: str = "mysql", secret: str = "galera"
    ) -> None:
        """`members` selects the pods; `name` is that of the set and of the Service for clients."""
        self.kubectl = kubectl
        self.name = name
        self._members, self._secret_name = members, secret
        self._writers = 0
        self._acknowledged: set[int] = set()
        self._moments: list[float] = []

    def apply(self, overlay: Path) -> None:
        """Apply an overlay."""
        self.kubectl("apply", f"--kustomize={overlay}")

    def remove(self) -> None:
        """Remove the namespace and everything in it, at once: its controller would wait for half a grace period."""
        self.kubectl("delete", "statefulset", "--all", "--cascade=orphan")
        self.kubectl("delete", "pod", "--all", "--force", "--grace-period=0", "--wait=false")
        self.kubectl("delete", "namespace", self.kubectl.namespace, "--ignore-not-found", "--timeout=150s", seconds=150)

    def exists(self) -> bool:
        """Whether there is a set of members, in a namespace that is not being deleted."""
        phase = "--output=jsonpath={.status.phase}"
        if self.kubectl("get", "namespace", self.kubectl.namespace, "--ignore-not-found", phase) != "Active":
            return False
        return self.kubectl("get", f"statefulset/{self.name}", "--ignore-not-found", "--output=name") != ""

    def pods(self) -> list[dict[str, Any]]:
        """The members' pods, by ordinal."""
        items = self.kubectl.get("pods", f"--selector={self._members}")["items"]
        return sorted(items, key=lambda pod: int(pod["metadata"]["name"].rpartition("-")[2]))

    def restarts(self) -> dict[str, int]:
        """How often the containers of each pod were started again."""
        return {pod["metadata"]["name"]: sum(c["restartCount"] for c in statuses(pod)) for pod in self.pods()}

    def scale(self, count: int) -> None:
        """Set the number of members; for 0, wait until no member is left."""
        self.kubectl("scale", f"statefulset/{self.name}", f"--replicas={count}")
        if count == 0:
            self.kubectl("wait", "pod", f"--selector={self._members}", "--for=delete", "--timeout=150s", seconds=150)

    def delete_all_pods(self) -> None:
        """Delete them by force: the API server forgets them at once, and the kubelet kills their processes."""
        self.kubectl("delete", "pod", f"--selector={self._members}", "--force", "--grace-period=0", "--wait=false")

    def replace_volume(self, pod: str) -> None:
        """Delete a member and its claim; the set makes both again."""
        self.kubectl("delete", "pvc", f"datadir-{pod}", "--wait=false")
        self.kubectl("delete", "pod", pod, "--timeout=150s", seconds=150)

    def volume(self, pod: str) -> str:
        """The name of the persistent volume that holds a member's data."""
        return str(self.kubectl.get("pvc", f"datadir-{pod}")["spec"]["volumeName"])

    def containers(self, name: str) -> dict[str, str]:
        """The ids of the containers with this name, by pod."""
        return {
            pod["metadata"]["name"]: status["containerID"].rpartition("/")[2]
            for pod in self.pods()
            for status in statuses(pod)
            if status["name"] == name and "containerID" in status
        }

    def restarted_containers(self) -> list[str]:
        """The containers that were started again, each with its end and its last log lines; should be empty."""
        found = []
        for pod in self.pods():
            for status in statuses(pod):
                if last := status["lastState"].get("terminated"):
                    name = f"{pod['metadata']['name']} {status['name']}"
                    found.append(f"{name}: {last}\n{self._log(pod, status['name'], 40, '--previous')}")
        return found

    def wait_synced(self, count: int, *, seconds: float = 420) -> None:
        """Wait until there are so many members, and all are Synced in one Primary Component of that size.

        The limit is above the kubelet's longest pause between two starts of a container.
        Raises ClusterError with a report on each pod.
        """
        try:
            # A check needs six processes: without a pause they would take CPU time from the servers.
            wait("Synced", lambda: self._are_synced(count), seconds=seconds, step=0.5)
        except ClusterError as exc:
            raise ClusterError(f"no {count} Synced members after {seconds:.0f} s\n{self.report()}") from exc

    def wait_restarts(self, before: Mapping[str, int], *, seconds: float = 180) -> None:
        """Wait until every pod had more restarts than before; the API's answer is some seconds old after a fault."""

        def has_restarted() -> bool:
            now = self.restarts()
            return all(now.get(pod, 0) > count for pod, count in before.items())

        wait("a restart of every pod", has_restarted, seconds=seconds)

    def sql(self, pod: str, statement: str, *, seconds: float = 60) -> list[list[str]]:
        """The rows that a member returns to its root user."""
        secret = '"$(cat /etc/galera-secrets/root-password)"'
        ask = (
            f'MYSQL_PWD={secret} exec mariadb --socket={SOCKET} --user=root --batch --skip-column-names --execute="$0"'
        )
        output = self.kubectl("exec", pod, "--container=mysql", "--", "sh", "-c", ask, statement, seconds=seconds)
        return [line.split("\t") for line in output.splitlines()]

    def status(self, pod: str, name: str) -> str:
        """One value of SHOW GLOBAL STATUS."""
        return self.sql(pod, f"SHOW GLOBAL STATUS LIKE '{name}'")[0][1]

    def primaries(self) -> list[str]:
        """The members whose server reports that it is in a Primary Component; one that does not answer is left out."""

        def is_primary(pod: str) -> bool:
            try:
                return self.status(pod, "wsrep_cluster_status") == "Primary"
            except (ClusterError, IndexError):
                return False

        return [name for pod in self.pods() if is_primary(name := pod["metadata"]["name"])]

    def answers(self, pod: str) -> dict[str, str]:
        """For each expected member, `ok` if this pod's agent has its answer, else the reason.  Raises ClusterError."""
        show = ("/work-dir/galera-bootstrap", "status", "--output=json")
        status = json.loads(self.kubectl("exec", pod, "--container=agent", "--", *show))
        return {member["name"]: member["answer"] for member in status["members"]}

    def wait_expected(self, count: int, *, seconds: float = 120) -> None:
        """Wait until every agent expects so many members: in an outage, no agent waits for members scaled away."""
        pods = [pod["metadata"]["name"] for pod in self.pods()]
        wait("the end of expectations", lambda: all(len(self.answers(p)) == count for p in pods), seconds=seconds)

    def stays_down(self, *, seconds: float = 12) -> bool:
        """Whether no member is Primary for so long: a pod that waits or holds must go on doing so."""
        deadline = time.monotonic() + seconds
        while not (primaries := self.primaries()) and time.monotonic() < deadline:
            time.sleep(1)
        return not primaries

    @contextmanager
    def writer(self, service: str = "") -> Iterator[None]:
        """Run a client that writes through a Service during the block, and survives every error.

        Without a name, the Service is the one for clients.
        """
        self._writers += 1
        name = self._client
        self.sql(f"{self.name}-0", f"USE {self._secret('database')}; {CREATE}")
        base = self._writers * 10_000_000
        self.kubectl.apply(writer_pod(name, base=base, service=service or self.name, secret=self._secret_name))
        try:
            yield
        finally:
            self._collect()
            self.kubectl("delete", "pod", name, "--grace-period=1", seconds=120)

    def count_acknowledged(self) -> int:
        """How many rows were acknowledged to all writers so far."""
        self._collect()
        return len(self._acknowledged)

    def wait_acknowledged(self, more: int, *, seconds: float = 180) -> None:
        """Wait until so many more rows are acknowledged; raises ClusterError with errors of the client and a report."""
        goal = self.count_acknowledged() + more
        try:
            wait(f"{more} acknowledged rows", lambda: self.count_acknowledged() >= goal, seconds=seconds)
        except ClusterError as exc:
            raise ClusterError(f"{exc}; errors of the client:\n{self._client_errors()}\n{self.report()}") from exc

    def longest_gap(self) -> float:
        """The longest time in seconds between two acknowledged rows of the last writer."""
        return max(after - before for before, after in pairwise(self._moments))

    def wait_log(self, pod: str, container: str, text: str, *, seconds: float = 120) -> None:
        """Wait until a container's log matches the regular expression."""

        def has_logged() -> bool:
            try:
                return re.search(text, self.kubectl("logs", pod, f"--container={container}", "--tail=-1")) is not None
            except ClusterError:
                return False  # it has not started

        try:
            wait(text, has_logged, seconds=seconds)
        except ClusterError as exc:
            raise ClusterError(f"{pod} {container} has not logged {text!r}\n{self.report()}") from exc

    def judge(self) -> Verdict:
        """Compare the rows of all members, each read at or after the last commit of the others."""
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

    def report(self) -> str:
        """What a human would read first when something does not start; most important first, as it may be cut off."""
        parts = [self.kubectl("get", "pods", "--output=wide")]
        parts += [
            f"--- {pod['metadata']['name']} {container}\n{self._log(pod, container, LINES)}"
            for pod in self.pods()
            for container in ("agent", "bootstrap", "mysql")
        ]
        parts += self.restarted_containers()
        events = self.kubectl("get", "events", "--sort-by=.metadata.creationTimestamp").splitlines()
        return "\n".join([*parts, "--- events", *events[-EVENTS:]])

    def _log(self, pod: Mapping[str, Any], container: str, lines: int, *options: str) -> str:
        """The end of a container's log, or the reason why there is none."""
        try:
            return self.kubectl(
                "logs", pod["metadata"]["name"], f"--container={container}", f"--tail={lines}", *options
            )
        except ClusterError as exc:
            return str(exc)

    def _client_errors(self) -> str:
        """The last errors of the writing client, or the reason why there are none: it must not hide the failure."""
        try:
            return self.kubectl("exec", self._client, "--", "sh", "-c", "tail -n 3 /tmp/error.*")
        except ClusterError as exc:
            return str(exc)

    def _are_synced(self, count: int) -> bool:
        pods = self.pods()
        if len(pods) != count or not all(is_ready(pod) for pod in pods):
            return False
        try:
            return all(self._is_synced(count, pod["metadata"]["name"]) for pod in pods)
        except ClusterError:
            return False  # a server was just killed

    def _is_synced(self, size: int, pod: str) -> bool:
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
            output = self.kubectl("logs", self._client, "--tail=-1", "--timestamps")
        except ClusterError:
            return  # it has not started, or was removed after its rows were collected
        lines = [line.split() for line in output.splitlines()]
        self._acknowledged |= {int(row) for _, row in lines}
        self._moments = [datetime.fromisoformat(moment).timestamp() for moment, _ in lines]

    @property
    def _client(self) -> str:
        """The name of the last client that writes; clients of two databases in one namespace have different names."""
        return f"{'' if self.name == 'mysql' else self.name + '-'}writer-{self._writers}"

    def _secret(self, key: str) -> str:
        path = f"/etc/galera-secrets/{key}"
        return self.kubectl("exec", f"{self.name}-0", "--container=mysql", "--", "cat", path).strip()


def statuses(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The statuses of the init containers and the containers."""
    status = pod["status"]
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether Services send clients to the pod, and it is not being deleted."""
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions", ())}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]
