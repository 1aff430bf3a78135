"""Agent and server in one container: `start --with-agent`."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from bootstrap.entrypoints import start_with_agent
from bootstrap.process import supervisor
from tests.support.bootstrap.machine import Machine, until, wait_for_end


def both(machine: Machine) -> subprocess.Popen[str]:
    machine.database()
    machine.install_server(seconds=300)
    process = machine.begin("start", "--with-agent", "--", *machine.command)
    until(machine.arguments.exists, "the start")
    return process


def agents(machine: Machine) -> list[int]:
    """The agents that live with this machine's folders."""
    mark = f"GALERA_BOOTSTRAP_RUN_DIR={machine.root}/run".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue
        if words.endswith(b"\0agent\0") and mark in environment.split(b"\0"):
            found.append(int(entry.name))
    return found


def test_with_its_agent_it_passes_a_stop_on_and_leaves_nothing_behind(machine: Machine) -> None:
    process = both(machine)
    assert len(agents(machine)) == 1
    process.terminate()
    assert wait_for_end(process)[0] == 143  # the script dies by the signal, as it should
    assert agents(machine) == []


def test_with_its_agent_an_agent_that_dies_is_replaced_and_the_server_lives_on(machine: Machine) -> None:
    process = both(machine)
    first = agents(machine)[0]
    os.kill(first, signal.SIGKILL)
    until(lambda: [pid for pid in agents(machine) if pid != first], "a new agent")
    until(lambda: machine.phase() == "unknown", "its answer")
    assert process.poll() is None
    process.terminate()
    assert wait_for_end(process)[0] == 143


def test_with_its_agent_the_data_may_lie_below_the_volume_whichever_is_quicker(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mounted at /var/lib, as in 2017, a new volume has no /var/lib/galera: neither may count on the other."""
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GALERA_BOOTSTRAP_DATA_ROOT", f"{machine.root}/mount/galera")
    before: list[bool] = []

    def run(*_: object) -> int:
        before.append((machine.root / "mount/galera/meta").is_dir())
        return 0

    monkeypatch.setattr(supervisor, "run", run)
    assert start_with_agent(machine.command) == 0
    assert before == [True]
