"""`start` and `on-start` as real processes."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.control import channel
from bootstrap.core.model.facts import Promise
from bootstrap.storage import lock
from bootstrap.storage.journal import Journal, new_memory
from tests.support.bootstrap.machine import Machine, until, wait_for_end
from tests.support.bootstrap.records import A

IMPATIENT = "import bootstrap.starter.session as s; s.AGENT_PATIENCE_S = 0.5; from bootstrap.main import main; main()"


def test_a_permitted_start_becomes_the_server_with_the_one_option_that_founds_a_cluster(machine: Machine) -> None:
    machine.database()
    machine.agent()
    status, log = wait_for_end(machine.start())
    assert status == 0, log
    options = machine.arguments.read_text().splitlines()
    assert options[0] == machine.command[1]
    assert set(options[1:]) == {f"--wsrep_start_position={A}:7", "--wsrep-new-cluster"}
    assert not (machine.root / "run" / "permission.json").exists()


def test_every_start_asks_again(machine: Machine) -> None:
    machine.database()
    machine.agent()
    assert wait_for_end(machine.start())[0] == 0
    machine.arguments.unlink()
    assert wait_for_end(machine.start())[0] == 0
    assert "--wsrep-new-cluster" in machine.arguments.read_text()


def test_a_killed_server_s_data_are_not_opened_by_another_major_version(machine: Machine) -> None:
    machine.database()
    machine.agent()
    assert wait_for_end(machine.start())[0] == 0
    grastate = machine.root / "data" / "data" / "grastate.dat"
    grastate.write_text(grastate.read_text().replace("seqno:   7", "seqno:   -1"))
    machine.arguments.unlink()

    machine.install_server(seconds=0, version="11.4.5")
    starter = machine.start()
    until(lambda: "UNKNOWN" in str(machine.status().get("members")), "the hold")
    assert "start once with the image of 10.11" in str(machine.status()["decision"]["reason"])
    assert starter.poll() is None
    assert not machine.arguments.exists()

    starter.kill()
    machine.install_server(seconds=0)
    assert wait_for_end(machine.start())[0] == 0
    assert machine.arguments.exists()


def test_what_the_init_container_s_image_could_read_is_looked_at_again_by_the_server_s(machine: Machine) -> None:
    machine.database()
    (machine.root / "data" / "meta" / "server-version").write_text("mariadbd  Ver 10.11.19-MariaDB for Linux")
    machine.agent()
    assert wait_for_end(machine.begin("on-start"))[0] == 0

    machine.install_server(seconds=0, version="10.6.20")
    machine.start()

    until(lambda: "use the image of 10.11" in str(machine.status()), "the hold")
    assert not machine.arguments.exists()


def test_the_server_holds_the_lock_and_the_agent_sees_it(machine: Machine) -> None:
    machine.database()
    machine.install_server(seconds=300)
    machine.agent()
    server = machine.start()
    until(lambda: machine.phase() == "bootstrapping", "the start")
    assert not lock.is_free(machine.root / "data" / "meta" / "lock")
    second = machine.start()
    time.sleep(0.5)
    assert second.poll() is None
    machine.arguments.unlink()
    server.terminate()
    until(machine.arguments.exists, "the second start")
    until(lambda: machine.phase() == "bootstrapping", "the second start")


def test_a_stop_while_it_waits_ends_it_with_143(waiting: Machine) -> None:
    process = waiting.start()
    assert process.stderr is not None
    assert any("waiting for galera-1" in line for line in process.stderr)
    process.terminate()
    status, log = wait_for_end(process)
    assert status == 143, log
    assert "Traceback" not in log
    assert not waiting.arguments.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: a new process namespace needs root")
def test_as_pid_1_it_can_be_stopped_as_well(waiting: Machine) -> None:
    outer = waiting.start(prefix=("unshare", "--pid", "--fork", "--kill-child"))
    until(lambda: waiting.phase() == "frozen", "the report")
    inner = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text())
    os.kill(inner, signal.SIGTERM)
    assert wait_for_end(outer)[0] == 143


def test_a_starter_outlives_its_agent_and_reports_to_the_next_one(waiting: Machine) -> None:
    process = waiting.start()
    until(lambda: waiting.phase() == "frozen", "the report")
    agent = waiting.processes[0]
    agent.kill()
    agent.wait()
    waiting.agent()
    until(lambda: waiting.phase() == "frozen", "the report to the new agent")
    process.terminate()
    status, log = wait_for_end(process)
    assert status == 143
    assert "went away" in log


def test_an_agent_that_hangs_up_is_asked_again_at_a_calm_pace(machine: Machine) -> None:
    machine.replicas = 2
    machine.database()
    hung_up: list[channel.Connection] = []

    def hang_up(connection: channel.Connection) -> None:
        hung_up.append(connection)
        connection.close()

    dying = channel.Server(machine.root / "run" / "agent.sock", hang_up)
    process = machine.start()
    until(lambda: hung_up, "the first question")
    time.sleep(2)
    dying.close()
    machine.agent()
    until(lambda: machine.phase() == "frozen", "the report")
    process.terminate()
    status, log = wait_for_end(process)
    assert status == 143
    assert 1 <= log.count("reporting again") <= 12


def test_a_starter_that_is_killed_and_started_again_at_once_is_heard(waiting: Machine) -> None:
    first = waiting.start()
    until(lambda: waiting.phase() == "frozen", "the report")
    first.kill()
    second = waiting.start()
    assert second.stderr is not None
    assert any("waiting for galera-1" in line for line in second.stderr)
    time.sleep(6)  # the killed one's question is kept open for 5 s
    assert waiting.phase() == "frozen"
    second.terminate()
    assert wait_for_end(second)[0] == 143


def test_without_an_agent_it_gives_up_after_its_patience(machine: Machine) -> None:
    status, log = wait_for_end(machine.start(code=IMPATIENT))
    assert status == 17
    assert "is the agent's container running?" in log.splitlines()[-1]
    assert "Traceback" not in log


def test_a_server_that_cannot_be_executed_is_logged(machine: Machine) -> None:
    machine.database()
    machine.agent()
    missing = str(machine.root / "no-such-server")
    status, log = wait_for_end(machine.begin("start", "--", missing, machine.command[1]))
    assert status == 12
    assert "no-such-server cannot be executed (No such file or directory)" in log.splitlines()[-1]


def test_a_recovery_that_cannot_be_run_is_logged(machine: Machine) -> None:
    machine.database()
    machine.agent()
    machine.program.unlink()
    status, log = wait_for_end(machine.start())
    assert status == 12
    assert "Traceback" not in log


@pytest.mark.parametrize("option", ["--wsrep-new-cluster", "--datadir=/tmp/x", "--defaults-extra-file=/tmp/x"])
def test_a_command_that_decides_for_itself_is_refused(option: str, machine: Machine) -> None:
    status, log = wait_for_end(machine.begin("start", "--", *machine.command, option))
    assert status == 15
    assert option in log
    assert len(log.splitlines()) == 1


# On-start.


def test_on_start_ends_when_the_server_may_be_started_and_leaves_the_lock(machine: Machine) -> None:
    machine.database()
    machine.agent()
    status, log = wait_for_end(machine.begin("on-start"))
    assert status == 0, log
    assert lock.is_free(machine.root / "data" / "meta" / "lock")
    assert "gcomm://galera-0.galera.test.svc.cluster.local" in (machine.root / "config/my-galera.cnf").read_text()
    until(lambda: machine.phase() == "frozen", "the freeze after on-start")
    assert not machine.arguments.exists()


def test_on_start_waits_as_long_as_it_takes_and_can_be_stopped(waiting: Machine) -> None:
    process = waiting.begin("on-start")
    until(lambda: waiting.phase() == "frozen", "the report")
    process.terminate()
    assert wait_for_end(process)[0] == 143


def test_on_start_ends_when_it_is_decided_which_pod_starts_first_and_leaves_the_waiting_to_start(
    machine: Machine,
) -> None:
    machine.replicas = 2
    machine.database()
    memory = replace(new_memory("c", "galera-0"), highest_term=3, promise=Promise(3, 1, "life"))
    Journal(machine.root / "data" / "meta").write(memory)
    machine.agent()
    status, log = wait_for_end(machine.begin("on-start"))
    assert status == 0, log
    assert "wait: term 3 is promised to galera-1" in log
    process = machine.start()
    assert process.stderr is not None
    assert any("wait: term 3 is promised to galera-1" in line for line in process.stderr)
    assert process.poll() is None
    assert not machine.arguments.exists()


def test_on_start_beside_a_live_server_has_nothing_to_decide(machine: Machine) -> None:
    held = lock.acquire(machine.root / "data" / "meta" / "lock")
    try:
        status, log = wait_for_end(machine.begin("on-start"))
    finally:
        os.close(held)
    assert status == 0
    assert "a server is alive on this volume" in log
    assert not (machine.root / "config" / "my-galera.cnf").exists()


def test_a_pod_without_a_server_leaves_at_once(waiting: Machine) -> None:
    process = waiting.start()
    until(lambda: waiting.phase() == "frozen", "the report")
    assert wait_for_end(waiting.begin("leave", "--at-least=600"))[0] == 0
    assert process.poll() is None
