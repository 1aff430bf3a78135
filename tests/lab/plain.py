"""Containers as plain processes: they need neither root nor images, and all paths are those of the machine."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.lab import processes
from tests.lab.folders import Folders
from tests.lab.machine import command_path, find_provider
from tests.lab.runtime import Command, Commands, Run, Running, make_commands
from tests.lab.user import wrap_for_pod


class Process:
    """A run as a process with its own session."""

    def __init__(self, process: subprocess.Popen[bytes], mark: str) -> None:
        self._process, self._mark = process, mark

    @property
    def sessions(self) -> frozenset[int]:
        return frozenset({self._process.pid})

    def wait(self) -> int:
        """Wait for the first process, then kill what it left behind, as the end of a PID namespace does."""
        status = self._process.wait()
        self.kill()
        return status

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        processes.kill(self._mark, self.sessions)


@dataclass(frozen=True)
class Plain:
    """The runtime of processes; as root they run under another uid (`user.wrap_for_pod`)."""

    series: str = ""
    """The series of MariaDB, such as 11.8; empty = the one that was chosen (`series.py`)."""
    restore: tuple[str, ...] = ()
    """The command of an init container `restore`; without it a pod has none."""

    def make_commands(self, folders: Folders) -> Commands:
        """Use the commands of this Python environment; there is nothing to install."""
        commands = make_commands("", folders.config / "my-galera.cnf")
        return {**commands, "restore": self.restore} if self.restore else commands

    def make_settings(self, folders: Folders) -> dict[str, str]:
        """Give the pod's own folders and a PATH; nothing is inherited."""
        places = {
            "DATA_ROOT": folders.volume,
            "RUN_DIR": folders.run,
            "CONFIG_DIR": folders.config,
            "SECRETS_DIR": folders.secrets,
            "PROVIDER": find_provider(),
        }
        return {
            "PATH": command_path(self.series),
            "HOME": str(folders.work),
            "TMPDIR": str(folders.work),
            "LANG": "C.UTF-8",
            **{f"GALERA_BOOTSTRAP_{name}": str(path) for name, path in places.items()},
        }

    def share(self, path: Path, mode: int) -> None:
        """Do nothing: the pod's processes have our own uid."""

    def start(self, run: Run, log: IO[bytes]) -> Running:
        """Start the command with the mark in its environment; raises ValueError for a pod with its own network."""
        if run.namespace:
            raise ValueError("a process has the machine's resolv.conf: pods on a bridge must be containers")
        process = subprocess.Popen(
            wrap_for_pod(run.argv),
            env={**run.env, processes.MARK: run.mark},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return Process(process, run.mark)

    def make_exec(self, argv: tuple[str, ...], run: Run, running: Running | None) -> Command:  # noqa: ARG002  # see Runtime
        """Use the pod's environment; the command is not part of the container, so it has no mark."""
        return Command(wrap_for_pod(argv), run.env)

    def sweep(self, folder: Path) -> None:
        """Do nothing: a process leaves nothing behind."""
