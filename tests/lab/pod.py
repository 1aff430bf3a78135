"""A pod on one loopback address, and what a kubelet does with it.

The order and the restarts are those of Kubernetes.
`install` is an init container: it runs until it ends with 0.
The agent is a native sidecar: started next, stopped last, always restarted.
`bootstrap` is another init container, and `mysql` is the main container, which is always restarted.
A container that a pod does not have is skipped; most pods have no `restore`, an init container before `bootstrap`.
The back-off is shorter than a kubelet's: it begins at 0.2 s and ends at 2 s.
This module knows nothing of the other pods.
"""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.lab import processes
from tests.lab.container import Container
from tests.lab.folders import Folders
from tests.lab.runtime import MAIN, SIDECAR, Command, Run, Runtime

BACKOFF = (0.2, 2.0)
"""Seconds before the first and before every later restart of a container that keeps ending."""

SETTLED = 10.0
"""Seconds that a container must have run so that the back-off starts from the beginning again."""

GRACE = 30.0
"""Seconds, Kubernetes' default terminationGracePeriodSeconds."""


class Pod:
    """A pod whose containers run while it is on; every method may be called from any thread."""

    def __init__(
        self,
        name: str,
        ip: str,
        folders: Folders,
        runtime: Runtime,
        environment: Callable[["Pod"], dict[str, str]],
    ) -> None:
        self.name, self.ip, self.folders, self.runtime = name, ip, folders, runtime
        self.mark = str(folders.root)
        self.namespace = ""
        """Its network namespace, if it has its own."""
        self.extra_env: dict[str, str] = {}
        """Variables that replace those in the environment of every container that starts from now on."""
        self._environment = environment
        self._ending = threading.Event()
        self._ending.set()
        self._installed = threading.Event()
        self._starting = threading.Lock()
        self._threads: list[threading.Thread] = []
        folders.logs.mkdir(parents=True, exist_ok=True)
        self.containers = {
            key: Container(key, argv, folders.logs / f"{key}.log", f"{self.mark}/{key}")
            for key, argv in runtime.make_commands(folders).items()
        }

    @property
    def on(self) -> bool:
        """Whether its containers are kept running."""
        return not self._ending.is_set()

    @property
    def env(self) -> dict[str, str]:
        """The environment of its containers."""
        return {**self._environment(self), **self.extra_env}

    def start(self) -> None:
        """Start the containers with the folders as they are: after a creation, a reboot or a power cut."""
        with self._starting:
            if self.on:
                return
            for folder in (self.folders.volume, *self.folders.empty_dirs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.runtime.share(folder, 0o2777)
            self._ending.clear()
            self._installed.clear()
        self._threads = [
            threading.Thread(target=body, name=f"{self.name} {what}", daemon=True)
            for what, body in (("agent", self._keep_agent), ("main", self._keep_main))
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, grace: float = GRACE) -> None:
        """End the main container, then the sidecar; SIGKILL for processes that outlive the grace period."""
        agent, main = self._threads
        deadline = time.monotonic() + grace
        self.forbid_starts()
        sidecar = [c for key, c in self.containers.items() if key == SIDECAR]
        others = [c for key, c in self.containers.items() if key != SIDECAR]
        # A kubelet gives the remaining containers at least two seconds.
        for containers, thread, least in ((others, main, 0.0), (sidecar, agent, 2.0)):
            for container in containers:
                container.terminate()
            thread.join(max(least, deadline - time.monotonic()))
            for container in containers:
                container.kill()
            thread.join()

    def forbid_starts(self) -> None:
        """Let no container start any more; running containers go on."""
        with self._starting:
            self._ending.set()

    def power_off(self) -> None:
        """Send SIGKILL to all processes at once and leave the pod off; volume and emptyDirs stay."""
        self.forbid_starts()
        self._kill_everything()
        for thread in self._threads:
            thread.join()

    def reboot(self) -> None:
        """Reboot the node: SIGKILL, then init and main containers run again with the same emptyDirs."""
        self.power_off()
        self.start()

    def kill_server(self) -> None:
        """Send SIGKILL to the main container; the kubelet restarts only this one."""
        self.containers[MAIN].kill()

    def crash_server(self, number: signal.Signals = signal.SIGKILL) -> bool:
        """Send a signal to mariadbd alone, as a fault of the server does; whether one ran.  Its container goes on."""
        container = self.containers[MAIN]
        pids = processes.find_named("mariadbd", container.mark, container.sessions)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return bool(pids)

    def kill_all(self) -> None:
        """Send SIGKILL to agent and main container; the kubelet restarts both, without init containers."""
        self._kill_everything()

    def restart_container(self, name: str = MAIN, *, grace: float = GRACE) -> None:
        """End one container with SIGTERM first, as after a failed probe; the kubelet restarts it."""
        container = self.containers[name]
        starts, deadline = container.starts, time.monotonic() + grace
        container.terminate()
        while container.starts == starts and container.is_running and time.monotonic() < deadline:
            time.sleep(0.02)
        if container.starts == starts and container.is_running:
            container.kill()

    def run_once(self, name: str) -> int:
        """Run an ended container once more beside the running ones; returns its exit status."""
        container = self.containers[name]
        container.start(self.runtime, self._make_run(container))
        return container.wait()

    def wait_for_first_process(self, name: str, seconds: float = 60.0) -> int:
        """Wait for a container's first process; without a pause, because an init container ends soon.

        The container is one with PID namespaces.  Raises TimeoutError.
        """
        deadline = time.monotonic() + seconds
        while (found := processes.find_first(self.containers[name].mark)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} of {self.name} has no first process after {seconds:.0f} s")
        return found

    def pause(self, *names: str) -> None:
        """Stop all processes of these containers, until `resume`; without a name, of all."""
        for name in names or self.containers:
            self.containers[name].pause()

    def resume(self, *names: str) -> None:
        """Send SIGCONT to these containers; without a name, to all."""
        for name in names or self.containers:
            self.containers[name].resume()

    def wipe_empty_dirs(self) -> None:
        """Remove the emptyDirs, as the deletion of a pod does."""
        for folder in self.folders.empty_dirs:
            shutil.rmtree(folder, ignore_errors=True)

    def wipe_volume(self) -> None:
        """Remove the content of the volume; only while the pod is off."""
        assert not self.on, f"{self.name} is still on"
        shutil.rmtree(self.folders.volume, ignore_errors=True)

    def copy_volume(self, target: Path) -> None:
        """Copy the content of the volume, as a snapshot; only while the pod is off."""
        assert not self.on, f"{self.name} is still on"
        shutil.copytree(self.folders.volume, target)

    def attach_copy(self, source: Path, place: str = "") -> None:
        """Replace the volume by a new one with a copy of this content, or of a part of it at its place."""
        self.wipe_volume()
        shutil.copytree(source, self.folders.volume / place)

    @property
    def sessions(self) -> frozenset[int]:
        return frozenset().union(*(c.sessions for c in self.containers.values()))

    def tail(self, lines: int = 12) -> str:
        """Return the last lines of each container's log."""
        return "\n".join(
            f"===== {self.name} {name} (started {c.starts}x, last exit {c.last_exit})\n{c.tail(lines)}"
            for name, c in self.containers.items()
        )

    def make_exec(self, *argv: str) -> Command:
        """Make the command that runs a tool in this pod, as `kubectl exec` does; raises NotRunningError."""
        container = self.containers.get(SIDECAR) or self.containers[MAIN]
        return self.runtime.make_exec(argv, self._make_run(container), container.run)

    def _kill_everything(self) -> None:
        """Kill all containers at once, then those that were just starting."""
        processes.kill(self.mark, self.sessions)
        for container in self.containers.values():
            container.kill()

    def _make_run(self, container: Container) -> Run:
        return Run(self.name, container.name, container.argv, self.env, self.folders, container.mark, self.namespace)

    def _run(self, name: str) -> int | None:
        """Run a container once from start to end; returns the status, or None if no container may start any more."""
        container = self.containers[name]
        with self._starting:
            if self._ending.is_set():
                return None
            container.start(self.runtime, self._make_run(container))
        return container.wait()

    def _keep_running(self, name: str, *, until_zero: bool = False) -> None:
        if name not in self.containers:
            return
        pause = BACKOFF[0]
        while True:
            began = time.monotonic()
            status = self._run(name)
            if status is None or (until_zero and status == 0):
                return
            pause = BACKOFF[0] if time.monotonic() - began > SETTLED else pause
            self._ending.wait(pause)
            pause = min(pause * 2, BACKOFF[1])

    def _keep_agent(self) -> None:
        self._installed.wait()
        self._keep_running(SIDECAR)

    def _keep_main(self) -> None:
        self._keep_running("install", until_zero=True)
        self._installed.set()
        self._keep_running("restore", until_zero=True)
        self._keep_running("bootstrap", until_zero=True)
        self._keep_running(MAIN)
