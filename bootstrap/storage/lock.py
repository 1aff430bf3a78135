"""The volume's two locks, flocks on `meta/lock` and on `meta/agent.lock`.

The second one belongs to the volume's only agent (`storage/agent_lock.py`).  The first one says
whether anything else lives on the volume, and the rest of this page is about it.

The descriptor is inheritable and stays open across exec into mariadbd, and the scripts that mariadbd starts for a
state transfer inherit it, too.  So the kernel answers whether a server, a starter or a state transfer is alive here;
a pid file could be wrong.  Knows nothing of what the holders do.
"""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from bootstrap.errors import JournalUnwritableError, VolumeBusyError

_PROBE_TRIES = 5
_PROBE_PAUSE = 0.01
"""Seconds; a probe (`is_free`) holds the lock for an instant, which must not look like a holder."""
_WAIT_PAUSE = 0.1
"""Seconds between two tries of a waiting starter."""


def acquire(path: Path) -> int:
    """Take the lock and return its descriptor; exec and children keep it, and closing it everywhere releases it (R19).

    Makes the folder, but not the volume: a starter may run before the agent, and without a volume it must not create a
    database in its container's own layer.
    Raises VolumeBusyError when another process holds it, JournalUnwritableError when the file cannot be opened.
    """
    make_folder(path.parent)
    for attempt in range(_PROBE_TRIES):
        if attempt:
            time.sleep(_PROBE_PAUSE)
        fd = _open(path, os.O_RDWR | os.O_CREAT)
        if _try_to_lock(fd, path):
            os.set_inheritable(fd, True)  # noqa: FBT003 - positional only
            return fd
        os.close(fd)
    raise VolumeBusyError(
        f"{path} is held by another process: a server, a starter or a state transfer is alive on this volume; "
        "wait until it has ended"
    )


def acquire_waiting(path: Path, deadline: float | None, on_wait: Callable[[], None]) -> int:
    """Take the lock, waiting for its holder until the deadline (seconds of time.monotonic; None = without limit).

    `on_wait` is called once, when the first try finds the lock held.  A wait is normal: after mariadbd was killed, the
    scripts of a state transfer hold the lock for another second or more.
    Raises VolumeBusyError at the deadline, JournalUnwritableError as `acquire` does.
    """
    waiting = False
    while True:
        try:
            return acquire(path)
        except VolumeBusyError:
            if deadline is not None and time.monotonic() >= deadline:
                raise
        if not waiting:
            on_wait()
            waiting = True
        time.sleep(_WAIT_PAUSE)


def is_free(path: Path) -> bool:
    """Whether no process holds the lock; a lock file that does not exist was never held.

    Tries a shared lock, so that two probes do not see each other, and releases it at once.
    Raises JournalUnwritableError when the file cannot be opened.
    """
    try:
        fd = _open(path, os.O_RDONLY)
    except JournalUnwritableError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return True
        raise
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def make_folder(folder: Path, *, parents: bool = False) -> None:
    """Make the lock's folder, with `parents` also those above it; raises JournalUnwritableError."""
    try:
        folder.mkdir(mode=0o700, parents=parents, exist_ok=True)
    except OSError as error:
        raise JournalUnwritableError(
            f"cannot make {folder}: {error.strerror}; mount the volume, and let this user write to it"
        ) from error


def _open(path: Path, flags: int) -> int:
    """Open the lock file itself, never the target of a symlink: that could be another volume's lock, or no lock."""
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalUnwritableError(
            f"cannot open the volume's lock {path}: {error.strerror}; it must be a plain file that this user may write"
        ) from error


def _try_to_lock(fd: int, path: Path) -> bool:
    """Try to lock; a lock on a file that was replaced under its name since then protects nothing."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(fd), path.lstat())
    except (BlockingIOError, FileNotFoundError):
        return False
