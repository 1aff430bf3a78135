"""Machines of a cluster: all processes in a machine end with it, however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.machines.binaries import program
from tests.kubernetes.machines.spaces import Spaces, start_time
from tests.kubernetes.waiting import ClusterError, wait
from tests.paths import ROOT

OPENER = """
import sys, time
from pathlib import Path
from tests.kubernetes.machines.spaces import Spaces

machine = Spaces("bound", Path(sys.argv[1]), Path(sys.argv[2]))
machine.open(bound=True)
print("open", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def holder() -> Path:
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: machines of a cluster; they are namespaces, which only root can make: run as root")
    if not program("pause").exists():
        pytest.skip(f"NOT TESTED: machines of a cluster; there is no {program('pause')}: run `make e2e`")
    return program("pause")


@pytest.fixture
def machine(tmp_path: Path, holder: Path) -> Iterator[Spaces]:
    spaces = Spaces("machine", tmp_path / "machine", holder)
    spaces.open(bound=True)
    yield spaces
    spaces.close()


def test_a_power_cut_ends_daemons_and_their_children(machine: Spaces) -> None:
    # The children have a session of their own, as containers have.
    machine.start("parent", ("sh", "-c", "setsid sleep 600 & setsid sleep 600 & wait"))
    wait("children", lambda: len(processes(machine)) == 4, seconds=30)
    before = processes(machine)

    machine.close()

    assert [pid for pid in before if start_time(pid) is not None] == []
    assert not machine.is_on


def test_a_bound_machine_ends_when_its_process_is_killed(tmp_path: Path, holder: Path) -> None:
    folder = tmp_path / "bound"
    command = (sys.executable, "-c", OPENER, str(folder), str(holder))
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        machine = Spaces("bound", folder, holder)
        assert machine.is_on

        process.send_signal(signal.SIGKILL)

        wait("the end of the machine", lambda: not machine.is_on, seconds=30)


def test_a_daemon_that_dies_is_reported_with_the_end_of_its_log(machine: Spaces) -> None:
    machine.start("short", ("sh", "-c", "echo this is why; exit 3"))

    with pytest.raises(ClusterError, match=r"(?s)short has ended.*this is why"):
        machine.wait_for("short", lambda: False, seconds=20)


def test_a_daemon_that_ignores_sigterm_is_killed_after_a_while(machine: Spaces) -> None:
    machine.start("deaf", ("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"))
    wait("the trap", lambda: "ready" in machine.log("deaf").read_text(), seconds=10)

    machine.stop("deaf", seconds=1)

    assert not machine.is_alive("deaf")
    assert machine.is_on


def test_nothing_of_the_real_machine_changes(machine: Spaces) -> None:
    settings = {path: Path(path).read_text() for path in ("/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/panic")}
    before = mounts_at("/mnt"), os.uname().nodename

    machine.run(
        "sh", "-c", "for file; do echo 77 >$file; done; mount -t tmpfs tmpfs /mnt; hostname other", "sh", *settings
    )

    assert machine.run("cat", "/proc/sys/kernel/panic") == "77\n"
    assert {path: Path(path).read_text() for path in settings} == settings
    assert (mounts_at("/mnt"), os.uname().nodename) == before


def mounts_at(folder: str) -> list[str]:
    """What this process sees mounted there; other tests mount containers elsewhere at the same time."""
    return [line for line in Path("/proc/self/mounts").read_text().splitlines() if line.split()[1] == folder]


def processes(machine: Spaces) -> list[int]:
    """The pids of all processes in a machine, as seen from outside."""
    inside = Path(f"/proc/{machine.pid}/ns/pid").readlink()
    found = []
    for proc in Path("/proc").iterdir():
        try:
            if proc.name.isdigit() and (proc / "ns/pid").readlink() == inside:
                found.append(int(proc.name))
        except OSError:
            continue  # it has ended meanwhile
    return found
