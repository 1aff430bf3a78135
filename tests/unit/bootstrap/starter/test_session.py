"""Starters as real processes beside a real agent; only the server is a script that writes down how it was started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.control import channel
from bootstrap.core.model.facts import Promise
from bootstrap.entrypoints import beside_an_agent
from bootstrap.errors import AgentUnreachableError, SettingInvalidError
from bootstrap.process import supervisor
from bootstrap.starter.session import check
from bootstrap.storage import lock
from bootstrap.storage.journal import Journal, new_memory
from tests.dns.knot import free_port
from tests.support.bootstrap.records import A

PATIENCE_S = 60.0
IMPATIENT = "import bootstrap.starter.session as s; s.AGENT_PATIENCE_S = 0.5; from bootstrap.main import main; main()"

SERVER = """\
#!/bin/sh
case " $* " in
*" --wsrep-recover "*) echo "[Note] WSREP: Recovered position: {position}" >&2; exit 0 ;;
*" --print-defaults "*) exit 0 ;;
*" --version "*) echo "mariadbd  Ver {version}-MariaDB for Linux on x86_64"; exit 0 ;;
esac
printf '%s\\n' "$@" > {told}
exec sleep {seconds}
"""


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.02)


@dataclass
class Machine:
    """One pod's folders, environment and processes."""

    root: Path
    replicas: int = 1
    address: str = "127.0.0.1"
    port: int = field(default_factory=lambda: free_port("127.0.0.1"))
    probes: int = field(default_factory=lambda: free_port("127.0.0.1"))
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("data/meta", "run", "config", "secrets"):
            (self.root / name).mkdir(parents=True)
        secrets = {"cluster-id": "c", "exchange-key": "k" * 20, "agent-password": "a", "root-password": "r"}
        for name, value in secrets.items():
            (self.root / "secrets" / name).write_text(value)
        self.serve(seconds=0)

    def serve(self, seconds: int, version: str = "10.11.19") -> None:
        """Install the server; it lives so long."""
        text = SERVER.format(position=f"{A}:7", told=self.told, seconds=seconds, version=version)
        self.program.write_text(text)
        self.program.chmod(0o755)

    @property
    def program(self) -> Path:
        return self.root / "mariadbd"

    @property
    def told(self) -> Path:
        return self.root / "arguments"

    @property
    def command(self) -> tuple[str, ...]:
        return (str(self.program), f"--defaults-file={self.root}/config/my-galera.cnf")

    @property
    def environment(self) -> dict[str, str]:
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(("GALERA_BOOTSTRAP_", "POD_"))}
        ours = {
            "REPLICAS": str(self.replicas), "DOMAIN": "cluster.local", "NAMESERVER": f"127.0.0.1:{self.port}",
            "DATA_ROOT": f"{self.root}/data", "RUN_DIR": f"{self.root}/run", "CONFIG_DIR": f"{self.root}/config",
            "SECRETS_DIR": f"{self.root}/secrets", "BIND_ADDRESS": self.address, "EXCHANGE_PORT": str(self.port),
            "HEALTH_PORT": str(self.probes), "MARIADBD": str(self.program),
        }  # fmt: skip
        named = {f"GALERA_BOOTSTRAP_{name}": value for name, value in ours.items()}
        return inherited | named | {"POD_NAME": "galera-0", "POD_NAMESPACE": "test"}

    def database(self, seqno: int = 7) -> None:
        """A whole database, stopped in order."""
        data = self.root / "data" / "data"
        (data / "mysql").mkdir(parents=True)
        (data / "ibdata1").touch()
        state = f"# GALERA saved state\nversion: 2.1\nuuid:    {A}\nseqno:   {seqno}\nsafe_to_bootstrap: 0\n"
        (data / "grastate.dat").write_text(state)

    def begin(self, *words: str, prefix: tuple[str, ...] = (), code: str = "") -> subprocess.Popen[str]:
        me = ["-c", code] if code else ["-m", "bootstrap"]
        process = subprocess.Popen(
            [*prefix, sys.executable, *me, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def agent(self) -> subprocess.Popen[str]:
        process = self.begin("agent")
        until(self.status, "the agent's answer")
        return process

    def start(self, **more: Any) -> subprocess.Popen[str]:
        return self.begin("start", "--", *self.command, **more)

    def status(self) -> dict[str, Any]:
        """What the agent tells; nothing while it does not answer."""
        try:
            client = channel.Client(self.root / "run" / "agent.sock")
        except AgentUnreachableError:
            return {}
        try:
            return client.ask("status")
        except AgentUnreachableError:
            return {}
        finally:
            client.close()

    def phase(self) -> str:
        members = self.status().get("members")
        return str(members[0]["phase"]) if members else ""

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.close()


@pytest.fixture
def waiting(machine: Machine) -> Machine:
    """A pod that waits for another one for ever."""
    machine.replicas = 2
    machine.database()
    machine.agent()
    return machine


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, err


def test_a_permitted_start_becomes_the_server_with_the_one_option_that_founds_a_cluster(machine: Machine) -> None:
    machine.database()
    machine.agent()
    status, log = ended(machine.start())
    assert status == 0, log
    options = machine.told.read_text().splitlines()
    assert options[0] == machine.command[1]
    assert set(options[1:]) == {f"--wsrep_start_position={A}:7", "--wsrep-new-cluster"}
    assert not (machine.root / "run" / "permission.json").exists()


def test_every_start_asks_anew(machine: Machine) -> None:
    machine.database()
    machine.agent()
    assert ended(machine.start())[0] == 0
    machine.told.unlink()
    assert ended(machine.start())[0] == 0
    assert "--wsrep-new-cluster" in machine.told.read_text()


def test_a_killed_server_s_data_are_not_opened_by_another_major_version(machine: Machine) -> None:
    machine.database()
    machine.agent()
    assert ended(machine.start())[0] == 0
    grastate = machine.root / "data" / "data" / "grastate.dat"
    grastate.write_text(grastate.read_text().replace("seqno:   7", "seqno:   -1"))
    machine.told.unlink()

    machine.serve(seconds=0, version="11.4.5")
    starter = machine.start()
    until(lambda: "UNKNOWN" in str(machine.status().get("members")), "the hold")
    assert "start once with the image of 10.11" in str(machine.status()["decision"]["reason"])
    assert starter.poll() is None
    assert not machine.told.exists()

    starter.kill()
    machine.serve(seconds=0)
    assert ended(machine.start())[0] == 0
    assert machine.told.exists()


def test_what_the_init_container_s_image_could_read_is_looked_at_again_by_the_server_s(machine: Machine) -> None:
    machine.database()
    (machine.root / "data" / "meta" / "server-version").write_text("mariadbd  Ver 10.11.19-MariaDB for Linux")
    machine.agent()
    assert ended(machine.begin("on-start"))[0] == 0

    machine.serve(seconds=0, version="10.6.20")
    machine.start()

    until(lambda: "use the image of 10.11" in str(machine.status()), "the hold")
    assert not machine.told.exists()


def test_the_server_holds_the_lock_and_the_agent_sees_it(machine: Machine) -> None:
    machine.database()
    machine.serve(seconds=300)
    machine.agent()
    server = machine.start()
    until(lambda: machine.phase() == "bootstrapping", "the start")
    assert not lock.is_free(machine.root / "data" / "meta" / "lock")
    second = machine.start()
    time.sleep(0.5)
    assert second.poll() is None
    machine.told.unlink()
    server.terminate()
    until(machine.told.exists, "the second start")
    until(lambda: machine.phase() == "bootstrapping", "the second start")


def test_a_stop_while_it_waits_ends_it_with_143(waiting: Machine) -> None:
    process = waiting.start()
    assert process.stderr is not None
    assert any("waiting for galera-1" in line for line in process.stderr)
    process.terminate()
    status, log = ended(process)
    assert status == 143, log
    assert "Traceback" not in log
    assert not waiting.told.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: a new process namespace needs root")
def test_as_pid_1_it_can_be_stopped_as_well(waiting: Machine) -> None:
    outer = waiting.start(prefix=("unshare", "--pid", "--fork", "--kill-child"))
    until(lambda: waiting.phase() == "frozen", "the report")
    inner = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text())
    os.kill(inner, signal.SIGTERM)
    assert ended(outer)[0] == 143


def test_a_starter_outlives_its_agent_and_reports_to_the_next_one(waiting: Machine) -> None:
    process = waiting.start()
    until(lambda: waiting.phase() == "frozen", "the report")
    agent = waiting.processes[0]
    agent.kill()
    agent.wait()
    waiting.agent()
    until(lambda: waiting.phase() == "frozen", "the report to the new agent")
    process.terminate()
    status, log = ended(process)
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
    status, log = ended(process)
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
    assert ended(second)[0] == 143


def test_without_an_agent_it_gives_up_after_its_patience(machine: Machine) -> None:
    status, log = ended(machine.start(code=IMPATIENT))
    assert status == 17
    assert "is the agent's container running?" in log.splitlines()[-1]
    assert "Traceback" not in log


def test_a_server_that_cannot_be_executed_is_told(machine: Machine) -> None:
    machine.database()
    machine.agent()
    missing = str(machine.root / "no-such-server")
    status, log = ended(machine.begin("start", "--", missing, machine.command[1]))
    assert status == 12
    assert "no-such-server cannot be executed (No such file or directory)" in log.splitlines()[-1]


def test_a_recovery_that_cannot_be_run_is_told(machine: Machine) -> None:
    machine.database()
    machine.agent()
    machine.program.unlink()
    status, log = ended(machine.start())
    assert status == 12
    assert "Traceback" not in log


@pytest.mark.parametrize("option", ["--wsrep-new-cluster", "--datadir=/tmp/x", "--defaults-extra-file=/tmp/x"])
def test_a_command_that_decides_for_itself_is_refused(option: str, machine: Machine) -> None:
    status, log = ended(machine.begin("start", "--", *machine.command, option))
    assert status == 15
    assert option in log
    assert len(log.splitlines()) == 1


# On-start.


def test_on_start_ends_when_the_server_may_be_started_and_leaves_the_lock(machine: Machine) -> None:
    machine.database()
    machine.agent()
    status, log = ended(machine.begin("on-start"))
    assert status == 0, log
    assert lock.is_free(machine.root / "data" / "meta" / "lock")
    assert "gcomm://galera-0.galera.test.svc.cluster.local" in (machine.root / "config/my-galera.cnf").read_text()
    until(lambda: machine.phase() == "frozen", "the freeze after on-start")
    assert not machine.told.exists()


def test_on_start_waits_as_long_as_it_takes_and_can_be_stopped(waiting: Machine) -> None:
    process = waiting.begin("on-start")
    until(lambda: waiting.phase() == "frozen", "the report")
    process.terminate()
    assert ended(process)[0] == 143


def test_on_start_ends_when_it_is_decided_who_starts_first_and_leaves_the_waiting_to_start(machine: Machine) -> None:
    machine.replicas = 2
    machine.database()
    memory = replace(new_memory("c", "galera-0"), highest_term=3, promise=Promise(3, 1, "life"))
    Journal(machine.root / "data" / "meta").write(memory)
    machine.agent()
    status, log = ended(machine.begin("on-start"))
    assert status == 0, log
    assert "wait: term 3 is promised to galera-1" in log
    process = machine.start()
    assert process.stderr is not None
    assert any("wait: term 3 is promised to galera-1" in line for line in process.stderr)
    assert process.poll() is None
    assert not machine.told.exists()


def test_on_start_beside_a_live_server_has_nothing_to_decide(machine: Machine) -> None:
    held = lock.acquire(machine.root / "data" / "meta" / "lock")
    try:
        status, log = ended(machine.begin("on-start"))
    finally:
        os.close(held)
    assert status == 0
    assert "a server is alive on this volume" in log
    assert not (machine.root / "config" / "my-galera.cnf").exists()


def test_a_pod_without_a_server_leaves_at_once(waiting: Machine) -> None:
    process = waiting.start()
    until(lambda: waiting.phase() == "frozen", "the report")
    assert ended(waiting.begin("leave", "--at-least=600"))[0] == 0
    assert process.poll() is None


# Agent and server in one container.


def both(machine: Machine) -> subprocess.Popen[str]:
    machine.database()
    machine.serve(seconds=300)
    process = machine.begin("start", "--with-agent", "--", *machine.command)
    until(machine.told.exists, "the start")
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
    assert ended(process)[0] == 143  # the script dies by the signal, as it was told to
    assert agents(machine) == []


def test_with_its_agent_an_agent_that_dies_is_replaced_and_the_server_lives_on(machine: Machine) -> None:
    process = both(machine)
    first = agents(machine)[0]
    os.kill(first, signal.SIGKILL)
    until(lambda: [pid for pid in agents(machine) if pid != first], "a new agent")
    until(lambda: machine.phase() == "unknown", "its answer")
    assert process.poll() is None
    process.terminate()
    assert ended(process)[0] == 143


def test_with_its_agent_the_data_may_lie_below_the_volume_and_nobody_must_be_quicker(
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
    assert beside_an_agent(machine.command) == 0
    assert before == [True]


# What may not stand in the command.

CNF = Path("/etc/mysql/my-galera.cnf")
GOOD = ("mariadbd", f"--defaults-file={CNF}")

OURS = [
    "--wsrep-new-cluster", "--wsrep_new_cluster", "--wsrep-new-cluster=1", "--wsrep-new", "--loose-wsrep-new-cluster",
    "--enable-wsrep-new-cluster", "--WSREP-NEW-CLUSTER", "--wsrep-cluster-address=gcomm://", "--wsrep_cluster_address",
    "--wsrep-start-position=x:1", "--wsrep-recover", "--wsrep-on=0", "--skip-wsrep-on", "--datadir=/x", "--datadir",
    "--data=/x", "--dat=/x", "--da=/x", "-h/x", "-h", "-vh/x", "-sh/x", "--wsrep-provider-options=pc.bootstrap=1",
]  # fmt: skip


@pytest.mark.parametrize("option", OURS)
def test_an_option_of_ours_is_refused_in_every_spelling(option: str) -> None:
    with pytest.raises(SettingInvalidError, match="remove it from the command"):
        check((*GOOD, option), CNF)


@pytest.mark.parametrize("option", ["--log-bin", "--log_bin=/logs/binlog", "--skip-log-bin", "--log-basename=x"])
def test_a_binary_log_that_the_recovery_would_not_know_is_refused(option: str) -> None:
    with pytest.raises(SettingInvalidError, match="write it into a file in"):
        check((*GOOD, option), CNF)


@pytest.mark.parametrize(
    "option", ["--defaults-file=/other", "--defaults-extra-file=/x", "--defaults-group-suffix=x", "--no-defaults"]
)
def test_another_configuration_is_refused(option: str) -> None:
    with pytest.raises(SettingInvalidError, match="the configuration is"):
        check((*GOOD, option), CNF)


def test_a_command_without_the_configuration_is_refused() -> None:
    with pytest.raises(SettingInvalidError, match="is missing in the command"):
        check(("mariadbd", "--user=mysql"), CNF)


@pytest.mark.parametrize("more", [("--max-connections=5", GOOD[1]), (GOOD[1], GOOD[1])])
def test_our_configuration_is_the_first_option_and_there_once(more: tuple[str, ...]) -> None:
    """The server aborts otherwise, and a permission would have been used up for nothing."""
    with pytest.raises(SettingInvalidError, match="first option"):
        check(("mariadbd", *more), CNF)


def test_a_wrapper_may_stand_before_the_server() -> None:
    check(("nice", "-n", "5", *GOOD), CNF)


@pytest.mark.parametrize(
    "option", ["-uhorst", "-P3307", "--max-connections=5", "--user=mysql", "--debug", "--port=3307", "--date-format=x"]
)
def test_other_options_are_the_users_own(option: str) -> None:
    check((*GOOD, option), CNF)
