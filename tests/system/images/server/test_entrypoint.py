"""What the entrypoint does with its arguments.

In most tests the tool in /work-dir is a script that prints its arguments, because they check what the entrypoint calls.
test_start.py runs the real galera-bootstrap.
"""

import os
import socket
from pathlib import Path

import pytest

from tests.support.images.box import UID, Volumes, run

pytestmark = pytest.mark.images

CNF = "--defaults-file=/etc/mysql/my-galera.cnf"
PRINTS = '#!/bin/sh\nprintf "%s\\n" "$$" "$0" "$@"\n'


@pytest.fixture
def pod(volumes: Volumes) -> Volumes:
    tool = volumes.folder / "work-dir" / "galera-bootstrap"
    tool.write_text(PRINTS)
    tool.chmod(0o755)
    return volumes


def tool_arguments(image: str, pod: Volumes, *words: str, user: int = UID, options: tuple[str, ...] = ()) -> list[str]:
    """Run the image; returns the arguments of the tool in /work-dir, which must have replaced the shell."""
    where = (f"--user={user}", "--read-only", pod.work_dir, *pod.options, *options)
    pid, name, *arguments = run(image, *words, options=where).stdout.splitlines()
    assert (pid, name) == ("1", "/work-dir/galera-bootstrap")
    return arguments


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ((), ("mariadbd", CNF)),
        ((CNF, "--user=root"), ("mariadbd", CNF)),
        (("--user=root", "--wsrep-debug=1"), ("mariadbd", CNF, "--wsrep-debug=1")),
        (("mariadbd", "--user", "root", "--wsrep-debug=1"), ("mariadbd", CNF, "--wsrep-debug=1")),
        (("mysqld", "-u", "root", "-umysql"), ("mysqld", CNF)),
        (
            ("/usr/sbin/mariadbd", CNF, "--init-connect=SET a = 1"),
            ("/usr/sbin/mariadbd", CNF, "--init-connect=SET a = 1"),
        ),
    ],
)
def test_a_server_is_started_by_galera_bootstrap(
    server_image: str, pod: Volumes, words: tuple[str, ...], command: tuple[str, ...]
) -> None:
    assert tool_arguments(server_image, pod, *words) == ["start", "--with-agent", "--", *command]


def test_a_dropped_user_is_logged_in_one_line(server_image: str, pod: Volumes) -> None:
    done = run(server_image, "--user=root", options=(f"--user={UID}", pod.work_dir))

    assert done.stderr.splitlines() == [f"entrypoint: dropped --user=root: the server stays uid {UID}"]


def test_root_keeps_its_user(server_image: str, pod: Volumes) -> None:
    arguments = tool_arguments(server_image, pod, "--user=mysql", user=0)

    assert arguments == ["start", "--with-agent", "--", "mariadbd", CNF, "--user=mysql"]


def test_the_configuration_follows_its_folder(server_image: str, pod: Volumes) -> None:
    arguments = tool_arguments(server_image, pod, options=("--env=GALERA_BOOTSTRAP_CONFIG_DIR=/etc/other",))

    assert arguments[-1] == "--defaults-file=/etc/other/my-galera.cnf"


def test_with_a_live_agent_no_second_one_is_started(server_image: str, pod: Volumes) -> None:
    with socket.socket(socket.AF_UNIX) as agent:
        listen(agent, pod.folder / "run" / "agent.sock")

        assert tool_arguments(server_image, pod) == ["start", "--", "mariadbd", CNF]


def test_the_socket_of_a_killed_agent_does_not_count_as_an_agent(server_image: str, pod: Volumes) -> None:
    with socket.socket(socket.AF_UNIX) as agent:
        listen(agent, pod.folder / "run" / "agent.sock")

    assert tool_arguments(server_image, pod) == ["start", "--with-agent", "--", "mariadbd", CNF]


def listen(agent: socket.socket, path: Path) -> None:
    """Listen as the agent does."""
    agent.bind(str(path))
    os.chown(path, UID, UID)
    agent.listen()


@pytest.mark.parametrize("words", [("cat", "/proc/1/cmdline"), ("sh", "-c", "exec cat /proc/1/cmdline", "--user=root")])
def test_another_command_runs_unchanged(server_image: str, pod: Volumes, words: tuple[str, ...]) -> None:
    done = run(server_image, *words, options=(pod.work_dir,))

    assert done.stdout == "cat\0/proc/1/cmdline\0"


@pytest.mark.parametrize("words", [("--version",), ("mariadbd", "-V"), ("mariadbd", "--help", "--verbose")])
def test_a_server_that_only_prints_waits_for_nothing(server_image: str, pod: Volumes, words: tuple[str, ...]) -> None:
    done = run(server_image, *words, options=(pod.work_dir,))

    assert "mariadbd  Ver " in done.stdout


def test_without_a_work_dir_the_tools_of_the_image_are_used(server_image: str) -> None:
    """The real tool names the missing setting, in one line and with its own exit code."""
    done = run(server_image, options=("--env=POD_NAME=mysql-0",), check=False)

    assert done.returncode == 15
    assert "galera-bootstrap: POD_NAMESPACE is not set" in done.stderr
