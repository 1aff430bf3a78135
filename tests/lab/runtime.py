"""The interface of a runtime, which runs a pod's containers.

There are two runtimes: plain processes (`plain.py`), and containers from images (`podman.py`).
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
    """There is no running container in which to run a command."""


@dataclass(frozen=True)
class Run:
    """Everything that a runtime needs to start a container once."""

    pod: str
    """The pod's name."""
    container: str
    """The container's name in the pod."""
    argv: tuple[str, ...]
    """What to run; if it begins with an option, the image's own entrypoint gets it (`args` without `command`)."""
    env: Mapping[str, str]
    """The environment that the manifest gives it."""
    folders: Folders
    """The pod's folders."""
    mark: str
    """The mark by which its processes are found, see `processes.py`."""
    namespace: str = ""
    """The network namespace of the pod, as ip-netns(8) names it; empty for the machine's network."""


class Running(Protocol):
    """A run that was started."""

    @property
    def sessions(self) -> frozenset[int]:
        """The sessions of the container, to find processes that dropped their environment."""

    def wait(self) -> int:
        """Wait for the end of all its processes; returns the exit status, negative for a signal."""

    def terminate(self) -> None:
        """Send SIGTERM to its first process only."""

    def kill(self) -> None:
        """Send SIGKILL to all its processes, even if it is still starting; returns when none of them exists."""


@dataclass(frozen=True)
class Command:
    """A command to run on this machine."""

    argv: tuple[str, ...]
    env: Mapping[str, str]


class Runtime(Protocol):
    """Starts containers, and knows where a pod's files are."""

    def make_commands(self, folders: Folders) -> Commands:
        """Return what a pod's containers run."""

    def make_settings(self, folders: Folders) -> dict[str, str]:
        """Return the variables that differ between runtimes: paths."""

    def share(self, path: Path, mode: int) -> None:
        """Let the pod's processes use a folder or file with this mode, as fsGroup does."""

    def start(self, run: Run, log: IO[bytes]) -> Running:
        """Start a container that writes to the log; raises OSError if the command cannot be started."""

    def make_exec(self, argv: tuple[str, ...], run: Run, running: Running | None) -> Command:
        """Return the command that runs a tool in a container as `kubectl exec` does; raises NotRunningError."""

    def sweep(self, folder: Path) -> None:
        """Remove what is left of ended containers of the lab in this folder."""


def make_commands(tools: str, cnf: PurePath) -> dict[str, tuple[str, ...]]:
    """Return the commands of a manifest's containers, word for word; `tools` is their folder, with a final slash."""
    return {
        SIDECAR: (f"{tools}galera-bootstrap", "agent"),
        "bootstrap": (
            f"{tools}peer-finder",
            "-service=galera",
            f"-on-start={tools}galera-bootstrap on-start",
            "-exit-status=hook",
        ),
        MAIN: (f"{tools}galera-bootstrap", "start", "--", "mariadbd", f"--defaults-file={cnf}"),
    }
