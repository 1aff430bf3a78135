"""The command line: its help, its exit codes, and the commands for humans beside a real agent."""

import contextlib
import http.client
import inspect
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bootstrap import errors
from bootstrap.cli import COMMANDS
from bootstrap.errors import BootstrapError
from bootstrap.storage import lock
from tests.paths import ROOT
from tests.support.bootstrap.machine import PATIENCE_S, Machine, until
from tests.support.bootstrap.records import A


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, replicas=2)
    yield made
    made.close()


def fits(told: dict[str, Any], name: str) -> None:
    """Whether an answer is of its schema, without a key that the schema does not know."""
    schema = json.loads((ROOT / "docs" / "schemas" / f"{name}-v1.json").read_text())
    for part in objects(schema):
        part["additionalProperties"] = False
    jsonschema.Draft202012Validator(schema).validate(told)


def objects(part: Any) -> Iterator[dict[str, Any]]:
    """All that describes an object in a schema."""
    if isinstance(part, dict):
        if "properties" in part and part.get("type") == "object":
            yield part
        for inner in part.values():
            yield from objects(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from objects(inner)


def run(machine: Machine, *words: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bootstrap", *words],
        env=machine.environment | more,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_help_names_every_command_and_imports_none() -> None:
    code = (
        "import sys; from bootstrap.cli import group; "
        "group(['--help'], standalone_mode=False); "
        "print([m for m in sys.modules if m.startswith(('bootstrap.commands.', 'jinja2', 'pymysql', 'dns.'))])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == "[]"
    for name, about in COMMANDS.items():
        assert name in told
        assert about.split(";", maxsplit=1)[0].split(":", maxsplit=1)[0] in told


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_does_nothing_for_it(name: str, machine: Machine) -> None:
    done = run(machine, name, "--help")
    assert done.returncode == 0
    assert f"{name} [OPTIONS]" in done.stdout
    assert not (machine.root / "config" / "my-galera.cnf").exists()


def test_every_file_of_a_command_is_a_command() -> None:
    files = {path.stem.replace("_", "-") for path in (ROOT / "bootstrap" / "commands").rglob("*.py")}
    assert COMMANDS.keys() <= files
    assert files - COMMANDS.keys() <= {"--init--", "table"}


@pytest.mark.parametrize("words", [("bootstrap-now",), ("--force",), ("start",), ("status", "-o", "xml")])
def test_what_there_is_not_ends_with_2(words: tuple[str, ...], machine: Machine) -> None:
    done = run(machine, *words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


CODES = {
    error.__name__: error.exit_code
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, BootstrapError) and error is not BootstrapError
}


def test_the_page_of_exit_codes_agrees_with_the_errors() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text().partition("## galera-bootstrap")[2]
    rows = re.findall(r"^\| (\d+) \| .*? \| (.*?) \| .*? \|$", page, re.MULTILINE)
    told = {name: int(code) for code, names in rows for name in re.findall(r"`(\w+Error)`", names)}
    assert told == CODES


@pytest.mark.parametrize(
    "name", ["agent", "on-start", "on-change", "status", "events", "healthz", "explain", "inspect", "render"]
)
def test_a_wrong_setting_is_one_line_and_15(name: str, machine: Machine) -> None:
    done = run(machine, name, GALERA_BOOTSTRAP_REPLICAS="many", GALERA_BOOTSTRAP_COLOUR="blue")
    assert done.returncode == 15
    assert len(done.stderr.splitlines()) == 1
    assert "REPLICAS 'many'" in done.stderr
    assert "GALERA_BOOTSTRAP_COLOUR is not a setting" in done.stderr


@pytest.mark.parametrize("name", ["status", "explain", "events"])
def test_without_an_agent_is_one_line_and_17(name: str, machine: Machine) -> None:
    done = run(machine, name)
    assert done.returncode == 17
    assert len(done.stderr.splitlines()) == 1


def test_a_second_agent_waits_for_the_end_of_the_first(machine: Machine) -> None:
    """The successor of a pod that was deleted by force is there before that pod's server has ended."""
    first = machine.agent()
    second = machine.begin("agent")
    assert second.stderr is not None
    assert "another agent lives on this volume" in second.stderr.readline()

    first.terminate()
    first.wait(PATIENCE_S)

    until(machine.status, "the second agent's answer")
    assert second.poll() is None


# Beside an agent.


def test_status_is_one_line_a_member(machine: Machine) -> None:
    machine.agent()
    done = run(machine, "status")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["MEMBER", "PHASE", "CLASS", "POSITION", "EPOCH", "CLUSTER", "STATE", "SIZE"]
    assert lines[1].startswith("galera-0*")
    assert lines[2].startswith("galera-1 ")
    assert lines[3].startswith("galera-0: ")


def test_status_and_explain_as_json_carry_their_schema(machine: Machine) -> None:
    machine.agent()
    for name in ("status", "explain"):
        told = json.loads(run(machine, name, "-o", "json").stdout)
        assert told["schema"] == f"galera-bootstrap/{name}/v1"
        assert [member["name"] for member in told["members"]] == ["galera-0", "galera-1"]
        fits(told, name)
    fits(json.loads(run(machine, "events", "-o", "json").stdout), "events")


def test_who_is_waited_for_and_what_a_human_may_do_is_in_status(machine: Machine) -> None:
    machine.database()
    machine.agent()
    machine.start()
    until(lambda: machine.status()["waiting"], "the wait")
    told = machine.status()
    fits(told, "status")
    assert [one["name"] for one in (*told["waiting"], *told["missing"])] == ["galera-1", "galera-1"]
    assert told["ahead"] == {"names": ["galera-0"], "uuid": A, "seqno": 7, "primary": False, "sure": False}
    text = run(machine, "status").stdout
    assert f"ahead: galera-0 on disk at {A}:7; who does not answer may hold more" in text
    assert "  waits for galera-1, " in text
    assert "missing:" not in text  # it is told once
    assert "to do: see why galera-1 is silent: `kubectl describe pod galera-1`; if galera-1 can never" in text


def test_events_outlive_the_agent_and_its_socket(machine: Machine) -> None:
    machine.database()
    agent = machine.agent()
    machine.start()
    path = machine.root / "data" / "meta" / "events.json"
    until(lambda: path.exists() and "[all-heard]" in path.read_text(), "the decision on the disk")
    agent.kill()
    agent.wait()
    done = run(machine, "events", "-o", "json")
    assert "this is what the volume remembers" in done.stderr
    told = json.loads(done.stdout)
    fits(told, "events")
    assert {"agent", "phase", "decision"} <= {event["kind"] for event in told["events"]}
    machine.agent()
    numbers = [event["n"] for event in json.loads(run(machine, "events", "-o", "json").stdout)["events"]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(run(machine, "events", "--kind", "agent").stdout.splitlines()) == 2
    assert len(run(machine, "events", "--kind", "agent", "--lines", "1").stdout.splitlines()) == 1


def test_a_damaged_event_log_is_told_and_stops_nobody(machine: Machine) -> None:
    (machine.root / "data" / "meta" / "events.json").write_bytes(b"\x00" * 4096)
    assert run(machine, "events").returncode == 17
    machine.agent()
    lines = run(machine, "events").stdout.splitlines()
    assert "lost" in lines[0]
    assert "it is damaged" in lines[0]


def test_explain_names_the_rule_and_the_missing_pod(machine: Machine) -> None:
    machine.database()
    machine.agent()
    machine.start()
    until(lambda: machine.phase() == "frozen", "the report")
    until(lambda: machine.status()["decision"]["rule"] == "all-heard", "the decision")
    done = run(machine, "explain")
    assert "=> all-heard: waiting for galera-1 (unknown: " in done.stdout
    assert f"{A}:7" in done.stdout


@pytest.mark.parametrize("words", [(), ("--ready",), ("--live",)])
def test_healthz_without_an_agent_is_no(words: tuple[str, ...], machine: Machine) -> None:
    done = run(machine, "healthz", *words)
    assert done.returncode == 1
    assert done.stdout.startswith("unknown: no agent answers at ")
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")


def test_healthz_tells_ready_and_alive_apart(machine: Machine) -> None:
    machine.agent()
    assert run(machine, "healthz").stdout == "stopped\n"
    ready, live = run(machine, "healthz", "--ready"), run(machine, "healthz", "--live")
    assert (ready.returncode, ready.stdout) == (1, "stopped\n")
    assert (live.returncode, live.stdout) == (0, "live\n")


def test_healthz_does_not_wait_for_an_agent_that_hangs(machine: Machine) -> None:
    agent = machine.agent()
    agent.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    done = run(machine, "healthz", "--live")
    assert done.returncode == 1
    assert "timed out" in done.stdout
    assert time.monotonic() - began < 20
    agent.send_signal(signal.SIGCONT)
    until(lambda: run(machine, "healthz", "--live").returncode == 0, "the agent lives again")


def test_healthz_imports_nothing_heavy() -> None:
    code = (
        "import sys, bootstrap.commands.pod.healthz; "
        "print([m for m in sys.modules if m.split('.')[0] in ('jinja2', 'pymysql', 'dns', 'tenacity', 'http')])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"


def test_the_agent_answers_probes_on_its_port(machine: Machine) -> None:
    machine.agent()
    assert probe(machine, "/livez") == 200
    assert probe(machine, "/readyz") == 503
    assert probe(machine, "/metrics") == 200


def test_without_a_port_there_are_no_probes_but_healthz(machine: Machine) -> None:
    machine.probes = 0
    machine.agent()
    assert run(machine, "healthz", "--live").returncode == 0


def test_an_agent_whose_port_of_probes_is_taken_says_so(machine: Machine) -> None:
    with socket.create_server((machine.address, machine.probes)):
        done = run(machine, "agent")
    assert done.returncode == 15
    assert f"port {machine.probes} for probes" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def probe(machine: Machine, path: str) -> int:
    """The status of a path, once the port is open: the socket is there a moment earlier."""
    until(lambda: is_open(machine), "the port of probes")
    connection = http.client.HTTPConnection(machine.address, machine.probes, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status


def is_open(machine: Machine) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex((machine.address, machine.probes)) == 0


# Without an agent.


def test_inspect_tells_class_and_position(machine: Machine) -> None:
    machine.database()
    done = run(machine, "inspect")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"CLEAN  {A}:7  ")
    told = json.loads(run(machine, "inspect", "-o", "json").stdout)
    assert (told["schema"], told["class"], told["seqno"]) == ("galera-bootstrap/inspect/v1", "CLEAN", 7)


def test_inspect_beside_something_alive_is_18(machine: Machine) -> None:
    held = lock.acquire(machine.root / "data" / "meta" / "lock")
    try:
        assert run(machine, "inspect").returncode == 18
    finally:
        os.close(held)


def test_render_shows_what_would_be_written(machine: Machine) -> None:
    cnf = machine.root / "config" / "my-galera.cnf"
    shown = run(machine, "render").stdout
    assert "gcomm://galera-0.galera.test.svc.cluster.local,galera-1" in shown
    assert not cnf.exists()
    assert run(machine, "render", "--diff").returncode == 1
    cnf.write_text(shown)
    assert run(machine, "render", "--diff").returncode == 0


def test_a_file_that_was_written_from_the_same_values_does_not_differ(machine: Machine) -> None:
    assert run(machine, "on-change").returncode == 0
    assert run(machine, "render", "--diff").returncode == 0


def test_render_hides_the_password_of_state_transfers(machine: Machine) -> None:
    method = {"GALERA_BOOTSTRAP_SST_METHOD": "mariabackup"}
    cnf = machine.root / "config" / "my-galera.cnf"
    (machine.root / "secrets" / "sst-password").write_text("hush-hush-hush-hush")
    assert run(machine, "on-change", stdin="", **method).returncode == 0
    assert 'wsrep_sst_auth = "galera_sst:hush-hush-hush-hush"' in cnf.read_text()
    (machine.root / "secrets" / "sst-password").write_text("more-hush-more-hush")

    for words in (("render",), ("render", "--diff")):
        shown = run(machine, *words, **method).stdout
        assert 'wsrep_sst_auth = "galera_sst:********"' in shown
        assert "hush" not in shown


PEERS = "galera-4.galera.test.svc.cluster.local\nother-9.galera.test.svc.cluster.local\n"


def test_on_change_adds_the_peers_of_this_set_to_the_expected_ones(machine: Machine) -> None:
    done = run(machine, "on-change", stdin=PEERS)
    assert done.returncode == 0, done.stderr
    text = (machine.root / "config" / "my-galera.cnf").read_text()
    assert "gcomm://" + ",".join(f"galera-{o}.galera.test.svc.cluster.local" for o in (0, 1, 4)) + '"' in text


def test_on_change_never_shrinks_the_list_below_the_expected(machine: Machine) -> None:
    assert run(machine, "on-change", stdin="").returncode == 0
    assert "galera-1." in (machine.root / "config" / "my-galera.cnf").read_text()


def test_peers_that_are_no_names_are_refused(machine: Machine) -> None:
    done = run(machine, "on-change", stdin="galera-0\nwsrep_new_cluster = 1\n")
    assert done.returncode == 15
    assert not (machine.root / "config" / "my-galera.cnf").exists()


def test_no_secret_is_in_any_output(machine: Machine) -> None:
    for name in ("exchange-key", "agent-password", "root-password"):
        (machine.root / "secrets" / name).write_text("hush-hush-hush-hush")
    machine.agent()
    for words in (("status", "-o", "json"), ("explain", "-o", "json"), ("events",), ("render",), ("inspect",)):
        done = run(machine, *words)
        assert "hush" not in done.stdout + done.stderr
    path = machine.root / "data" / "meta" / "events.json"
    until(path.exists, "the event log")
    assert "hush" not in path.read_text()
