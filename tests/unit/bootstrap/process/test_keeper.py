"""The parent of a server: with shells in the server's place, and a real process around it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bootstrap.process import keeper
from bootstrap.process.keeper import End
from tests.lab.processes import freeze
from tests.support.bootstrap.children import pids, wait_for

RUN = """
import json, os, signal, sys
from bootstrap.process import keeper, reaping
source, target = os.pipe()
signal.pthread_sigmask(signal.SIG_BLOCK, keeper.SIGNALS)
can_reap = keeper.become_reaper()
child = reaping.spawn(("sh", "-c", sys.argv[1]), ((os.POSIX_SPAWN_DUP2, target, 2),))
os.close(target)
end = keeper.keep(child, source, b"[ERROR]")
is_alone = keeper.end_children()
print(json.dumps([end.code, end.is_ordered, end.errors, end.is_crash, can_reap, is_alone]), flush=True)
"""

LIVES = "echo $$ >> {0}; exec sleep 1000"
"""Notes its pid in a file and lives."""


@contextmanager
def kept(server: str, prefix: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*prefix, sys.executable, "-c", RUN, server],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def read_end(process: subprocess.Popen[str]) -> tuple[End, str]:
    """How the server ended, and what was logged; nothing is left of it."""
    out, err = process.communicate(timeout=60)
    code, is_ordered, errors, is_crash, can_reap, is_alone = json.loads(out)
    end = End(code, is_ordered, tuple(errors))
    assert (end.is_crash, can_reap) == (is_crash, True)
    assert is_alone or is_ordered
    return end, err


def is_alive(pid: int) -> bool:
    return Path("/proc", str(pid)).exists()


@pytest.mark.parametrize(
    ("server", "code", "is_crash"),
    [
        ("exit 0", 0, False),
        ("exit 1", 1, False),
        ("exit 137", 137, False),
        ("kill -9 $$", -9, True),
        ("kill -SEGV $$", -11, True),
        ("kill -ABRT $$", -6, True),
        ("kill -TERM $$", -15, False),
        ("kill -INT $$", -2, False),
        ("kill -HUP $$", -1, False),
    ],
)
def test_it_sees_how_its_server_ended(server: str, code: int, *, is_crash: bool) -> None:
    with kept(server) as process:
        end, _ = read_end(process)
    assert (end.code, end.is_ordered, end.is_crash) == (code, False, is_crash)


@pytest.mark.parametrize("number", sorted(keeper.PASSED))
def test_what_a_container_gets_its_server_gets(tmp_path: Path, number: signal.Signals) -> None:
    note = tmp_path / "pid"
    with kept(LIVES.format(note)) as process:
        wait_for(lambda: bool(pids(note)))
        process.send_signal(number)
        end, _ = read_end(process)
    assert end.code == -number
    assert end.is_ordered == (number in keeper.ORDERS)


def test_a_server_that_was_ordered_to_end_and_is_killed_then_has_not_crashed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with kept(f"trap '' TERM; echo $$ >> {note}; while :; do sleep 0.1; done") as process:
        wait_for(lambda: bool(pids(note)))
        process.terminate()
        time.sleep(0.3)
        os.kill(pids(note)[0], signal.SIGKILL)
        end, _ = read_end(process)
    assert (end.code, end.is_ordered, end.is_crash) == (-9, True, False)


def test_a_server_that_got_a_hangup_to_write_new_logs_may_crash_later(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with kept(f"trap '' HUP; echo $$ >> {note}; while :; do sleep 0.1; done") as process:
        wait_for(lambda: bool(pids(note)))
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        os.kill(pids(note)[0], signal.SIGKILL)
        end, _ = read_end(process)
    assert (end.code, end.is_crash) == (-9, True)


def test_an_order_at_the_moment_of_the_crash_counts(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    for _ in range(10):
        note.unlink(missing_ok=True)
        with kept(LIVES.format(note)) as process:
            wait_for(lambda: bool(pids(note)))
            freeze([process.pid])
            os.kill(pids(note)[0], signal.SIGKILL)
            process.terminate()
            os.kill(process.pid, signal.SIGCONT)
            end, _ = read_end(process)
        assert (end.is_ordered, end.is_crash) == (True, False)


def test_what_the_server_has_started_ends_with_it_in_every_generation(tmp_path: Path) -> None:
    """As the scripts of a state transfer: in sessions of their own, and with children of their own."""
    note = tmp_path / "pids"
    script = f"setsid sh -c 'trap \"\" TERM HUP; echo $$ >> {note}; sleep 1000 & echo $! >> {note}; wait' & "
    with kept(f"touch {note}; {script} while [ $(wc -l < {note}) -lt 2 ]; do sleep 0.05; done; kill -9 $$") as process:
        end, _ = read_end(process)
    assert end.is_crash
    assert [pid for pid in pids(note) if is_alive(pid)] == []
    assert len(pids(note)) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: a new process namespace needs root")
def test_as_pid_1_it_ends_what_is_left_and_no_more(tmp_path: Path) -> None:
    note = tmp_path / "lines"
    script = f"setsid sh -c 'sleep 1000 & echo x >> {note}; wait' & while [ ! -s {note} ]; do sleep 0.05; done"
    with kept(f"{script}; kill -9 $$", ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")) as process:
        end, _ = read_end(process)
    assert end.is_crash


def test_children_of_others_are_reaped_and_left_alone(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    other = subprocess.Popen(["sleep", "1000"])
    try:
        with kept(f"(sleep 0 &) ; (sleep 0 &); sleep 0.5; echo $PPID >> {note}; sleep 0.5; kill -9 $$") as process:
            wait_for(lambda: bool(pids(note)))
            of_keeper = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            assert len(of_keeper) == 1
            read_end(process)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_its_log_is_copied_whole_and_the_last_errors_are_kept(tmp_path: Path) -> None:
    lines = [f"2026-11-30 12:00:00 0 [Note] line {number}" for number in range(20000)]
    errors = ["2026-11-30 12:00:01 0 [ERROR] WSREP: it cannot", "2026-11-30 12:00:01 0 [ERROR] Aborting"]
    whole = "\n".join([*lines, *errors, "no end of a line [ERROR] x"])
    log = tmp_path / "log"
    log.write_text(whole)
    with kept(f"cat {log} >&2; exit 1") as process:
        end, copied = read_end(process)
    assert copied == whole
    assert end.errors == tuple(errors)


def test_errors_of_long_ago_are_no_reason() -> None:
    with kept("echo '[ERROR] old' >&2; sleep 11; echo '[ERROR] new' >&2; kill -9 $$") as process:
        end, _ = read_end(process)
    assert end.errors == ("[ERROR] new",)


def test_a_log_that_nobody_reads_does_not_keep_a_signal_from_the_server(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    server = f"trap 'echo got >> {note}; exit 0' TERM; head -c 1000000 /dev/zero >&2 & echo 1 > {note}"
    with kept(f"{server}; while :; do sleep 0.1; done") as process:
        wait_for(note.exists)
        time.sleep(1)
        process.terminate()
        wait_for(lambda: "got" in note.read_text())


def test_a_program_that_the_server_has_left_behind_does_not_keep_its_log_open_for_long() -> None:
    began = time.monotonic()
    with kept("sleep 1000 & echo '[ERROR] last' >&2; exit 1") as process:
        end, _ = read_end(process)
    assert end.errors == ("[ERROR] last",)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("code", "is_ordered", "expected"),
    [
        (-9, False, True),
        (-9, True, False),
        (0, False, False),
        (137, False, False),
        (-15, False, False),
        (-1, False, False),
    ],
)
def test_a_crash_is_an_end_by_a_signal_that_nobody_has_ordered(code: int, *, is_ordered: bool, expected: bool) -> None:
    assert End(code, is_ordered, ()).is_crash is expected


@pytest.mark.parametrize(
    ("code", "word"), [(-9, "SIGKILL"), (-11, "SIGSEGV"), (-40, "SIG40"), (0, "status-0"), (137, "status-137")]
)
def test_an_end_has_a_word(code: int, word: str) -> None:
    assert End(code, is_ordered=False, errors=()).how == word
