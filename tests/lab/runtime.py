"""What runs a pod's containers: the interface that a container, a pod and a lab see of it.

Two runtimes have it: plain processes (`plain.py`), and containers made from images (`podman.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, Protocol

from tests.lab.folders import Folders

Commands = Mapping[str, tuple[str, ...]]
"""The argument lists of a pod's containers: `install`, `agent`, `bootstrap`, `mysql`, or some of them."""

SIDECAR = "agent"
"""The container that is a native sidecar: started after `install`, ended last."""

MAIN = "mysql"
"""The main container."""


class NotRunningError(OSError):
    """Nothing runs in which a command could be run."""


@dataclass(frozen=True)
class Run:
    """One start of a container, as the pod wants it."""

    pod: str
    """The pod's name."""
    container: str
    """The container's name in the pod."""
    argv: tuple[str, ...]
    """What to run; one that begins with an option is for the image's own entrypoint (`args` without `command`)."""
    env: Mapping[str, str]
    """The environment that the manifest gives it."""
    folders: Folders
    """The pod's folders."""
    mark: str
    """What its processes are found by, see `processes.py`."""
    namespace: str = ""
    """The network namespace of the pod, as ip-netns(8) names it; without one it has the machine's network."""


class Running(Protocol):
    """A run under way."""

    @property
    def sessions(self) -> frozenset[int]:
        """Sessions that are the container's, for processes that dropped their environment."""

    def wait(self) -> int:
        """Wait for its end and for the end of all that it has started; its exit status, negative for a signal."""

    def terminate(self) -> None:
        """SIGTERM to its first process alone."""

    def kill(self) -> None:
        """SIGKILL to all of it, also when it is only about to start; returns when nothing of it lives."""


@dataclass(frozen=True)
class Command:
    """Something to run on this machine."""

    argv: tuple[str, ...]
    env: Mapping[str, str]


class Runtime(Protocol):
    """Starts containers, and knows what a pod looks like from inside."""

    def commands(self, folders: Folders) -> Commands:
        """What a pod's containers run."""

    def settings(self, folders: Folders) -> dict[str, str]:
        """The variables that differ between runtimes: where things are."""

    def share(self, path: Path, mode: int) -> None:
        """Let the pod's processes use a folder or file with this mode, as fsGroup does."""

    def start(self, run: Run, log: IO[bytes]) -> Running:
        """Start a container that writes to the log; raises OSError when it cannot even be tried."""

    def inside(self, argv: tuple[str, ...], run: Run, running: Running | None) -> Command:
        """A command of the toolkit beside a container, as `kubectl exec` runs it; raises NotRunningError."""

    def sweep(self, folder: Path) -> None:
        """Remove what is left of the containers of the lab in the folder, when nothing of them runs."""


def commands(tools: str, cnf: PurePath) -> dict[str, tuple[str, ...]]:
    """The containers of a manifest, word for word; `tools` is the place of the commands, with a final slash."""
    return {
        SIDECAR: (f"{tools}galera-bootstrap", "agent"),
        "bootstrap": (f"{tools}peer-finder", "-service=galera", f"-on-start={tools}galera-bootstrap on-start"),
        MAIN: (f"{tools}galera-bootstrap", "start", "--", "mariadbd", f"--defaults-file={cnf}"),
    }
