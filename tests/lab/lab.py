"""A lab: pods on loopback addresses with their DNS and their Secret, from creation to a clean end.

    with Lab() as lab:
        lab.up(3)
        lab.wait_synced(3)
        lab.kill_everything()
        lab.start_all()
        lab.wait_synced(3)

Real mariadbd, real Galera, real DNS messages; no root, no namespaces.
Each lab has its own loopback network, so several labs can run at the same time.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab import database, processes, report
from tests.lab.bridge import Bridge
from tests.lab.database import Row, Server
from tests.lab.layout import Layout, claim_bridge, claim_network, write_user_options
from tests.lab.plain import Plain
from tests.lab.pod import GRACE, Pod
from tests.lab.runtime import Runtime

PATIENCE = 300.0
"""Seconds: a generous bound for a join by SST on two busy cores."""


class LabTimeoutError(Exception):
    """An event did not happen in time; the message ends with the last lines of every pod's logs."""


class Lab:
    """Pods mysql-0 .. mysql-(n-1) and everything around them; use it as a context manager."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        replicas: int = 3,
        nameserver: str = "",
        env: dict[str, str] | None = None,
        keep: bool = False,
        runtime: Runtime | None = None,
        bridged: bool = False,
        six: bool = False,
    ) -> None:
        """Claim a network and write the Secret.

        `keep` leaves the folder, `nameserver` replaces the lab's DNS, `bridged` gives each pod its own network,
        `six` gives the pods only IPv6 addresses.
        """
        runtime = runtime or Plain()
        if folder is not None:
            # A lab whose own process was killed may have left processes and containers.
            processes.kill(str(folder.absolute()))
            runtime.sweep(folder.absolute())
        self._bridge: Bridge | None = None
        if bridged:
            network, (self.nameserver, self._bridge) = claim_bridge()
        else:
            network, self.nameserver = claim_network()
        # A short name, because the path of a Unix socket is limited to 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="lab-") if folder is None else folder).absolute()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.layout = Layout(
            *(self.folder, network, replicas),
            nameserver=nameserver,
            env=dict(env or {}),
            runtime=runtime,
            bridged=bridged,
            six=six,
        )
        self.layout.write_secrets()
        self.pods: dict[int, Pod] = {}
        self.keep = keep
        """Whether the folder stays when the lab ends."""

    def __enter__(self) -> Self:
        self.nameserver.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self.kill_everything()
            self.layout.runtime.sweep(self.folder)
        finally:
            self.nameserver.__exit__(kind, exc, tb)
            if self._bridge:
                self._bridge.close()
            if not self.keep:
                shutil.rmtree(self.folder, ignore_errors=True)

    def pod(self, ordinal: int) -> Pod:
        """Return the pod of an ordinal."""
        return self.pods[ordinal]

    def use(self, runtime: Runtime) -> None:
        """Run pods that are created from now on by this runtime, as after a change of the StatefulSet's template."""
        self.layout = replace(self.layout, runtime=runtime)

    def create(self, ordinal: int) -> Pod:
        """Create a pod that does not exist: new emptyDirs, the volume that its ordinal had, its DNS records."""
        pod = self.pods[ordinal] = self.layout.make_pod(ordinal)
        pod.wipe_empty_dirs()
        write_user_options(pod)
        self.layout.write_network_files(pod)
        if self._bridge:
            pod.namespace = self._bridge.plug(pod.name, pod.ip)
        self.nameserver.publish(pod.name, pod.ip)
        return pod

    def up(self, count: int | None = None) -> None:
        """Create the pods 0..count-1 and start them all at once (podManagementPolicy Parallel)."""
        self.scale(self.layout.replicas if count is None else count)

    def scale(self, count: int, *, grace: float = GRACE) -> None:
        """Do as `kubectl scale`: create missing pods, or delete pods one by one from the highest ordinal down."""
        for ordinal in sorted((k for k in self.pods if k >= count), reverse=True):
            self.delete(ordinal, grace=grace)
        for ordinal in range(count):
            if ordinal not in self.pods:
                self.create(ordinal).start()

    def delete(self, ordinal: int, *, grace: float = GRACE, force: bool = False) -> None:
        """Delete a pod, in order within the grace period or with SIGKILL; its volume stays."""
        pod = self.pods[ordinal]
        if force or not pod.on:
            pod.power_off()
        else:
            pod.stop(grace)
        self.nameserver.withdraw(pod.name)
        pod.wipe_empty_dirs()
        if self._bridge:
            self._bridge.unplug(pod.name)
        del self.pods[ordinal]

    def replace(self, ordinal: int, *, grace: float = GRACE, force: bool = False) -> Pod:
        """Delete a pod and let the StatefulSet create it again."""
        self.delete(ordinal, grace=grace, force=force)
        pod = self.create(ordinal)
        pod.start()
        return pod

    def kill_everything(self) -> None:
        """Cut the power: SIGKILL to all processes of all pods at once; volumes and emptyDirs stay."""
        for pod in self.pods.values():
            pod.forbid_starts()
        sessions = frozenset[int]().union(*(pod.sessions for pod in self.pods.values()))
        processes.kill(str(self.folder), sessions)
        for pod in self.pods.values():
            pod.power_off()

    def start_all(self, order: Iterable[int] | None = None, *, gap: float = 0.0) -> None:
        """Start the pods that are off, in this order, `gap` seconds apart."""
        for count, ordinal in enumerate(self.pods if order is None else order):
            if count:
                time.sleep(gap)
            self.pods[ordinal].start()

    @property
    def bridge(self) -> Bridge:
        """The network between the pods of a bridged lab."""
        assert self._bridge is not None, "only a bridged lab has connections that can be cut"
        return self._bridge

    def query(self, ordinal: int, *statements: str, seconds: int = 10, sync_wait: int = 0) -> list[Row]:
        """Run statements as root in one session on a pod's server; returns the rows of the last one.

        Raises pymysql.Error or OSError.
        """
        return database.query(self.pods[ordinal], self.layout, *statements, seconds=seconds, sync_wait=sync_wait)

    def read_server(self, ordinal: int) -> Server | None:
        """Ask a pod's server for its view of the cluster; None if it does not answer."""
        return database.read_server(self.pods[ordinal], self.layout)

    def read_servers(self) -> dict[int, Server | None]:
        """Ask the servers of all pods."""
        return {ordinal: self.read_server(ordinal) for ordinal in self.pods}

    def read_status(self, ordinal: int = 0) -> report.Report:
        """Run `status` in a pod; raises report.ReportFailedError."""
        return report.read_status(self.pods[ordinal])

    def explain(self, ordinal: int = 0) -> str:
        """Run `explain` in a pod; raises report.ReportFailedError."""
        return report.explain(self.pods[ordinal])

    def wait(self, what: str, condition: Callable[[], bool], seconds: float = PATIENCE) -> float:
        """Wait until the condition is true; returns the seconds that it took.

        Raises LabTimeoutError with the last lines of all logs.
        """
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > seconds:
                view, logs = self._describe_servers(), self.save_logs()
                raise LabTimeoutError(
                    f"did not happen within {seconds:.0f} s: {what}\n{view}\n{self.tail()}\nwhole logs: {logs}"
                )
            time.sleep(0.1)
        return time.monotonic() - began

    def wait_synced(self, count: int, seconds: float = PATIENCE) -> float:
        """Wait until `count` servers are Synced in one Primary Component of that size; returns the seconds it took."""

        def are_synced() -> bool:
            good = [s for s in self.read_servers().values() if s is not None and s.is_synced_in(count)]
            return len(good) == count and len({s.uuid for s in good}) == 1

        return self.wait(f"{count} servers are Synced in one Primary Component", are_synced, seconds)

    def wait_primary(self, seconds: float = PATIENCE) -> float:
        """Wait for the first server in a Primary Component; returns the seconds it took."""

        def is_one_primary() -> bool:
            return any(s is not None and s.is_primary for s in self.read_servers().values())

        return self.wait("a server is in a Primary Component", is_one_primary, seconds)

    def tail(self, lines: int = 12) -> str:
        """Return the last lines of every container's log."""
        return "\n".join(pod.tail(lines) for pod in self.pods.values())

    def save_logs(self) -> Path:
        """Copy all logs to a folder that stays when the lab ends; returns the folder."""
        folder = Path(tempfile.mkdtemp(prefix="lab-logs-"))
        for pod in self.pods.values():
            shutil.copytree(pod.folders.logs, folder / pod.name)
        return folder

    def _describe_servers(self) -> str:
        return "\n".join(f"{self.pods[k].name}: {server or 'no answer'}" for k, server in self.read_servers().items())
