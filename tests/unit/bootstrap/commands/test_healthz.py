"""The probes: by the command, and on the agent's port."""

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.lab.processes import freeze
from tests.support.bootstrap.machine import PATIENCE_S, Machine, until
from tests.unit.bootstrap.test_cli import run


@pytest.mark.parametrize("words", [(), ("--ready",), ("--live",)])
def test_healthz_without_an_agent_is_no(words: tuple[str, ...], machine: Machine) -> None:
    done = run(machine, "healthz", *words)
    assert done.returncode == 1
    assert done.stdout.startswith("unknown: no agent answers at ")
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")


def test_healthz_distinguishes_ready_and_alive(machine: Machine) -> None:
    machine.agent()
    assert run(machine, "healthz").stdout == "stopped\n"
    ready, live = run(machine, "healthz", "--ready"), run(machine, "healthz", "--live")
    assert (ready.returncode, ready.stdout) == (1, "stopped\n")
    assert (live.returncode, live.stdout) == (0, "live\n")


def test_healthz_does_not_wait_for_an_agent_that_hangs(machine: Machine) -> None:
    agent = machine.agent()
    freeze([agent.pid])
    began = time.monotonic()
    done = run(machine, "healthz", "--live")
    assert done.returncode == 1
    assert "the agent does not answer: it hangs" in done.stdout
    assert time.monotonic() - began < 20
    agent.send_signal(signal.SIGCONT)
    until(lambda: run(machine, "healthz", "--live").returncode == 0, "the agent lives again")


def test_healthz_imports_nothing_heavy() -> None:
    code = (
        "import sys, bootstrap.commands.pod.healthz; "
        "print([m for m in sys.modules if m.split('.')[0] in ('jinja2', 'pymysql', 'dns', 'tenacity', 'http')])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_the_agent_answers_probes_on_its_port(machine: Machine) -> None:
    machine.agent()
    assert probe(machine, "/livez") == 200
    assert probe(machine, "/readyz") == 503
    assert probe(machine, "/metrics") == 200


def test_without_a_port_there_are_no_probes_but_healthz(machine: Machine) -> None:
    machine.probes = 0
    machine.agent()
    assert run(machine, "healthz", "--live").returncode == 0


def test_an_agent_whose_port_for_probes_is_taken_is_one_line_and_15(machine: Machine) -> None:
    with socket.create_server((machine.address, machine.probes)):
        done = run(machine, "agent")
    assert done.returncode == 15
    assert f"port {machine.probes} for probes" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def probe(machine: Machine, path: str) -> int:
    """Return the status of a path, once the port is open: the agent's socket is there a moment earlier."""
    until(lambda: is_open(machine), "the port for probes")
    connection = http.client.HTTPConnection(machine.address, machine.probes, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status


def is_open(machine: Machine) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex((machine.address, machine.probes)) == 0
