"""One container of a pod: its runs, one after the other, and their log.

The runtime knows how a run is started and ended; the pod knows when (restart policies, order).
"""

import signal
import threading
import time
from pathlib import Path
from typing import IO

from tests.lab import processes
from tests.lab.runtime import Run, Running, Runtime


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
        self.run: Running | None = None
        """The current run."""
        self._changing = threading.Lock()

    @property
    def is_running(self) -> bool:
        """Whether there is a current run: from the start of its first process to the end of that process."""
        return self.run is not None

    def start(self, runtime: Runtime, run: Run) -> None:
        """Let the runtime start it."""
        with self._changing, self.log.open("ab") as log:
            self.starts += 1
            self._note(log, f"start {self.starts}: {' '.join(run.argv)}")
            try:
                self.run = runtime.start(run, log)
            except OSError as exc:
                self._note(log, f"cannot start: {exc}")
                self.last_exit = 127

    def wait(self) -> int:
        """Wait for the end of the run and of all processes that it started; returns the exit status."""
        run = self.run
        if run is None:
            return 127
        status = run.wait()
        with self._changing, self.log.open("ab") as log:
            self._note(log, f"end {self.starts}: status {status}")
            self.last_exit, self.run = status, None
        return status

    def terminate(self) -> None:
        """Send SIGTERM to the first process only, as a container runtime does."""
        with self._changing:
            if self.run is not None:
                self.run.terminate()

    def kill(self) -> None:
        """Send SIGKILL to all of its processes."""
        run = self._get_run()
        if run is not None:
            run.kill()

    def pause(self) -> None:
        """Stop all of its processes, until `resume`."""
        processes.freeze(processes.find_members(self.mark, self.sessions))

    def resume(self) -> None:
        """Send SIGCONT to all of its processes."""
        processes.send(signal.SIGCONT, self.mark, self.sessions)

    @property
    def sessions(self) -> frozenset[int]:
        """The sessions of the current run, to find processes that dropped their environment."""
        run = self._get_run()
        return processes.NO_SESSIONS if run is None else run.sessions

    def tail(self, lines: int = 12) -> str:
        """Return the last lines of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _get_run(self) -> Running | None:
        """Return the current run; waits for one that is being started, because it may have logged something already."""
        with self._changing:
            return self.run

    def _note(self, log: IO[bytes], text: str) -> None:
        log.write(f"--- {time.strftime('%H:%M:%S')} {self.name}: {text}\n".encode())
        log.flush()
