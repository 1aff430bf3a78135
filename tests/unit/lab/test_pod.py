"""The order, restarts and ends of a pod's containers, with shell commands instead of the real ones."""

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
"""Seconds: a generous bound."""

FOREVER = "trap 'echo ended >>$OUT.$1; exit 0' TERM; echo started >>$OUT.$1; while :; do sleep 0.05; done"


class Shell(Plain):
    """The runtime of processes, with other commands."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def make_commands(self, folders: Folders) -> Commands:  # noqa: ARG002  # see Runtime
        return self._commands


MakePod = Callable[..., Pod]


def make_argv(text: str, name: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", text, "sh", name)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LATE
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def make_pod(tmp_path: Path) -> Iterator[MakePod]:
    pods = []

    def make(agent: str = FOREVER, bootstrap: str = "exit 0", mysql: str = FOREVER) -> Pod:
        commands = {"agent": agent, "bootstrap": bootstrap, "mysql": mysql}
        argvs = {name: make_argv(text, name) for name, text in commands.items()}
        environment = {"PATH": "/usr/bin:/bin", "OUT": str(tmp_path / "out")}
        pod = Pod("mysql-0", "127.0.0.1", Folders(tmp_path / "mysql-0"), Shell(argvs), lambda _: environment)
        pods.append(pod)
        return pod

    yield make
    for pod in pods:
        pod.power_off()


@pytest.fixture
def output(tmp_path: Path) -> Callable[[str], list[str]]:
    def read(name: str) -> list[str]:
        path = tmp_path / f"out.{name}"
        return path.read_text().split() if path.exists() else []

    return read


ReadOutput = Callable[[str], list[str]]


def test_the_server_starts_only_after_the_init_container_succeeded(make_pod: MakePod, output: ReadOutput) -> None:
    pod = make_pod(bootstrap="echo tried >>$OUT.init; [ $(wc -l <$OUT.init) -eq 3 ]")
    pod.start()
    wait_until(lambda: output("mysql") == ["started"])
    assert output("init") == ["tried"] * 3
    assert output("agent") == ["started"]


def test_a_stop_ends_the_server_before_the_agent(make_pod: MakePod, output: ReadOutput, tmp_path: Path) -> None:
    pod = make_pod(mysql=f"{FOREVER.replace('echo ended', 'sleep 0.3; echo ended')}")
    pod.start()
    wait_until(lambda: output("mysql") == ["started"] and output("agent") == ["started"])
    pod.stop()
    assert output("mysql")[-1] == output("agent")[-1] == "ended"
    ended = [(tmp_path / f"out.{name}").stat().st_mtime_ns for name in ("mysql", "agent")]
    assert ended == sorted(ended)
    assert pod.containers["mysql"].starts == 1


def test_a_server_that_ignores_sigterm_is_killed_when_the_grace_period_ends(
    make_pod: MakePod, output: ReadOutput
) -> None:
    pod = make_pod(mysql="trap '' TERM; echo started >>$OUT.$1; while :; do sleep 0.05; done")
    pod.start()
    wait_until(lambda: output("mysql") == ["started"])
    pod.stop(grace=0.3)
    assert pod.containers["mysql"].last_exit == -signal.SIGKILL
    assert pod.containers["agent"].last_exit == 0


def test_a_killed_server_is_restarted_alone(make_pod: MakePod, output: ReadOutput) -> None:
    pod = make_pod()
    pod.start()
    wait_until(lambda: output("mysql") == ["started"])
    pod.kill_server()
    wait_until(lambda: output("mysql") == ["started"] * 2)
    assert [pod.containers[name].starts for name in ("agent", "bootstrap", "mysql")] == [1, 1, 2]


def test_killing_all_restarts_both_without_the_init_container(make_pod: MakePod, output: ReadOutput) -> None:
    pod = make_pod()
    pod.start()
    wait_until(lambda: output("mysql") == ["started"] and output("agent") == ["started"])
    pod.kill_all()
    wait_until(lambda: len(output("mysql")) == 2 and len(output("agent")) == 2)
    assert pod.containers["bootstrap"].starts == 1


def test_a_reboot_runs_the_init_container_again_on_the_same_empty_dirs(make_pod: MakePod, output: ReadOutput) -> None:
    pod = make_pod()
    pod.start()
    wait_until(lambda: output("mysql") == ["started"])
    (pod.folders.run / "permission.json").write_text("stale")
    pod.reboot()
    wait_until(lambda: output("mysql") == ["started"] * 2)
    assert pod.containers["bootstrap"].starts == 2
    assert (pod.folders.run / "permission.json").exists()


def test_restarting_a_container_sends_sigterm_first(make_pod: MakePod, output: ReadOutput) -> None:
    pod = make_pod()
    pod.start()
    wait_until(lambda: output("mysql") == ["started"])
    pod.restart_container("mysql")
    wait_until(lambda: output("mysql") == ["started", "ended", "started"])


def test_children_in_other_sessions_and_groups_die_with_their_container(make_pod: MakePod) -> None:
    pod = make_pod(mysql="setsid sleep 300 & (sleep 300 &) ; sleep 300")
    pod.start()
    mark = pod.containers["mysql"].mark
    wait_until(lambda: len(processes.find_members(mark)) >= 4)
    pod.power_off()
    assert processes.find_members(mark) == []


def test_processes_that_a_dead_server_left_behind_end_before_the_next_start(
    make_pod: MakePod, output: ReadOutput
) -> None:
    pod = make_pod(mysql="echo started >>$OUT.mysql; sleep 300 & echo $! >>$OUT.child; sleep 300")
    pod.start()
    wait_until(lambda: len(output("child")) == 1)
    os.kill(next(iter(pod.containers["mysql"].sessions)), signal.SIGKILL)
    wait_until(lambda: len(output("child")) == 2)
    assert int(output("child")[0]) not in processes.find_members(pod.mark)


def test_a_paused_container_does_nothing_and_can_still_be_killed(make_pod: MakePod) -> None:
    pod = make_pod(mysql="while :; do echo x >>$OUT.ticks; sleep 0.02; done")
    pod.start()
    ticks = pod.folders.root.parent / "out.ticks"
    wait_until(ticks.exists)
    pod.pause("mysql")
    time.sleep(0.1)
    size = ticks.stat().st_size
    time.sleep(0.3)
    assert ticks.stat().st_size == size
    pod.resume("mysql")
    wait_until(lambda: ticks.stat().st_size > size)
    pod.pause()
    pod.power_off()
    assert processes.find_members(pod.mark) == []


def test_a_missing_command_is_named_in_the_log(make_pod: MakePod) -> None:
    pod = make_pod()
    pod.containers["mysql"].argv = ("/nonexistent/command",)
    pod.start()
    wait_until(lambda: pod.containers["mysql"].last_exit == 127)
    # The message is ours, or that of the program that changes to another uid than root.
    assert re.search(r"(cannot start|failed to exec).*/nonexistent/command", pod.tail())


def test_a_mark_covers_what_is_below_it_and_not_a_name_that_only_begins_the_same() -> None:
    assert processes.is_below("/l/mysql-1/agent", "/l/mysql-1")
    assert not processes.is_below("/l/mysql-10/agent", "/l/mysql-1")


def test_extra_environment_reaches_the_next_start(make_pod: MakePod, output: ReadOutput) -> None:
    pod = make_pod(mysql="echo $EXTRA >>$OUT.extra; sleep 300")
    pod.extra_env["EXTRA"] = "hello"
    pod.start()
    wait_until(lambda: output("extra") == ["hello"])


def test_a_volume_is_put_back_as_it_was_copied(make_pod: MakePod, tmp_path: Path) -> None:
    pod = make_pod()
    pod.folders.volume.mkdir(parents=True)
    (pod.folders.volume / "file").write_text("older")
    pod.copy_volume(tmp_path / "copy")
    (pod.folders.volume / "file").write_text("newer")
    (pod.folders.volume / "more").touch()
    pod.attach_copy(tmp_path / "copy")
    assert [path.read_text() for path in pod.folders.volume.iterdir()] == ["older"]
    pod.attach_copy(tmp_path / "copy", "data")
    assert (pod.folders.volume / "data" / "file").read_text() == "older"
    assert not (pod.folders.volume / "file").exists()
