"""A backup or an arbitrator: a process that works for the lab's members, with its own address, and is no pod."""

import subprocess
from pathlib import Path

from tests.lab import processes
from tests.lab.lab import Lab
from tests.lab.layout import write_user_options
from tests.lab.pod import Pod
from tests.lab.user import wrap_for_pod

FIRST = 100
"""The first ordinal that no pod has: the addresses of this one and of those above it are free."""


class Companion:
    """One of our programs that runs beside the members; use it as a context manager, which ends it."""

    def __init__(self, lab: Lab, number: int, *argv: str, env: dict[str, str] | None = None) -> None:
        self.pod: Pod = lab.layout.make_pod(FIRST + number)
        for folder in (self.pod.folders.volume, *self.pod.folders.empty_dirs, self.pod.folders.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_user_options(self.pod)
        # Not below the lab's own mark: a power cut of the members does not end this process.
        self.mark = f"{lab.folder}-beside/{number}"
        self.log = self.pod.folders.logs / f"{argv[1]}.log"
        # A pod of a Job or of a Deployment: its name has no ordinal.
        name = {"POD_NAME": "mysql-of-nobody"}
        self._environment = {**self.pod.env, **name, **(env or {}), processes.MARK: self.mark}
        self._argv = argv
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                wrap_for_pod(self._argv),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def restart(self) -> None:
        """Kill it and start it again on the same folders, like a restarted container."""
        self.kill()
        self.process = self._start()

    def read_log(self) -> str:
        """Read what it has logged so far."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """Send SIGKILL to all of its processes."""
        processes.kill(self.mark, frozenset({self.process.pid}))
        self.process.wait()

    def __enter__(self) -> "Companion":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def start_backup(lab: Lab, to: Path, *options: str) -> Companion:
    """Start a backup of the lab's members into the folder."""
    to.mkdir(mode=0o700, exist_ok=True)
    return Companion(lab, 0, "galera-bootstrap", "backup", f"--to={to}", *options)


def start_arbitrator(lab: Lab) -> Companion:
    """Start an arbitrator for the lab's members."""
    return Companion(lab, 1, "galera-bootstrap", "arbitrate")
