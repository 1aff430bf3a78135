"""A pod on one loopback address, and what a kubelet does with it.

Order and restarts as Kubernetes has them: `install` is an init container (run until it ends with 0), the agent a
native sidecar (started next, stopped last, restarted always), `bootstrap` another init container, `mysql` the main
container (restarted always).  What a pod does not have of these is passed over; most have no `restore`, an init
container before `bootstrap`.
Deliberately shorter than a kubelet's: the back-off, which begins at 0.2 s and ends at 2 s.
Knows nothing of the other pods.
"""

import shutil
import threading
import time
from collections.abc import Callable

from tests.lab import processes
from tests.lab.container import Container
from tests.lab.folders import Folders
from tests.lab.runtime import MAIN, SIDECAR, Command, Run, Runtime

BACKOFF = (0.2, 2.0)
"""Seconds before the first and before every later restart of a container that keeps ending."""

SETTLED = 10.0
"""Seconds that a container must have run for the back-off to start anew."""

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
        """Its network namespace, where it has one of its own."""
        self.extra_env: dict[str, str] = {}
        """Put over the environment of every container that starts from now on."""
        self._environment = environment
        self._ending = threading.Event()
        self._ending.set()
        self._installed = threading.Event()
        self._starting = threading.Lock()
        self._threads: list[threading.Thread] = []
        folders.logs.mkdir(parents=True, exist_ok=True)
        self.containers = {
            key: Container(key, argv, folders.logs / f"{key}.log", f"{self.mark}/{key}")
            for key, argv in runtime.commands(folders).items()
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
        """Run the containers on the folders as they are: after a creation, a reboot or a power cut alike."""
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
        """End in order: the main container, then the sidecar, SIGKILL for what outlives the grace period."""
        agent, main = self._threads
        deadline = time.monotonic() + grace
        self.forbid_starts()
        sidecar = [c for key, c in self.containers.items() if key == SIDECAR]
        others = [c for key, c in self.containers.items() if key != SIDECAR]
        # A kubelet gives what is left at least two seconds.
        for containers, thread, least in ((others, main, 0.0), (sidecar, agent, 2.0)):
            for container in containers:
                container.terminate()
            thread.join(max(least, deadline - time.monotonic()))
            for container in containers:
                container.kill()
            thread.join()

    def forbid_starts(self) -> None:
        """No container starts any more; those that run go on."""
        with self._starting:
            self._ending.set()

    def power_off(self) -> None:
        """SIGKILL everything at once and leave it off; volume and emptyDirs stay."""
        self.forbid_starts()
        self._kill_everything()
        for thread in self._threads:
            thread.join()

    def reboot(self) -> None:
        """The node reboots: SIGKILL, then init and main containers again on the same emptyDirs."""
        self.power_off()
        self.start()

    def kill_server(self) -> None:
        """SIGKILL the main container; the kubelet restarts it alone."""
        self.containers[MAIN].kill()

    def kill_all(self) -> None:
        """SIGKILL agent and main container; the kubelet restarts both, without init containers."""
        self._kill_everything()

    def restart_container(self, name: str = MAIN, *, grace: float = GRACE) -> None:
        """End one container in order, as after a failed probe; the kubelet restarts it."""
        container = self.containers[name]
        starts, deadline = container.starts, time.monotonic() + grace
        container.terminate()
        while container.starts == starts and container.running and time.monotonic() < deadline:
            time.sleep(0.02)
        if container.starts == starts and container.running:
            container.kill()

    def run_once(self, name: str) -> int:
        """Run a container that has ended once more, whatever else runs; its exit status."""
        container = self.containers[name]
        container.start(self.runtime, self._next_run(container))
        return container.wait()

    def pause(self, *names: str) -> None:
        """SIGSTOP the named containers, all without a name."""
        for name in names or self.containers:
            self.containers[name].pause()

    def resume(self, *names: str) -> None:
        """SIGCONT the named containers, all without a name."""
        for name in names or self.containers:
            self.containers[name].resume()

    def wipe_empty_dirs(self) -> None:
        """What a deletion takes away."""
        for folder in self.folders.empty_dirs:
            shutil.rmtree(folder, ignore_errors=True)

    def wipe_volume(self) -> None:
        """Lose the volume; only while the pod is off."""
        assert not self.on, f"{self.name} still runs"
        shutil.rmtree(self.folders.volume, ignore_errors=True)

    @property
    def sessions(self) -> frozenset[int]:
        return frozenset().union(*(c.sessions for c in self.containers.values()))

    def tail(self, lines: int = 12) -> str:
        """The last lines of each container's log."""
        return "\n".join(
            f"===== {self.name} {name} (started {c.starts}x, last exit {c.last_exit})\n{c.tail(lines)}"
            for name, c in self.containers.items()
        )

    def inside(self, *argv: str) -> Command:
        """A command of the toolkit in this pod, as `kubectl exec` runs it; raises NotRunningError."""
        container = self.containers.get(SIDECAR) or self.containers[MAIN]
        return self.runtime.inside(argv, self._next_run(container), container.run)

    def _kill_everything(self) -> None:
        """All containers at once, then those that were only about to start."""
        processes.kill(self.mark, self.sessions)
        for container in self.containers.values():
            container.kill()

    def _next_run(self, container: Container) -> Run:
        return Run(self.name, container.name, container.argv, self.env, self.folders, container.mark, self.namespace)

    def _run(self, name: str) -> int | None:
        """One run of a container from start to end; None when none may start any more."""
        container = self.containers[name]
        with self._starting:
            if self._ending.is_set():
                return None
            container.start(self.runtime, self._next_run(container))
        return container.wait()

    def _keep(self, name: str, *, until_zero: bool = False) -> None:
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
        self._keep(SIDECAR)

    def _keep_main(self) -> None:
        self._keep("install", until_zero=True)
        self._installed.set()
        self._keep("restore", until_zero=True)
        self._keep("bootstrap", until_zero=True)
        self._keep(MAIN)
