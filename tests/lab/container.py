"""One container of a pod: a command, its environment, its log and everything that it has started.

Knows how a runtime starts and ends a container; when to do so (restart policies, order) is the pod's business.
"""

import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from tests.lab import processes


class Container:
    """A container that can run many times, one run after the other."""

    def __init__(self, name: str, argv: tuple[str, ...], log: Path, mark: str) -> None:
        self.name = name
        self.argv = argv
        self.log = log
        self.mark = mark
        self.starts = 0
        """How often it was started."""
        self.last_exit: int | None = None
        """The exit status of the last run that ended; negative for a signal."""
        self._process: subprocess.Popen[bytes] | None = None
        self._changing = threading.Lock()

    @property
    def running(self) -> bool:
        """Whether its first process lives."""
        return self._process is not None

    def start(self, env: Mapping[str, str]) -> None:
        """Start the command in a session of its own, with the mark in its environment."""
        with self._changing, self.log.open("ab") as log:
            self.starts += 1
            self._note(log, f"start {self.starts}: {' '.join(self.argv)}")
            try:
                self._process = subprocess.Popen(
                    self.argv,
                    env={**env, processes.MARK: self.mark},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as exc:
                self._note(log, f"cannot start: {exc}")
                self.last_exit = 127

    def wait(self) -> int:
        """Wait for the first process to end; end, as its PID namespace would, what it left behind."""
        process = self._process
        if process is None:
            return 127
        status = process.wait()
        processes.kill(self.mark, frozenset({process.pid}))
        with self._changing, self.log.open("ab") as log:
            self._note(log, f"end {self.starts}: status {status}")
            self.last_exit, self._process = status, None
        return status

    def terminate(self) -> None:
        """SIGTERM to the first process alone, as a runtime does."""
        with self._changing:
            if self._process is not None:
                self._process.terminate()

    def kill(self) -> None:
        """SIGKILL to all of it."""
        processes.kill(self.mark, self.sessions)

    def pause(self) -> None:
        """SIGSTOP to all of it."""
        processes.send(signal.SIGSTOP, self.mark, self.sessions)

    def resume(self) -> None:
        """SIGCONT to all of it."""
        processes.send(signal.SIGCONT, self.mark, self.sessions)

    @property
    def sessions(self) -> frozenset[int]:
        """The session of the run under way, for processes that dropped their environment."""
        process = self._process
        return frozenset() if process is None else frozenset({process.pid})

    def tail(self, lines: int = 12) -> str:
        """The last lines of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _note(self, log: IO[bytes], text: str) -> None:
        log.write(f"--- {time.strftime('%H:%M:%S')} {self.name}: {text}\n".encode())
        log.flush()
