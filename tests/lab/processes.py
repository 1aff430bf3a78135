"""Which processes belong to a container: found by a mark in their environment and by session, never by name.

The lab must work without root and namespaces, and must be able to kill all containers of all pods at once.
So each process has a mark (the lab's folder, the pod, the container). Its children inherit the mark, even in another
process group or session.
This module knows nothing of pods, restarts or databases.
"""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

MARK = "LAB_MARK"
"""The environment variable with the mark, for example `/tmp/gl-1/mysql-0/agent`."""

NO_SESSIONS: frozenset[int] = frozenset()


class ProcessesRemainError(Exception):
    """A process survived SIGKILL for too long, for example in uninterruptible I/O."""


def is_below(mark: str, prefix: str) -> bool:
    """Whether the mark equals the prefix or is below it: `a/b` and `a/b/c` are below `a/b`, `a/bc` is not."""
    return mark == prefix or mark.startswith(f"{prefix}/")


def _read_mark(proc: Path) -> str:
    environ = (proc / "environ").read_bytes()
    wanted = f"{MARK}=".encode()
    return next((v[len(wanted) :].decode() for v in environ.split(b"\0") if v.startswith(wanted)), "")


def _read_state_and_session(proc: Path) -> tuple[str, int]:
    # The command's name is in brackets and may contain any character, so the fields are counted from the last bracket.
    fields = (proc / "stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[3])


def find_members(prefix: str, sessions: frozenset[int] = NO_SESSIONS) -> list[int]:
    """Find the pids of all processes below the mark or in one of the sessions, without zombies and this process."""
    found = []
    for proc in Path("/proc").iterdir():
        if not proc.name.isdigit() or int(proc.name) == os.getpid():
            continue
        try:
            state, session = _read_state_and_session(proc)
            if state not in "ZX" and (session in sessions or is_below(_read_mark(proc), prefix)):
                found.append(int(proc.name))
        except OSError:
            continue  # it has ended meanwhile, or belongs to another user
    return found


def find_named(name: str, prefix: str, sessions: frozenset[int] = NO_SESSIONS) -> list[int]:
    """Find those of the members whose program has this name."""
    found = []
    for pid in find_members(prefix, sessions):
        with suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                found.append(pid)
    return found


def is_first(pid: int) -> bool:
    """Whether this is the first process of its own PID namespace, like the first process of a container."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    # The pids in each namespace, from ours to the innermost (proc(5), NSpid).
    numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
    return len(numbers) > 1 and numbers[-1] == "1"


def find_first(prefix: str) -> int | None:
    """Find the first process of a container with a PID namespace of its own; None if there is none now."""
    return next((pid for pid in find_members(prefix) if is_first(pid)), None)


def send(number: signal.Signals, prefix: str, sessions: frozenset[int] = NO_SESSIONS) -> int:
    """Send a signal to all members; returns their number."""
    pids = find_members(prefix, sessions)
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
    return len(pids)


def freeze(pids: Iterable[int], *, seconds: float = 60.0) -> None:
    """Send SIGSTOP, and return when every thread of these processes stands still.  Raises TimeoutError.

    kill(2) does not wait: until the signal arrives, on a busy machine for some time, other threads answer and go on.
    """
    stopped = list(pids)
    for pid in stopped:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + seconds
    for pid in stopped:
        while not _is_still(pid):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{pid} does not stand still {seconds:.0f} s after SIGSTOP")
            time.sleep(0.002)


def _is_still(pid: int) -> bool:
    """Whether no thread of the process runs: each is stopped or has ended."""
    try:
        return all(_read_state_and_session(task)[0] in "TtZX" for task in Path(f"/proc/{pid}/task").iterdir())
    except (ProcessLookupError, FileNotFoundError):
        # If the process is there, one of its threads has ended meanwhile: it must be looked at again.
        return not Path(f"/proc/{pid}").exists()


def kill(prefix: str, sessions: frozenset[int] = NO_SESSIONS, *, seconds: float = 60.0) -> None:
    """Send SIGKILL to all members again and again until none is left, because one may be forking.

    Raises ProcessesRemainError if some still exist after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while send(signal.SIGKILL, prefix, sessions):
        if time.monotonic() > deadline:
            raise ProcessesRemainError(f"{find_members(prefix, sessions)} below {prefix} survive SIGKILL")
        time.sleep(0.005)
