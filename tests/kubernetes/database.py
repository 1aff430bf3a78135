"""The database in a cluster, through kubectl alone: what runs, what it has acknowledged, whether it kept that."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.kubernetes.client import writer_pod
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.waiting import ClusterError, wait
from tests.lab.oracle import Verdict
from tests.lab.writer import CREATE, TABLE

RENAMED_TOOL = "localhost/galera-install:renamed"
"""The tool image of this checkout by another name: what an update changes, and nothing else."""

MEMBERS = "app.kubernetes.io/name=mysql"
SET = "statefulset/mysql"
SOCKET = "/run/galera/mariadbd.sock"

LINES, EVENTS = 8, 40
"""How much a story tells of each log, and of what has happened in the namespace."""

UNNOTICED = 60.0
"""Seconds without an acknowledged row, a generous bound: what is done in order takes two (docs/cluster.md)."""


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
        """The namespace and all that is in it, at once: its controller would come back after half a grace period."""
        self.kubectl("delete", "statefulset", "--all", "--cascade=orphan")
        self.kubectl("delete", "pod", "--all", "--force", "--grace-period=0", "--wait=false")
        self.kubectl("delete", "namespace", self.kubectl.namespace, "--ignore-not-found", "--timeout=150s", seconds=150)

    def exists(self) -> bool:
        """Whether there is a set of members, in a namespace that is not about to be gone."""
        phase = "--output=jsonpath={.status.phase}"
        if self.kubectl("get", "namespace", self.kubectl.namespace, "--ignore-not-found", phase) != "Active":
            return False
        return self.kubectl("get", SET, "--ignore-not-found", "--output=name") != ""

    def pods(self) -> list[dict[str, Any]]:
        """The members' pods, by ordinal."""
        items = self.kubectl.get("pods", f"--selector={self._members}")["items"]
        return sorted(items, key=lambda pod: int(pod["metadata"]["name"].rpartition("-")[2]))

    def restarts(self) -> dict[str, int]:
        """How often the containers of each pod were started again."""
        return {pod["metadata"]["name"]: sum(c["restartCount"] for c in statuses(pod)) for pod in self.pods()}

    def scale(self, count: int) -> None:
        """Ask for so many members; with none, wait until there is none."""
        self.kubectl("scale", SET, f"--replicas={count}")
        if count == 0:
            self.kubectl("wait", "pod", f"--selector={self._members}", "--for=delete", "--timeout=150s", seconds=150)

    def delete_all_pods(self) -> None:
        """Without grace: the API server forgets them at once, and the kubelet kills what still runs."""
        self.kubectl("delete", "pod", f"--selector={self._members}", "--force", "--grace-period=0", "--wait=false")

    def replace_volume(self, pod: str) -> None:
        """Delete a member and its claim; the set makes both anew."""
        self.kubectl("delete", "pvc", f"datadir-{pod}", "--wait=false")
        self.kubectl("delete", "pod", pod, "--timeout=150s", seconds=150)

    def volume(self, pod: str) -> str:
        """The name of the persistent volume that holds a member's data."""
        return str(self.kubectl.get("pvc", f"datadir-{pod}")["spec"]["volumeName"])

    def containers(self, name: str) -> dict[str, str]:
        """The ids of the containers of that name, by pod."""
        return {
            pod["metadata"]["name"]: status["containerID"].rpartition("/")[2]
            for pod in self.pods()
            for status in statuses(pod)
            if status["name"] == name and "containerID" in status
        }

    def ended(self) -> list[str]:
        """The containers that ended and were started again, each with its end and its last lines; none is right."""
        found = []
        for pod in self.pods():
            for status in statuses(pod):
                if last := status["lastState"].get("terminated"):
                    name = f"{pod['metadata']['name']} {status['name']}"
                    found.append(f"{name}: {last}\n{self._log(pod, status['name'], 40, '--previous')}")
        return found

    def wait_synced(self, count: int, *, seconds: float = 420) -> None:
        """Until there are so many members, and all are Synced in one Primary Component of that size.

        The bound is above the kubelet's longest pause between two starts of a container.
        Raises ClusterError with what each pod says.
        """
        try:
            # A look is six processes: without a pause they would take the servers' time.
            wait("Synced", lambda: self._synced(count), seconds=seconds, step=0.5)
        except ClusterError as exc:
            raise ClusterError(f"no {count} Synced members after {seconds:.0f} s\n{self.story()}") from exc

    def wait_restarts(self, before: Mapping[str, int], *, seconds: float = 180) -> None:
        """Until every pod has had more restarts than before: what the API tells is some seconds old after a fault."""

        def restarted() -> bool:
            now = self.restarts()
            return all(now.get(pod, 0) > count for pod, count in before.items())

        wait("a restart of every pod", restarted, seconds=seconds)

    def sql(self, pod: str, statement: str, *, seconds: float = 60) -> list[list[str]]:
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

    def primaries(self) -> list[str]:
        """The members whose server says that it is in a Primary Component; one that does not answer is in none."""

        def primary(pod: str) -> bool:
            try:
                return self.status(pod, "wsrep_cluster_status") == "Primary"
            except (ClusterError, IndexError):
                return False

        return [name for pod in self.pods() if primary(name := pod["metadata"]["name"])]

    def answers(self, asked: str) -> dict[str, str]:
        """What the agent of a pod knows of each expected member: `ok`, or why that is nothing.  Raises ClusterError."""
        show = ("/work-dir/galera-bootstrap", "status", "--output=json")
        told = json.loads(self.kubectl("exec", asked, "--container=agent", "--", *show))
        return {member["name"]: member["answer"] for member in told["members"]}

    def wait_expected(self, count: int, *, seconds: float = 120) -> None:
        """Until every agent expects so many members: those that were scaled away are not waited for in an outage."""
        pods = [pod["metadata"]["name"] for pod in self.pods()]
        wait("the end of expectations", lambda: all(len(self.answers(p)) == count for p in pods), seconds=seconds)

    def patiently_down(self, *, seconds: float = 12) -> bool:
        """Whether nobody is Primary for so long: what waits or holds must go on doing so."""
        deadline = time.monotonic() + seconds
        while not (alive := self.primaries()) and time.monotonic() < deadline:
            time.sleep(1)
        return not alive

    @contextmanager
    def writer(self, service: str = "mysql") -> Iterator[None]:
        """A client that writes through a Service in the meantime and survives every error."""
        self._writers += 1
        name = f"writer-{self._writers}"
        self.sql("mysql-0", f"USE {self._secret('database')}; {CREATE}")
        self.kubectl.apply(writer_pod(name, base=self._writers * 10_000_000, service=service))
        try:
            yield
        finally:
            self._collect()
            self.kubectl("delete", "pod", name, "--grace-period=1", seconds=120)

    def acknowledged(self) -> int:
        """How many rows were acknowledged to writers so far."""
        self._collect()
        return len(self._acknowledged)

    def wait_acknowledged(self, more: int, *, seconds: float = 180) -> None:
        """Until so many more rows than now are acknowledged; raises ClusterError with what client and pods say."""
        goal = self.acknowledged() + more
        try:
            wait(f"{more} acknowledged rows", lambda: self.acknowledged() >= goal, seconds=seconds)
        except ClusterError as exc:
            errors = self.kubectl("exec", f"writer-{self._writers}", "--", "sh", "-c", "tail -n 3 /tmp/error.*")
            raise ClusterError(f"{exc}; the client says\n{errors}\n{self.story()}") from exc

    def silence(self) -> float:
        """The longest time in seconds that the last writer had no row acknowledged, between its first and its last."""
        return max(after - before for before, after in pairwise(self._moments))

    def wait_log(self, pod: str, container: str, text: str, *, seconds: float = 120) -> None:
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
        """What a human would look at first when something does not come up; a report may end before its end."""
        told = [self.kubectl("get", "pods", "--output=wide")]
        told += [
            f"--- {pod['metadata']['name']} {container}\n{self._log(pod, container, LINES)}"
            for pod in self.pods()
            for container in ("agent", "bootstrap", "mysql")
        ]
        told += self.ended()
        events = self.kubectl("get", "events", "--sort-by=.metadata.creationTimestamp").splitlines()
        return "\n".join([*told, "--- events", *events[-EVENTS:]])

    def _log(self, pod: Mapping[str, Any], container: str, lines: int, *options: str) -> str:
        """How a container's log ends, or why there is none."""
        try:
            return self.kubectl(
                "logs", pod["metadata"]["name"], f"--container={container}", f"--tail={lines}", *options
            )
        except ClusterError as exc:
            return str(exc)

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


def statuses(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of the init containers and the containers."""
    status = pod["status"]
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether Services send it clients, and it was not deleted."""
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions", ())}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]
