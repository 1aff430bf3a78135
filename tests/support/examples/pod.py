"""Runs a pod as the kubelet does: init containers in order, sidecars, containers; one that ends is started again."""

import os
import select
import signal
import subprocess
import threading
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import IO

from tests.lab.processes import freeze
from tests.support.examples.container import OURS, Container, Surroundings
from tests.support.manifests.built import Document, containers

BACKOFF = 1.0
"""Seconds before an ended container is started again; the kubelet waits ten seconds, and longer each time."""

END_SECONDS = 60.0


class Pod:
    """One pod from its creation to its end by SIGKILL."""

    def __init__(self, spec: Document, around: Surroundings, logs: Path) -> None:
        self.containers = {name: Container(one, around) for name, one in containers(spec).items()}
        self.restarts = dict.fromkeys(self.containers, 0)
        self._spec, self._around, self._logs = spec, around, logs
        self._ended = threading.Event()
        self._changing = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        # A process ends with the thread that started it, so each container needs a thread that lives as long.
        self._threads = [threading.Thread(target=self._begin, daemon=True)]
        self._threads[0].start()

    def log(self, container: str) -> str:
        """The log of a container, of all its runs."""
        path = self._logs / f"{container}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def freeze(self) -> None:
        """Stop all processes, and start none again: they keep their connections, and notice nothing more."""
        with self._changing:
            self._ended.set()
        freeze(self._pids())

    def kill(self) -> None:
        """Send SIGKILL to all processes at once; return when none of them is left.  Raises TimeoutError."""
        with self._changing:
            self._ended.set()
        with ExitStack() as stack:
            handles = [stack.enter_context(handle) for handle in map(handle_of, self._pids()) if handle]
            for process in tuple(self._processes):
                process.kill()
            # A process that starts at this moment does not yet end with its parent.
            send(signal.SIGKILL, self._pids())
            deadline = monotonic() + END_SECONDS
            for thread in self._threads:
                thread.join(max(0.0, deadline - monotonic()))
            # A process leaves its namespace before it closes its sockets, and its peers must notice the close.
            while self._pids() or not all(map(has_ended, handles)):
                if monotonic() > deadline:
                    raise TimeoutError(f"processes of {self._around.space} survive SIGKILL")
                sleep(0.02)
                send(signal.SIGKILL, self._pids())

    def _pids(self) -> list[int]:
        """All processes in the pod's network namespace."""
        words = ("ip", "netns", "pids", self._around.space)
        return [int(pid) for pid in subprocess.run(words, capture_output=True, check=True).stdout.split()]

    def _begin(self) -> None:
        for one in self._spec.get("initContainers", ()):
            if one["name"] == "install":
                install(self._around.volumes["workdir"])
            elif one.get("restartPolicy") == "Always":
                self._supervise(one["name"])
            else:
                while not self._ended.is_set() and self._run(one["name"]) != 0:
                    self._wait_backoff(one["name"])
        for one in self._spec["containers"]:
            self._supervise(one["name"])

    def _supervise(self, name: str) -> None:
        def run_forever() -> None:
            while not self._ended.is_set():
                self._run(name)
                self._wait_backoff(name)

        with self._changing:
            if self._ended.is_set():
                return
            thread = threading.Thread(target=run_forever, daemon=True)
            self._threads.append(thread)
        thread.start()

    def _run(self, name: str) -> int:
        with (self._logs / f"{name}.log").open("ab") as log:
            with self._changing:
                if self._ended.is_set():
                    return 0
                process = self.containers[name].start(log)
                self._processes.add(process)
            return process.wait()

    def _wait_backoff(self, name: str) -> None:
        if not self._ended.wait(BACKOFF):
            self.restarts[name] += 1


def send(number: signal.Signals, pids: Iterable[int]) -> None:
    """Signal those processes that still run."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def handle_of(pid: int) -> IO[bytes] | None:
    """A handle of a process, which stays right even when its pid is used again; None when the process has ended."""
    try:
        return os.fdopen(os.pidfd_open(pid), "rb", buffering=0)
    except ProcessLookupError:
        return None


def has_ended(handle: IO[bytes]) -> bool:
    """Whether the process has ended completely."""
    return bool(select.select([handle], [], [], 0)[0])


def install(workdir: Path) -> None:
    """Do what the tool image's *install* does; here with links to this clone's commands."""
    for command in ("peer-finder", "galera-bootstrap"):
        (workdir / command).unlink(missing_ok=True)
        (workdir / command).symlink_to(Path(OURS) / command)
