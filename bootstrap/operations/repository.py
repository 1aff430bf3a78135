"""A repository of backups in an object storage: runs restic, which encrypts, deduplicates and knows the storages.

The Secret's files are the repository's place, its password, and the storage's own variables; none is on a command line.
"""

import os
import re
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import IO, NamedTuple, NoReturn

from bootstrap.core.model.text import one_line
from bootstrap.core.repository import faults, restic, snapshots
from bootstrap.core.repository.faults import Fault
from bootstrap.core.repository.snapshots import Snapshot
from bootstrap.errors import (
    BackupFailedError,
    BootstrapError,
    RepositoryFullError,
    RepositoryLockedError,
    RepositoryRefusedError,
    RepositoryUnreachableError,
    SettingInvalidError,
)
from bootstrap.process import child
from bootstrap.process.log import Log

FOLDER = Path("/etc/galera-repository")
"""Where the Secret of the repository is mounted."""

PLACE, PASSWORD, CA, GOOGLE = "repository", "password", "ca.crt", "google.json"  # names of files
"""Files of the Secret that are not variables: `google.json` is the key of a service account of Google."""

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
"""All others are variables of the environment, as AWS_ACCESS_KEY_ID, and have such names."""

LOCK_POLL_S = 5.0

GRACE_S = 30.0
"""Seconds that restic gets to remove its lock when it is stopped."""

KEPT_LINES = 50


class Patience(NamedTuple):
    """For how many seconds what is in the way may pass by itself."""

    answer: float = 90.0
    """The storage must answer at the beginning; later, restic itself tries again for 15 minutes."""
    lock: float = 0.0
    """Another job may use the repository."""


class Result(NamedTuple):
    """What a call of restic gave."""

    status: int
    output: str
    errors: tuple[str, ...]
    """The last lines of stderr."""


class Repository:
    """One repository."""

    def __init__(self, folder: Path, log: Log, *, cache: Path | None = None, patience: Patience = Patience()) -> None:  # noqa: B008  # a constant
        """Read the Secret's files; raises SettingInvalidError."""
        self.log = log
        self.patience = patience
        self._environment = read_environment(folder)
        self._options: restic.Words = ("--json", f"--cache-dir={cache}" if cache else "--no-cache")
        if (folder / CA).exists():
            self._options = (*self._options, f"--cacert={folder / CA}")

    def open(self, *, create: bool) -> tuple[Snapshot, ...]:
        """Open the repository; returns our backups of all clusters, the oldest first.

        Where there is certainly none, make it if `create`.  Raises RepositoryRefusedError, RepositoryUnreachableError.
        """
        found = self._run(restic.LIST, timeout=self.patience.answer)
        if found.status == 0:
            return snapshots.parse(found.output)
        fault = faults.classify(found.status, "\n".join(found.errors))
        if fault is not Fault.ABSENT or not create:
            _fail(fault, found)
        self.log("there is no repository yet: a new one is made; keep its password, nothing can be restored without it")
        self.run(restic.CREATE)
        return ()

    def read_snapshots(self) -> tuple[Snapshot, ...]:
        """List our backups of all clusters, the oldest first."""
        return snapshots.parse(self.run(restic.LIST).output)

    def run(self, words: restic.Words, cwd: Path | None = None, *, lock: float | None = None) -> Result:
        """Run restic and wait for other jobs, `lock` seconds or as the patience says.

        Raises the error of what is in the way.
        """
        end = time.monotonic() + (self.patience.lock if lock is None else lock)
        is_waiting = False
        while (found := self._run(words, cwd)).status != 0:
            fault = faults.classify(found.status, "\n".join(found.errors))
            if fault is not Fault.LOCKED or (is_waiting and time.monotonic() > end):
                _fail(fault, found)
            if is_waiting:
                time.sleep(LOCK_POLL_S)
            else:
                self.log(f"waiting for another job: {faults.format_cause(found.errors)}")
                is_waiting = True
            # That of a job which was killed long ago does not count.
            self._run(restic.UNLOCK)
        return found

    def _run(self, words: restic.Words, cwd: Path | None = None, timeout: float | None = None) -> Result:
        with tempfile.TemporaryFile() as output:
            process = child.start(
                ("restic", *self._options, *words), stdout=output.fileno(), stderr=PIPE, env=self._environment, cwd=cwd
            )
            try:
                assert process.stderr is not None  # noqa: S101  # for mypy: it is a pipe
                with _limit(process, timeout) as is_late, process.stderr as stream:
                    errors = self._follow(process, stream)
                process.wait()
            finally:
                if process.poll() is None:
                    child.stop(process, GRACE_S)
            output.seek(0)
            if is_late():
                errors = (*errors, f"no answer, timeout after {timeout:g} s")
            return Result(process.returncode, output.read().decode(errors="replace"), errors)

    def _follow(self, process: child.Process, stream: IO[bytes]) -> tuple[str, ...]:
        """Read restic's errors until it ends, and stop it where it would try in vain; returns the last ones."""
        lines: deque[str] = deque(maxlen=KEPT_LINES)
        vain = ""
        for raw in stream:
            line = raw.decode(errors="replace").rstrip()
            lines.append(line)
            if vain:
                continue
            if faults.RETRY.search(line):
                self.log(f"restic: {one_line(line, faults.SHOWN)}")
            if faults.is_lasting(line):
                vain = line
                _end(process)
        return (vain,) if vain else tuple(lines)


CURES: dict[Fault, tuple[type[BootstrapError], str]] = {
    Fault.ABSENT: (
        RepositoryRefusedError,
        "compare `repository` in the Secret of the repository with that of the jobs that make the backups",
    ),
    Fault.REFUSED: (
        RepositoryRefusedError,
        "compare the password and the storage's keys in the Secret of the repository with those that it was made with",
    ),
    Fault.LOCKED: (
        RepositoryLockedError,
        "wait until that job has ended; the lock of a killed job counts for half an hour, then the next job removes it",
    ),
    Fault.FULL: (
        RepositoryFullError,
        "raise the quota or keep fewer backups, then run the job again; the backups before this one are whole",
    ),
    Fault.PARTLY: (BackupFailedError, "look at the disk of the copy"),
    Fault.UNREACHABLE: (
        RepositoryUnreachableError,
        "look at the network policy, the name server and the storage, then run the job again: it goes on",
    ),
    Fault.OTHER: (RepositoryRefusedError, "look up the message in restic's manual"),
}
"""What stands in the way -> the error, and what to do."""


def _fail(fault: Fault, found: Result) -> NoReturn:
    error, cure = CURES[fault]
    raise error(f"{fault}: {faults.format_cause(found.errors)}; {cure}")


def read_environment(folder: Path) -> dict[str, str]:
    """Return the environment of restic, with the variables of the Secret; raises SettingInvalidError."""
    try:
        files = {path.name: path for path in folder.iterdir() if not path.name.startswith(".")}
        missing = [name for name in (PLACE, PASSWORD) if name not in files or not files[name].read_text().strip()]
        variables = {name: path.read_text().rstrip("\r\n") for name, path in files.items() if VARIABLE.fullmatch(name)}
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingInvalidError(f"the Secret of the repository cannot be read ({exc}): mount it at {folder}") from exc
    if missing:
        raise SettingInvalidError(
            f"{folder} lacks {' and '.join(missing)}: the Secret of the repository needs `{PLACE}`, as "
            f"s3:https://HOST/BUCKET/FOLDER, `{PASSWORD}`, and the keys of the storage"
        )
    if GOOGLE in files:
        variables["GOOGLE_APPLICATION_CREDENTIALS"] = str(files[GOOGLE])
    own = {name: value for name, value in os.environ.items() if not name.startswith(("RESTIC_", "AWS_"))}
    ours = {
        "RESTIC_REPOSITORY_FILE": str(files[PLACE]),
        "RESTIC_PASSWORD_FILE": str(files[PASSWORD]),
        # A line of progress in a minute; times are those of the backups' names.
        "RESTIC_PROGRESS_FPS": "0.0167",
        "TZ": "UTC",
    }
    return {**own, **variables, **ours}


@contextmanager
def _limit(process: child.Process, seconds: float | None) -> Iterator[Callable[[], bool]]:
    """Stop the program after so many seconds; yields whether that was needed."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        _end(process)

    timer = threading.Timer(seconds or 0.0, stop)
    timer.daemon = True
    if seconds:
        timer.start()
    try:
        yield late.is_set
    finally:
        timer.cancel()


def _end(process: child.Process) -> None:
    """Let restic remove its lock and end; kill it if it does not."""
    process.terminate()
    timer = threading.Timer(GRACE_S, process.kill)
    timer.daemon = True
    timer.start()
