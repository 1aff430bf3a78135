"""What works for the lab's members without being one: a backup, an arbitrator; processes on an address of their own."""

import subprocess
from pathlib import Path

from tests.lab import processes
from tests.lab.lab import Lab
from tests.lab.layout import write_user_options
from tests.lab.machine import as_pod
from tests.lab.pod import Pod

FIRST = 100
"""Ordinals from here on are nobody's: their addresses are free."""


class Beside:
    """A program of ours beside the members; use it as a context manager, which ends it."""

    def __init__(self, lab: Lab, number: int, *argv: str, env: dict[str, str] | None = None) -> None:
        self.pod: Pod = lab.layout.pod(FIRST + number)
        for folder in (self.pod.folders.volume, *self.pod.folders.empty_dirs, self.pod.folders.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_user_options(self.pod)
        # Not below the lab's own: a power cut of the members is none of it.
        self.mark = f"{lab.folder}-beside/{number}"
        self.log = self.pod.folders.logs / f"{argv[1]}.log"
        # A pod of a Job or a Deployment: its name says nothing.
        told = {**self.pod.env, "POD_NAME": "mysql-of-nobody", **(env or {}), processes.MARK: self.mark}
        self._environment, self._argv = told, argv
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                as_pod(self._argv),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def again(self) -> None:
        """Start it anew on the same folders, as a restarted container."""
        self.kill()
        self.process = self._start()

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL to all of it."""
        processes.kill(self.mark, frozenset({self.process.pid}))
        self.process.wait()

    def __enter__(self) -> "Beside":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def backup(lab: Lab, to: Path, *options: str) -> Beside:
    """A backup of the lab's members into the folder, under way."""
    to.mkdir(mode=0o700, exist_ok=True)
    return Beside(lab, 0, "galera-bootstrap", "backup", f"--to={to}", *options)


def arbitrator(lab: Lab) -> Beside:
    """An arbitrator for the lab's members."""
    return Beside(lab, 1, "galera-bootstrap", "arbitrate")
