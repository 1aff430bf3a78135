"""A lab: pods on loopback addresses with their DNS and their Secret, from creation to clean end.

    with Lab() as lab:
        lab.up(3)
        lab.wait_synced(3)
        lab.kill_everything()
        lab.start_all()
        lab.wait_synced(3)

Real mariadbd, real Galera, real DNS messages; no root, no namespaces.
A lab has a loopback network of its own, so several can run beside each other.
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

PATIENCE = 120.0
"""Seconds: a generous bound for a join by SST on two busy cores."""


class LabTimeoutError(Exception):
    """Something did not happen in time; the message ends with the last lines of every pod's logs."""


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

        `keep` leaves the folder, `nameserver` replaces the lab's DNS, `bridged` gives each pod a network of its own,
        `six` gives pods addresses of IPv6 alone.
        """
        runtime = runtime or Plain()
        if folder is not None:
            # Left by a lab whose own process was killed.
            processes.kill(str(folder.absolute()))
            runtime.sweep(folder.absolute())
        self._bridge: Bridge | None = None
        if bridged:
            network, (self.nameserver, self._bridge) = claim_bridge()
        else:
            network, self.nameserver = claim_network()
        # Short on purpose: the path of a Unix socket is limited to 107 bytes.
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
        """The pod of an ordinal."""
        return self.pods[ordinal]

    def use(self, runtime: Runtime) -> None:
        """Pods that are created from now on are run by this, as after a change of the StatefulSet's template."""
        self.layout = replace(self.layout, runtime=runtime)

    def create(self, ordinal: int) -> Pod:
        """Create a pod that is not there: fresh emptyDirs, the volume that its ordinal had, its DNS records."""
        pod = self.pods[ordinal] = self.layout.pod(ordinal)
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
        """As `kubectl scale`: create what is missing, delete from the highest ordinal down, one by one."""
        for ordinal in sorted((k for k in self.pods if k >= count), reverse=True):
            self.delete(ordinal, grace=grace)
        for ordinal in range(count):
            if ordinal not in self.pods:
                self.create(ordinal).start()

    def delete(self, ordinal: int, *, grace: float = GRACE, force: bool = False) -> None:
        """Delete a pod: in order within the grace period, or with SIGKILL; its volume stays."""
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
        """A power cut: SIGKILL to all processes of all pods at once; volumes and emptyDirs stay."""
        for pod in self.pods.values():
            pod.forbid_starts()
        sessions = frozenset[int]().union(*(pod.sessions for pod in self.pods.values()))
        processes.kill(str(self.folder), sessions)
        for pod in self.pods.values():
            pod.power_off()

    def start_all(self, order: Iterable[int] | None = None, *, gap: float = 0.0) -> None:
        """Start the pods that are off, in the order given, `gap` seconds apart."""
        for count, ordinal in enumerate(self.pods if order is None else order):
            if count:
                time.sleep(gap)
            self.pods[ordinal].start()

    @property
    def bridge(self) -> Bridge:
        """The wires between the pods of a bridged lab."""
        assert self._bridge is not None, "only a bridged lab has wires that can be cut"
        return self._bridge

    def sql(self, ordinal: int, *statements: str, seconds: int = 10, sync_wait: int = 0) -> list[Row]:
        """Statements in one session as root on a pod's server, the last one's rows; raises pymysql.Error or OSError."""
        return database.query(self.pods[ordinal], self.layout, *statements, seconds=seconds, sync_wait=sync_wait)

    def server(self, ordinal: int) -> Server | None:
        """What a pod's server says of its cluster; None when it does not answer."""
        return database.server(self.pods[ordinal], self.layout)

    def servers(self) -> dict[int, Server | None]:
        """What every pod's server says."""
        return {ordinal: self.server(ordinal) for ordinal in self.pods}

    def status(self, ordinal: int = 0) -> report.Report:
        """What a pod's agent says; raises report.ReportFailedError."""
        return report.status(self.pods[ordinal])

    def explain(self, ordinal: int = 0) -> str:
        """A pod's decision, rule by rule; raises report.ReportFailedError."""
        return report.explain(self.pods[ordinal])

    def wait(self, what: str, condition: Callable[[], bool], seconds: float = PATIENCE) -> float:
        """Wait until the condition holds; the seconds that it took. Raises LabTimeoutError with all logs' ends."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > seconds:
                view, logs = self._view(), self.save_logs()
                raise LabTimeoutError(
                    f"after {seconds:.0f} s still not: {what}\n{view}\n{self.tail()}\nwhole logs: {logs}"
                )
            time.sleep(0.1)
        return time.monotonic() - began

    def wait_synced(self, count: int, seconds: float = PATIENCE) -> float:
        """Wait until `count` servers are Synced in one Primary Component of that size; the seconds that it took."""

        def synced() -> bool:
            good = [s for s in self.servers().values() if s is not None and s.synced_in(count)]
            return len(good) == count and len({s.uuid for s in good}) == 1

        return self.wait(f"{count} servers Synced in one Primary Component", synced, seconds)

    def wait_primary(self, seconds: float = PATIENCE) -> float:
        """Wait for a first server in a Primary Component; the seconds that it took."""

        def primary() -> bool:
            return any(s is not None and s.is_primary for s in self.servers().values())

        return self.wait("a server in a Primary Component", primary, seconds)

    def tail(self, lines: int = 12) -> str:
        """The last lines of every container's log."""
        return "\n".join(pod.tail(lines) for pod in self.pods.values())

    def save_logs(self) -> Path:
        """A copy of all logs that outlives the lab; its folder."""
        folder = Path(tempfile.mkdtemp(prefix="lab-logs-"))
        for pod in self.pods.values():
            shutil.copytree(pod.folders.logs, folder / pod.name)
        return folder

    def _view(self) -> str:
        return "\n".join(f"{self.pods[k].name}: {server or 'no answer'}" for k, server in self.servers().items())
