"""A server and its agent in one container, with shells in their places and the real supervisor around them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.bootstrap.children import pids, wait_for

RUN = """
import sys
from bootstrap.process import supervisor
sys.exit(supervisor.run(("sh", "-c", sys.argv[1]), ("sh", "-c", sys.argv[2]), lambda line: print(line, flush=True)))
"""

LIVES = "echo $$ >> {0}; exec sleep 1000"
"""Notes its pid in a file and lives."""


@contextmanager
def supervised(agent: str, server: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", RUN, agent, server], stdout=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    agent, server = tmp_path / "agent", tmp_path / "server"
    yield agent, server
    for pid in (*pids(agent), *pids(server)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


@pytest.mark.parametrize(("server", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_its_exit_code_is_the_servers(server: str, code: int) -> None:
    with supervised("sleep 1000", server) as process:
        assert process.wait(60) == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_stop_signal_goes_to_the_server_and_the_agent_ends_with_it(
    notes: tuple[Path, Path], number: signal.Signals
) -> None:
    agent, server = notes
    with supervised(LIVES.format(agent), LIVES.format(server)) as process:
        wait_for(lambda: bool(pids(agent) and pids(server)))
        process.send_signal(number)
        assert process.wait(60) == 128 + number
    assert not Path("/proc", str(pids(agent)[0])).exists()


def test_signals_at_the_moment_of_the_servers_end_do_not_keep_it_up(notes: tuple[Path, Path]) -> None:
    """A signal whose handler reaped the server would hide its end forever."""
    agent, server = notes
    for _ in range(10):
        agent.unlink(missing_ok=True)
        server.unlink(missing_ok=True)
        with supervised(LIVES.format(agent), LIVES.format(server)) as process:
            wait_for(lambda: bool(pids(agent) and pids(server)))
            os.kill(pids(agent)[0], signal.SIGKILL)
            os.kill(pids(server)[0], signal.SIGKILL)
            for _ in range(5):
                process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 137


def test_an_agent_that_ends_is_started_again_and_the_server_lives_on(notes: tuple[Path, Path]) -> None:
    agent, server = notes
    with supervised(LIVES.format(agent), LIVES.format(server)) as process:
        wait_for(lambda: bool(pids(agent) and pids(server)))
        os.kill(pids(agent)[0], signal.SIGKILL)
        wait_for(lambda: len(pids(agent)) == 2)
        assert process.poll() is None
        assert len(pids(server)) == 1


def test_an_agent_that_cannot_be_started_does_not_take_the_server_with_it(tmp_path: Path) -> None:
    code = RUN.replace('("sh", "-c", sys.argv[1])', "(sys.argv[1],)")
    missing = tmp_path / "agent"
    over = tmp_path / "over"
    words = (sys.executable, "-c", code, str(missing), f"until [ -e {over} ]; do sleep 0.1; done; exit 3")
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]  # it tries again
        over.touch()
        process.communicate(timeout=60)

    assert process.returncode == 3
    assert all("the agent cannot be started (No such file or directory" in line for line in lines)


def test_an_agent_that_hangs_does_not_keep_the_container_up(notes: tuple[Path, Path]) -> None:
    agent, server = notes
    with supervised(f"trap '' TERM; echo $$ >> {agent}; sleep 1000", LIVES.format(server)) as process:
        wait_for(lambda: bool(pids(agent) and pids(server)))
        os.kill(pids(server)[0], signal.SIGKILL)
        assert process.wait(60) == 137
    wait_for(lambda: not Path("/proc", str(pids(agent)[0])).exists())


def test_a_child_begins_with_no_signal_blocked(tmp_path: Path) -> None:
    """The server inherits the mask over its exec: it would ignore every stop."""
    with supervised("sleep 1000", f"grep SigBlk /proc/self/status > {tmp_path / 'mask'}") as process:
        assert process.wait(60) == 0
    assert int((tmp_path / "mask").read_text().split()[1], 16) == 0
