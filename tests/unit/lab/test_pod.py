"""A pod's life with shell commands in the place of the real ones: order, restarts, ends."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab import processes
from tests.lab.folders import Folders
from tests.lab.plain import Plain
from tests.lab.pod import Pod
from tests.lab.runtime import Commands

LATE = 60.0
"""Seconds; a generous bound."""

FOREVER = "trap 'echo ended >>$OUT.$1; exit 0' TERM; echo started >>$OUT.$1; while :; do sleep 0.05; done"


class Shell(Plain):
    """The runtime of processes with commands of our own."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def commands(self, folders: Folders) -> Commands:  # noqa: ARG002  # see Runtime
        return self._commands


MakePod = Callable[..., Pod]


def sh(text: str, name: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", text, "sh", name)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LATE
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def make_pod(tmp_path: Path) -> Iterator[MakePod]:
    pods = []

    def make(agent: str = FOREVER, bootstrap: str = "exit 0", mysql: str = FOREVER) -> Pod:
        commands = {"agent": agent, "bootstrap": bootstrap, "mysql": mysql}
        argvs = {name: sh(text, name) for name, text in commands.items()}
        environment = {"PATH": "/usr/bin:/bin", "OUT": str(tmp_path / "out")}
        pod = Pod("mysql-0", "127.0.0.1", Folders(tmp_path / "mysql-0"), Shell(argvs), lambda _: environment)
        pods.append(pod)
        return pod

    yield make
    for pod in pods:
        pod.power_off()


@pytest.fixture
def said(tmp_path: Path) -> Callable[[str], list[str]]:
    def read(name: str) -> list[str]:
        path = tmp_path / f"out.{name}"
        return path.read_text().split() if path.exists() else []

    return read


Said = Callable[[str], list[str]]


def test_the_server_starts_only_after_the_init_container_succeeded(make_pod: MakePod, said: Said) -> None:
    pod = make_pod(bootstrap="echo tried >>$OUT.init; [ $(wc -l <$OUT.init) -eq 3 ]")
    pod.start()
    until(lambda: said("mysql") == ["started"])
    assert said("init") == ["tried"] * 3
    assert said("agent") == ["started"]


def test_a_stop_ends_the_server_before_the_agent(make_pod: MakePod, said: Said, tmp_path: Path) -> None:
    pod = make_pod(mysql=f"{FOREVER.replace('echo ended', 'sleep 0.3; echo ended')}")
    pod.start()
    until(lambda: said("mysql") == ["started"] and said("agent") == ["started"])
    pod.stop()
    assert said("mysql")[-1] == said("agent")[-1] == "ended"
    ended = [(tmp_path / f"out.{name}").stat().st_mtime_ns for name in ("mysql", "agent")]
    assert ended == sorted(ended)
    assert pod.containers["mysql"].starts == 1


def test_a_server_that_ignores_sigterm_is_killed_when_the_grace_period_ends(make_pod: MakePod, said: Said) -> None:
    pod = make_pod(mysql="trap '' TERM; echo started >>$OUT.$1; while :; do sleep 0.05; done")
    pod.start()
    until(lambda: said("mysql") == ["started"])
    pod.stop(grace=0.3)
    assert pod.containers["mysql"].last_exit == -signal.SIGKILL
    assert pod.containers["agent"].last_exit == 0


def test_a_killed_server_is_restarted_alone(make_pod: MakePod, said: Said) -> None:
    pod = make_pod()
    pod.start()
    until(lambda: said("mysql") == ["started"])
    pod.kill_server()
    until(lambda: said("mysql") == ["started"] * 2)
    assert [pod.containers[name].starts for name in ("agent", "bootstrap", "mysql")] == [1, 1, 2]


def test_killing_all_restarts_both_without_the_init_container(make_pod: MakePod, said: Said) -> None:
    pod = make_pod()
    pod.start()
    until(lambda: said("mysql") == ["started"] and said("agent") == ["started"])
    pod.kill_all()
    until(lambda: len(said("mysql")) == 2 and len(said("agent")) == 2)
    assert pod.containers["bootstrap"].starts == 1


def test_a_reboot_runs_the_init_container_again_on_the_same_empty_dirs(make_pod: MakePod, said: Said) -> None:
    pod = make_pod()
    pod.start()
    until(lambda: said("mysql") == ["started"])
    (pod.folders.run / "permission.json").write_text("stale")
    pod.reboot()
    until(lambda: said("mysql") == ["started"] * 2)
    assert pod.containers["bootstrap"].starts == 2
    assert (pod.folders.run / "permission.json").exists()


def test_restarting_a_container_asks_it_first(make_pod: MakePod, said: Said) -> None:
    pod = make_pod()
    pod.start()
    until(lambda: said("mysql") == ["started"])
    pod.restart_container("mysql")
    until(lambda: said("mysql") == ["started", "ended", "started"])


def test_children_in_sessions_and_groups_of_their_own_die_with_their_container(make_pod: MakePod) -> None:
    pod = make_pod(mysql="setsid sleep 300 & (sleep 300 &) ; sleep 300")
    pod.start()
    mark = pod.containers["mysql"].mark
    until(lambda: len(processes.members(mark)) >= 4)
    pod.power_off()
    assert processes.members(mark) == []


def test_what_a_dead_server_left_behind_is_ended_before_the_next_start(make_pod: MakePod, said: Said) -> None:
    pod = make_pod(mysql="echo started >>$OUT.mysql; sleep 300 & echo $! >>$OUT.child; sleep 300")
    pod.start()
    until(lambda: len(said("child")) == 1)
    os.kill(next(iter(pod.containers["mysql"].sessions)), signal.SIGKILL)
    until(lambda: len(said("child")) == 2)
    assert int(said("child")[0]) not in processes.members(pod.mark)


def test_a_paused_container_stands_still_and_can_still_be_killed(make_pod: MakePod) -> None:
    pod = make_pod(mysql="while :; do echo x >>$OUT.ticks; sleep 0.02; done")
    pod.start()
    ticks = pod.folders.root.parent / "out.ticks"
    until(ticks.exists)
    pod.pause("mysql")
    time.sleep(0.1)
    size = ticks.stat().st_size
    time.sleep(0.3)
    assert ticks.stat().st_size == size
    pod.resume("mysql")
    until(lambda: ticks.stat().st_size > size)
    pod.pause()
    pod.power_off()
    assert processes.members(pod.mark) == []


def test_a_command_that_is_missing_is_said_in_its_log(make_pod: MakePod) -> None:
    pod = make_pod()
    pod.containers["mysql"].argv = ("/nonexistent/command",)
    pod.start()
    until(lambda: pod.containers["mysql"].last_exit == 127)
    # Our own words, or those of the program that makes it run as somebody else than root.
    assert re.search(r"(cannot start|failed to exec).*/nonexistent/command", pod.tail())


def test_a_mark_covers_what_is_below_it_and_not_what_only_begins_alike() -> None:
    assert processes.is_below("/l/mysql-1/agent", "/l/mysql-1")
    assert not processes.is_below("/l/mysql-10/agent", "/l/mysql-1")


def test_extra_environment_reaches_the_next_start(make_pod: MakePod, said: Said) -> None:
    pod = make_pod(mysql="echo $WORD >>$OUT.word; sleep 300")
    pod.extra_env["WORD"] = "hello"
    pod.start()
    until(lambda: said("word") == ["hello"])
