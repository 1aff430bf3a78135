"""The volume's lock, with real processes that hold it, pass it on and die."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bootstrap.errors import JournalUnwritableError, VolumeBusyError
from bootstrap.storage import lock
from tests.paths import ROOT


@contextmanager
def holder(path: Path, then: str) -> Iterator[subprocess.Popen[str]]:
    """A process that takes the lock, says so, and goes on with `then`."""
    take = (
        "import os, sys, time, pathlib; from bootstrap.storage import lock\n"
        "fd = lock.acquire(pathlib.Path(sys.argv[1]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", f"{take}\n{then}", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


HOLD = "print('held', flush=True); sys.stdin.read()"
EXEC = "os.execvp('sh', ['sh', '-c', 'echo held; read line'])"
"""Becomes another program, as a starter becomes mariadbd."""
CHILD = (
    "import subprocess; subprocess.Popen(['sh', '-c', 'echo held; read line; sleep 0.5'], pass_fds=(fd,)); "
    "sys.stdin.close(); time.sleep(60)"
)
"""Starts a program that inherits the lock, as mariadbd starts the scripts of a state transfer."""


@pytest.mark.parametrize("then", [HOLD, EXEC, CHILD], ids=["in the taker", "across exec", "in a child as well"])
def test_a_held_lock_is_seen_and_refused(tmp_path: Path, then: str) -> None:
    path = tmp_path / "lock"
    with holder(path, then):
        assert not lock.is_free(path)
        with pytest.raises(VolumeBusyError, match="a server, a starter or a state transfer is alive"):
            lock.acquire(path)


@pytest.mark.parametrize("then", [HOLD, EXEC], ids=["in the taker", "across exec"])
def test_a_kill_frees_the_lock(tmp_path: Path, then: str) -> None:
    path = tmp_path / "lock"
    with holder(path, then) as process:
        process.kill()
        process.wait()
        assert lock.is_free(path)
        os.close(lock.acquire(path))


def test_a_child_keeps_the_lock_after_a_kill_of_its_parent_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    waited: list[str] = []
    with holder(path, CHILD) as process:
        process.kill()
        process.wait()
        assert not lock.is_free(path)
        assert process.stdin is not None
        child = process.stdin

        def wait() -> None:
            waited.append("waiting")
            child.close()

        os.close(lock.acquire_waiting(path, time.monotonic() + 60, wait))
    assert waited == ["waiting"]


def test_the_descriptor_is_inheritable(tmp_path: Path) -> None:
    fd = lock.acquire(tmp_path / "lock")
    assert os.get_inheritable(fd)
    os.close(fd)


def test_a_free_lock_is_taken_without_waiting(tmp_path: Path) -> None:
    waited: list[str] = []
    os.close(lock.acquire_waiting(tmp_path / "lock", None, lambda: waited.append("waiting")))
    assert waited == []


def test_the_wait_ends_at_its_deadline(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    waited: list[str] = []
    with holder(path, HOLD), pytest.raises(VolumeBusyError):
        lock.acquire_waiting(path, time.monotonic() + 0.3, lambda: waited.append("waiting"))
    assert waited == ["waiting"]


def test_probing_all_the_time_does_not_keep_a_starter_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    os.close(lock.acquire(path))
    end = threading.Event()

    def probe() -> None:
        while not end.is_set():
            lock.is_free(path)
            time.sleep(0.001)

    probes = [threading.Thread(target=probe) for _ in range(3)]
    for thread in probes:
        thread.start()
    try:
        for _ in range(50):
            os.close(lock.acquire_waiting(path, time.monotonic() + 60, lambda: None))
    finally:
        end.set()
        for thread in probes:
            thread.join()


def test_of_many_starters_at_once_one_gets_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    taken: list[int] = []

    def take() -> None:
        with suppress(VolumeBusyError):
            taken.append(lock.acquire(path))

    starters = [threading.Thread(target=take) for _ in range(16)]
    for thread in starters:
        thread.start()
    for thread in starters:
        thread.join()
    assert len(taken) == 1
    os.close(taken[0])


def test_a_lock_that_was_never_taken_is_free_and_not_created(tmp_path: Path) -> None:
    assert lock.is_free(tmp_path / "lock")
    assert not (tmp_path / "lock").exists()


def test_a_symlink_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalUnwritableError, match="must be a plain file"):
        lock.acquire(tmp_path / "lock")
    with pytest.raises(JournalUnwritableError, match="must be a plain file"):
        lock.is_free(tmp_path / "lock")
    assert not (tmp_path / "elsewhere").exists()


def test_the_folder_is_made_on_a_fresh_volume(tmp_path: Path) -> None:
    """A starter in a pod without a sidecar is there before its agent is."""
    os.close(lock.acquire(tmp_path / "meta" / "lock"))

    assert (tmp_path / "meta").stat().st_mode & 0o777 == 0o700


def test_a_missing_volume_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(JournalUnwritableError, match=r"^cannot make .*: No such file or directory; mount [^\n]*$"):
        lock.acquire(tmp_path / "no-volume" / "meta" / "lock")


def test_a_lock_file_replaced_under_its_name_does_not_count(tmp_path: Path) -> None:
    """Whoever holds the old file's lock protects nothing any more; the new one can be taken."""
    path = tmp_path / "lock"
    old = lock.acquire(path)
    path.unlink()
    new = lock.acquire(path)
    assert not os.path.samestat(os.fstat(old), os.fstat(new))
    os.close(old)
    os.close(new)


def test_a_lock_file_replaced_between_opening_and_locking_does_not_count(tmp_path: Path) -> None:
    """The file that was opened is not locked, but the next process will open another one."""
    path = tmp_path / "lock"
    os.close(lock.acquire(path))
    fd = os.open(path, os.O_RDWR)
    path.unlink()
    assert not lock._try_to_lock(fd, path)
    path.touch()
    assert not lock._try_to_lock(fd, path)
    os.close(fd)
