"""Which processes belong to a container: found by a mark in their environment and by session, never by name.

The lab must work without root and namespaces, and all containers of all pods must die at once.
So each process carries a mark (the lab's folder, the pod, the container) that children inherit, whatever process group
or session they move to.
Knows nothing of pods, restarts or databases.
"""

import os
import signal
import time
from pathlib import Path

MARK = "LAB_MARK"
"""The environment variable that carries the mark, for example `/tmp/gl-1/mysql-0/agent`."""

NO_SESSIONS: frozenset[int] = frozenset()


class ProcessesRemainError(Exception):
    """Something survived SIGKILL for too long, for example in uninterruptible I/O."""


def is_below(mark: str, prefix: str) -> bool:
    """Whether the mark is the prefix or lies below it: `a/b` covers `a/b` and `a/b/c`, not `a/bc`."""
    return mark == prefix or mark.startswith(f"{prefix}/")


def _mark_of(proc: Path) -> str:
    environ = (proc / "environ").read_bytes()
    wanted = f"{MARK}=".encode()
    return next((v[len(wanted) :].decode() for v in environ.split(b"\0") if v.startswith(wanted)), "")


def _state_and_session(proc: Path) -> tuple[str, int]:
    # The command's name stands in brackets and may hold anything, so the fields are counted behind the last bracket.
    fields = (proc / "stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[3])


def members(prefix: str, sessions: frozenset[int] = NO_SESSIONS) -> list[int]:
    """The pids of all living processes below the mark or in one of the sessions, without zombies and ourselves."""
    found = []
    for proc in Path("/proc").iterdir():
        if not proc.name.isdigit() or int(proc.name) == os.getpid():
            continue
        try:
            state, session = _state_and_session(proc)
            if state not in "ZX" and (session in sessions or is_below(_mark_of(proc), prefix)):
                found.append(int(proc.name))
        except OSError:
            continue  # gone meanwhile, or another user's
    return found


def is_first(pid: int) -> bool:
    """Whether it is the first process of a PID namespace of its own, as a container's is."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    # Its pid in each namespace, from ours inwards (proc(5), NSpid).
    numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
    return len(numbers) > 1 and numbers[-1] == "1"


def send(number: signal.Signals, prefix: str, sessions: frozenset[int] = NO_SESSIONS) -> int:
    """Signal every member at once; the count of those that were there."""
    pids = members(prefix, sessions)
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
    return len(pids)


def kill(prefix: str, sessions: frozenset[int] = NO_SESSIONS, *, seconds: float = 60.0) -> None:
    """SIGKILL every member, again and again until none is left: a fork may have been under way.

    Raises ProcessesRemainError when some live on for `seconds`.
    """
    deadline = time.monotonic() + seconds
    while send(signal.SIGKILL, prefix, sessions):
        if time.monotonic() > deadline:
            raise ProcessesRemainError(f"{members(prefix, sessions)} below {prefix} survive SIGKILL")
        time.sleep(0.005)
