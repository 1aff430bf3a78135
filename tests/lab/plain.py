"""Containers as plain processes: neither root nor images are needed, and all paths are the machine's."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.lab import processes
from tests.lab.folders import Folders
from tests.lab.machine import as_pod, command_path, provider
from tests.lab.runtime import Command, Commands, Run, Running, commands


class Process:
    """A run as a process in a session of its own."""

    def __init__(self, process: subprocess.Popen[bytes], mark: str) -> None:
        self._process, self._mark = process, mark

    @property
    def sessions(self) -> frozenset[int]:
        return frozenset({self._process.pid})

    def wait(self) -> int:
        """End, as the end of a PID namespace would, what the first process left behind."""
        status = self._process.wait()
        self.kill()
        return status

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        processes.kill(self._mark, self.sessions)


@dataclass(frozen=True)
class Plain:
    """The runtime of processes; as root they run under another uid (`machine.as_pod`)."""

    programs: Path | None = None
    """A folder whose programs come before the machine's, such as those of another server (`newer.programs`)."""
    restore: tuple[str, ...] = ()
    """The command of an init container `restore`; without it a pod has none."""

    def commands(self, folders: Folders) -> Commands:
        """The commands of this project's environment; there is nothing to install."""
        told = commands("", folders.config / "my-galera.cnf")
        return {**told, "restore": self.restore} if self.restore else told

    def settings(self, folders: Folders) -> dict[str, str]:
        """The pod's own folders, and a PATH; nothing is inherited."""
        places = {
            "DATA_ROOT": folders.volume,
            "RUN_DIR": folders.run,
            "CONFIG_DIR": folders.config,
            "SECRETS_DIR": folders.secrets,
            "PROVIDER": provider(),
        }
        return {
            "PATH": command_path() if self.programs is None else f"{self.programs}:{command_path()}",
            "HOME": str(folders.work),
            "TMPDIR": str(folders.work),
            "LANG": "C.UTF-8",
            **{f"GALERA_BOOTSTRAP_{name}": str(path) for name, path in places.items()},
        }

    def share(self, path: Path, mode: int) -> None:
        """Nothing to do: the pod's processes are ours."""

    def start(self, run: Run, log: IO[bytes]) -> Running:
        """Start the command with the mark in its environment; raises ValueError for a pod with its own network."""
        if run.namespace:
            raise ValueError("a process has the machine's resolv.conf: pods on a bridge must be containers")
        process = subprocess.Popen(
            as_pod(run.argv),
            env=_marked(run.env, run.mark),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return Process(process, run.mark)

    def inside(self, argv: tuple[str, ...], run: Run, running: Running | None) -> Command:  # noqa: ARG002  # see Runtime
        """The command in the pod's environment; it is not the container's, so it has no mark."""
        return Command(as_pod(argv), run.env)

    def sweep(self, folder: Path) -> None:
        """Nothing to do: a process leaves nothing behind."""


def _marked(env: Mapping[str, str], mark: str) -> dict[str, str]:
    return {**env, processes.MARK: mark}
