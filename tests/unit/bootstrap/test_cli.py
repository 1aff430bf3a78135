"""The command line: its help, its exit codes, and the commands for humans beside a real agent."""

import ast
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
from tests.support.bootstrap.records import A
from tests.unit.bootstrap.starter.test_session import PATIENCE_S, Machine, until

RACE_NUMBER = re.compile(r"\bR\d+\b")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, replicas=2)
    yield made
    made.close()


def check_schema(answer: dict[str, Any], name: str) -> None:
    """Check that an answer fits its schema, and has no key that the schema does not know."""
    schema = json.loads((ROOT / "docs" / "schemas" / f"{name}-v1.json").read_text())
    for part in object_schemas(schema):
        part["additionalProperties"] = False
    jsonschema.Draft202012Validator(schema).validate(answer)


def object_schemas(part: Any) -> Iterator[dict[str, Any]]:
    """All parts of a schema that describe an object."""
    if isinstance(part, dict):
        if "properties" in part and part.get("type") == "object":
            yield part
        for inner in part.values():
            yield from object_schemas(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from object_schemas(inner)


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
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"
    for name, about in COMMANDS.items():
        assert name in output
        assert about.split(";", maxsplit=1)[0].split(":", maxsplit=1)[0] in output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_does_nothing_for_it(name: str, machine: Machine) -> None:
    done = run(machine, name, "--help")
    assert done.returncode == 0
    assert f"{name} [OPTIONS]" in done.stdout
    assert not (machine.root / "config" / "my-galera.cnf").exists()
    assert not RACE_NUMBER.search(done.stdout)


def test_no_text_for_users_has_the_number_of_a_race() -> None:
    """They are for developers.  Docstrings may have them; the help of a command is read by the test above."""
    found = []
    for path in sorted((ROOT / "bootstrap").rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        texts = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in docstrings]
        found += [f"{path}:{text.lineno}: {text.value!r}" for text in texts if RACE_NUMBER.search(str(text.value))]
    assert found == []


def test_every_file_of_a_command_is_a_command() -> None:
    files = {path.stem.replace("_", "-") for path in (ROOT / "bootstrap" / "commands").rglob("*.py")}
    assert COMMANDS.keys() <= files
    assert files - COMMANDS.keys() <= {"--init--", "table"}


@pytest.mark.parametrize("words", [("bootstrap-now",), ("--force",), ("start",), ("status", "-o", "xml")])
def test_unknown_words_end_with_2(words: tuple[str, ...], machine: Machine) -> None:
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
    codes = {name: int(code) for code, names in rows for name in re.findall(r"`(\w+Error)`", names)}
    assert codes == CODES


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


def test_status_is_one_line_for_each_member(machine: Machine) -> None:
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
        answer = json.loads(run(machine, name, "-o", "json").stdout)
        assert answer["schema"] == f"galera-bootstrap/{name}/v1"
        assert [member["name"] for member in answer["members"]] == ["galera-0", "galera-1"]
        check_schema(answer, name)
    check_schema(json.loads(run(machine, "events", "-o", "json").stdout), "events")


def test_status_shows_the_pods_that_are_waited_for_and_what_a_human_may_do(machine: Machine) -> None:
    machine.database()
    machine.agent()
    machine.start()
    until(lambda: machine.status()["waiting"], "the wait")
    status = machine.status()
    check_schema(status, "status")
    assert [pod["name"] for pod in (*status["waiting"], *status["missing"])] == ["galera-1", "galera-1"]
    assert status["ahead"] == {"names": ["galera-0"], "uuid": A, "seqno": 7, "primary": False, "sure": False}
    text = run(machine, "status").stdout
    assert f"ahead: galera-0 on disk at {A}:7; pods that do not answer may hold more" in text
    assert "  waits for galera-1, " in text
    assert "missing:" not in text  # it is shown once
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
    assert "these events are from the volume" in done.stderr
    answer = json.loads(done.stdout)
    check_schema(answer, "events")
    assert {"agent", "phase", "decision"} <= {event["kind"] for event in answer["events"]}
    machine.agent()
    numbers = [event["n"] for event in json.loads(run(machine, "events", "-o", "json").stdout)["events"]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(run(machine, "events", "--kind", "agent").stdout.splitlines()) == 2
    assert len(run(machine, "events", "--kind", "agent", "--lines", "1").stdout.splitlines()) == 1


def test_a_damaged_event_log_is_an_event_and_stops_no_command(machine: Machine) -> None:
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


def test_force_without_options_shows_what_would_be_lost_and_what_to_type(machine: Machine) -> None:
    machine.database()
    machine.agent()
    machine.start()
    until(lambda: machine.status()["decision"]["rule"] == "all-heard", "the decision")
    done = run(machine, "force")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"galera-0  CLEAN, {A}:7, epoch 0 (this pod)")
    assert lines[1].startswith("galera-1  unknown: ")
    assert "galera-1 may hold commits that no other pod has: they would be given up." in done.stdout
    assert "another override: a pod that comes back with more holds" in done.stdout
    assert "force --epoch 1 --accept-loss --without galera-1" in done.stdout
    assert machine.status()["decision"]["rule"] == "all-heard"


def test_force_follows_an_override_until_it_is_void(machine: Machine) -> None:
    """The server of this machine ends at once, before it is Primary."""
    machine.database()
    machine.agent()
    machine.start()
    until(lambda: machine.status()["decision"]["rule"] == "all-heard", "the decision")
    given = machine.begin("force", "--epoch", "1", "--accept-loss", "--without", "galera-1")
    assert given.stdout is not None
    line = given.stdout.readline()
    assert line == "the override for epoch 1 is in this pod's journal; asking all pods that answer to promise\n"
    until((machine.root / "arguments").exists, "the server's start")
    machine.start()
    out, err = given.communicate(timeout=PATIENCE_S)
    assert given.returncode == 22, out + err
    assert err == (
        "galera-bootstrap: the override for epoch 1 is void: the server ended before it was Primary; "
        "run it without options again\n"
    )
    explanation = run(machine, "explain").stdout
    assert f"force epoch 1 from {A}:7, without galera-1 (unknown: " in explanation


REFUSED = {
    "an epoch without --accept-loss": (("force", "--epoch", "1"), "--epoch and --accept-loss belong together"),
    "another epoch": (
        ("force", "--epoch", "9", "--accept-loss", "--without", "galera-1"),
        "nothing was changed: epoch 9 is not the next one, 1: look again, things have changed",
    ),
    "a pod that is not named": (
        ("force", "--epoch", "1", "--accept-loss"),
        "nothing was changed: galera-1 does not answer and is not named by --without: look again",
    ),
    "adopt while a pod is missing": (("adopt",), "nothing is changed: galera-1 does not answer ("),
    "discard without a cluster": (
        ("discard",),
        "nothing was changed: no Primary Component is known: the data here may be the newest of all",
    ),
}


@pytest.mark.parametrize(("words", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_override_is_one_line_and_21(words: tuple[str, ...], why: str, machine: Machine) -> None:
    machine.database()
    machine.agent()
    machine.start()
    until(lambda: machine.status()["decision"]["rule"] == "all-heard", "the decision")
    done = run(machine, *words)
    assert done.returncode == 21
    assert done.stderr.startswith(f"galera-bootstrap: {why}")
    assert len(done.stderr.splitlines()) == 1


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


# Without an agent.


def test_inspect_shows_class_and_position(machine: Machine) -> None:
    machine.database()
    done = run(machine, "inspect")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"CLEAN  {A}:7  ")
    found = json.loads(run(machine, "inspect", "-o", "json").stdout)
    assert (found["schema"], found["class"], found["seqno"]) == ("galera-bootstrap/inspect/v1", "CLEAN", 7)


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


def test_peers_that_are_not_names_are_refused(machine: Machine) -> None:
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
