"""A server that dies by a signal is started again by `start`, with everything that belongs to a start."""

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import SettingInvalidError
from bootstrap.process import keeper
from bootstrap.starter import restarts
from bootstrap.starter.restarts import Kept, Past
from bootstrap.storage import lock
from tests.lab.processes import freeze
from tests.support.bootstrap.machine import Machine, until, wait_for_end
from tests.support.bootstrap.records import A

LIVES = 300


@pytest.fixture
def alive(machine: Machine) -> Machine:
    """A pod whose server lives, once it is started."""
    machine.database()
    machine.install_server(seconds=LIVES)
    machine.agent()
    return machine


def find_server(process: "subprocess.Popen[str]") -> int:
    """The only child of `start` that is the server."""
    for word in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        with suppress(OSError):
            if Path(f"/proc/{word}/cmdline").read_bytes().startswith(b"sleep\0"):
                return int(word)
    return 0


def wait_for_server(machine: Machine, process: "subprocess.Popen[str]", before: int = 0) -> int:
    until(lambda: find_server(process) not in (0, before) or process.poll() is not None, "a server")
    assert process.poll() is None, process.communicate()
    until(machine.arguments.exists, "its start")
    return find_server(process)


def kill_server(machine: Machine, process: "subprocess.Popen[str]", number: int = signal.SIGKILL) -> int:
    server = wait_for_server(machine, process)
    machine.arguments.unlink()
    os.kill(server, number)
    return server


def open_files(pid: int) -> list[str]:
    """What a process holds; not the files below /usr, such as those of its locale, that it reads while it starts."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return [name for name in found if not name.startswith("/usr/")]


def server_ends(machine: Machine) -> Any:
    return machine.status().get("server_end") or {}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_server_that_dies_by_a_signal_is_started_again_in_the_same_process(
    alive: Machine, number: signal.Signals
) -> None:
    process = alive.start()
    first = kill_server(alive, process, number)
    second = wait_for_server(alive, process, first)
    assert second != first
    assert "--wsrep-new-cluster" in alive.arguments.read_text()
    until(lambda: server_ends(alive).get("how") == number.name, "the report of the end")
    assert server_ends(alive)["line"] == f"the server was ended by {number.name} and is started again"
    process.terminate()
    status, log = wait_for_end(process)
    assert status == 143
    assert f"the server was ended by {number.name}: it is started again, 1 of 3 times in 10 minutes" in log


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: a new process namespace needs root")
def test_as_pid_1_it_starts_another_server_and_can_be_stopped(alive: Machine) -> None:
    outer = alive.start(prefix=("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"))
    until(alive.arguments.exists, "the start")
    (first_process,) = keeper.find_children(outer.pid)

    def find_sleep() -> int:
        found = [
            pid for pid in keeper.find_children(first_process) if Path(f"/proc/{pid}/comm").read_text() == "sleep\n"
        ]
        return found[0] if found else 0

    server = find_sleep()
    alive.arguments.unlink()
    os.kill(server, signal.SIGKILL)
    until(alive.arguments.exists, "the second start")
    until(lambda: find_sleep() not in (0, server), "the second server")
    os.kill(first_process, signal.SIGTERM)
    status, log = wait_for_end(outer)
    assert status == 143
    assert "it is started again, 1 of 3 times" in log


def test_every_start_of_it_asks_the_agent_with_a_new_look_at_the_datadir(alive: Machine) -> None:
    """The agent's permission is used up before each start, and the position is recovered each time."""
    process = alive.start()
    kill_server(alive, process)
    grastate = alive.root / "data" / "data" / "grastate.dat"
    until(alive.arguments.exists, "the second start")
    grastate.write_text(grastate.read_text().replace("seqno:   7", "seqno:   -1"))
    alive.install_server(seconds=LIVES, position=f"{A}:9")
    before = kill_server(alive, process)
    wait_for_server(alive, process, before)
    assert f"--wsrep_start_position={A}:9" in alive.arguments.read_text()
    process.terminate()
    _, log = wait_for_end(process)
    assert len(re.findall("start: bootstrap: ", log)) == 3
    assert re.findall(r"start: datadir is (\S+) at \S+:(\d+)", log) == [
        ("CLEAN", "7"),
        ("CLEAN", "7"),
        ("CRASHED", "9"),
    ]


def test_it_waits_where_the_agent_decides_so(alive: Machine) -> None:
    process = alive.start()
    server = wait_for_server(alive, process)
    alive.arguments.unlink()
    # From now on another pod is expected, which does not answer.
    agent = alive.processes[0]
    agent.kill()
    agent.wait()
    alive.replicas = 2
    os.kill(server, signal.SIGKILL)
    alive.agent()
    until(lambda: alive.phase() == "frozen", "the report")
    time.sleep(1)
    assert process.poll() is None
    assert not alive.arguments.exists()
    assert server_ends(alive)["how"] == "SIGKILL"
    process.terminate()
    assert wait_for_end(process)[0] == 143


def test_after_as_many_restarts_as_allowed_its_container_ends(alive: Machine) -> None:
    process, before = alive.start(), 0
    for _ in range(4):
        wait_for_server(alive, process, before)
        before = kill_server(alive, process)
    status, log = wait_for_end(process)
    assert status == 137
    assert log.count("it is started again") == 3
    until(lambda: server_ends(alive).get("times") == 4, "the reports")
    assert server_ends(alive)["line"] == "the server was ended by SIGKILL and its container"


def test_it_can_be_switched_off(alive: Machine) -> None:
    alive.more["SERVER_RESTARTS"] = "0"
    process = alive.start()
    kill_server(alive, process)
    status, log = wait_for_end(process)
    assert status == 137
    assert "started again" not in log


@pytest.mark.parametrize("status", [1, 2, 134, 137])
def test_a_server_that_ends_by_itself_ends_its_container_with_the_same_status(alive: Machine, status: int) -> None:
    program = alive.program.read_text().replace(
        f"exec sleep {LIVES}", f"echo '2026-11-30  1:02:03 0 [ERROR] WSREP: it is so' >&2; exit {status}"
    )
    alive.program.write_text(program)
    code, log = wait_for_end(alive.start())
    assert code == status
    assert "[ERROR] WSREP: it is so" in log
    until(lambda: server_ends(alive).get("how") == f"status-{status}", "the report")
    assert server_ends(alive)["line"] == f"the server ended with status {status} and its container: WSREP: it is so"


def test_an_orderly_end_is_no_news(machine: Machine) -> None:
    machine.database()
    machine.agent()
    assert wait_for_end(machine.start())[0] == 0
    assert server_ends(machine) == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_server_that_is_ordered_to_stop_is_not_started_again(alive: Machine, number: signal.Signals) -> None:
    process = alive.start()
    wait_for_server(alive, process)
    process.send_signal(number)
    status, log = wait_for_end(process)
    assert status == 128 + number
    assert "started again" not in log
    assert server_ends(alive) == {}


def test_an_order_to_stop_counts_while_it_is_on_the_way_to_another_start(alive: Machine) -> None:
    """It must not be lost between two programs: for the kubelet it would be a container that does not stop."""
    for wait in (0.0, 0.01, 0.05, 0.1, 0.2):
        process = alive.start()
        kill_server(alive, process)
        time.sleep(wait)
        process.terminate()
        status, log = wait_for_end(process)
        assert status in (137, 143), log
        assert "Traceback" not in log


def test_only_the_server_holds_the_lock(alive: Machine) -> None:
    process = alive.start()
    server = wait_for_server(alive, process)
    path = alive.root / "data" / "meta" / "lock"
    assert str(path) in open_files(server)
    until(lambda: b"keep" in Path(f"/proc/{process.pid}/cmdline").read_bytes(), "the keeper")
    assert str(path) not in open_files(process.pid)
    freeze([process.pid])
    os.kill(server, signal.SIGKILL)
    until(lambda: lock.is_free(path), "the end of the lock")
    os.kill(process.pid, signal.SIGCONT)


def test_no_start_leaves_a_file_open_for_the_next_server(alive: Machine) -> None:
    process = alive.start()
    first = wait_for_server(alive, process)
    count = len(open_files(first))
    kill_server(alive, process)
    second = wait_for_server(alive, process, first)
    assert len(open_files(second)) == count


def test_an_agent_that_is_away_does_not_change_the_status_of_the_container(alive: Machine) -> None:
    alive.more["SERVER_RESTARTS"] = "0"
    process = alive.start()
    wait_for_server(alive, process)
    (alive.root / "run" / "agent.sock").unlink()
    kill_server(alive, process)
    status, log = wait_for_end(process)
    assert status == 137
    assert "Traceback" not in log


def test_nothing_that_a_dead_server_has_started_lives_on_beside_the_next_one(alive: Machine) -> None:
    """As the scripts of a state transfer, which have sessions of their own; here one that would never end."""
    note = alive.root / "transfer"
    script = f"[ -e {note} ] || setsid sh -c 'trap \"\" TERM HUP; echo $$ > {note}; sleep 1000 & wait' &\n"
    alive.program.write_text(alive.program.read_text().replace("printf", f"{script}printf", 1))
    process = alive.start()
    until(lambda: note.exists() and note.read_text().strip(), "the transfer")
    transfer = int(note.read_text())
    inner = [int(word) for word in Path(f"/proc/{transfer}/task/{transfer}/children").read_text().split()]
    first = kill_server(alive, process)
    wait_for_server(alive, process, first)
    assert [pid for pid in (transfer, *inner) if Path("/proc", str(pid)).exists()] == []


def test_where_something_lives_on_no_other_server_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that hangs in the kernel, as on a disk that does not answer, outlives SIGKILL."""
    monkeypatch.setattr(keeper, "keep", lambda *_: keeper.End(-9, False, ()))
    monkeypatch.setattr(keeper, "end_children", lambda: False)
    monkeypatch.setattr(restarts, "send_end", lambda _: None)
    started: list[object] = []
    monkeypatch.setattr(os, "execv", lambda *call: started.append(call))
    with pytest.raises(SystemExit) as ended:
        restarts.run(Kept(12, 5, 3, ()), ("mariadbd",))
    assert (started, ended.value.code) == ([], 137)


def test_without_its_program_the_process_waits_for_the_server_itself(alive: Machine) -> None:
    """As on a volume of tools that is gone: the server must not be left without a parent."""
    code = (
        "from bootstrap.starter import restarts; restarts.own_command = lambda: ('/nowhere/galera-bootstrap',); "
        "from bootstrap.main import main; main()"
    )
    process = alive.start(code=code)
    wait_for_server(alive, process)
    # The agent counts on a starter as long as it is connected.
    until(lambda: not any(name.startswith("socket:") for name in open_files(process.pid)), "the end of the connection")
    kill_server(alive, process)
    status, log = wait_for_end(process)
    assert status == 137
    assert log.count("/nowhere/galera-bootstrap cannot be executed (No such file or directory)") == 2
    assert "Traceback" not in log


def test_the_words_of_its_calls_are_read_back() -> None:
    kept, past = Kept(12, 5, 3, (100, 200)), Past((7,), "SIGKILL", "an error, with: --")
    assert restarts.read_keeper_words((*restarts.keeper_words(kept), "--", "mariadbd", "--", "x")) == (
        kept, ("mariadbd", "--", "x"),
    )  # fmt: skip
    assert restarts.read_keeper_words((*restarts.keeper_words(kept._replace(starts=())), "--", "m"))[0].starts == ()
    assert restarts.read_start_words((*restarts.start_words(past), "--", "mariadbd")) == (("mariadbd",), past)


@pytest.mark.parametrize(
    "words",
    [
        ("keep",), ("keep", "x", "1", "1", "-", "--", "m"), ("keep", "1", "1", "1", "-", "m"),
        ("keep", "1", "1", "1", "-", "--"), ("keep", "1", "1", "1", "a", "--", "m"),
    ],
)  # fmt: skip
def test_nobody_else_calls_it_so(words: tuple[str, ...], machine: Machine) -> None:
    with pytest.raises(SettingInvalidError, match="for `start` alone"):
        restarts.read_keeper_words(words)
    status, log = wait_for_end(machine.begin(*words))
    assert (status, len(log.splitlines())) == (15, 1)


@pytest.mark.parametrize("words", [("start", "--again"), ("start", "--again", "x", "SIGKILL", "", "--", "m")])
def test_nor_another_start(words: tuple[str, ...], machine: Machine) -> None:
    assert wait_for_end(machine.begin(*words))[0] == 15


def test_restarts_count_for_ten_minutes() -> None:
    assert restarts.count_recent((0, 400, 1000), 1000.0) == (1000,)
    assert restarts.count_recent((0, 401, 1000), 1000.0) == (401, 1000)
    assert restarts.count_recent((), 5.0) == ()
