"""The command line: its help, its exit codes, and the commands for humans beside a real agent."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap import errors
from bootstrap.cli import COMMANDS, GROUPS
from bootstrap.errors import BootstrapError
from bootstrap.storage import lock
from tests.paths import ROOT
from tests.support.bootstrap.machine import PATIENCE_S, Machine, until
from tests.support.bootstrap.records import A

RACE_NUMBER = re.compile(r"\bR\d+\b")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, replicas=2)
    yield made
    made.close()


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
    joined = " ".join(output.split())
    for name, about in COMMANDS.items():
        assert f"{name} {about}" in joined


def test_the_help_has_what_people_look_with_before_what_manifests_call() -> None:
    output = subprocess.run([sys.executable, "-m", "bootstrap", "--help"], capture_output=True, text=True, check=True)
    places = [output.stdout.index(f"\n{title}:\n") for title in GROUPS]
    assert places == sorted(places)
    assert places[0] < output.stdout.index("\n  status ") < places[1] < output.stdout.index("\n  force ") < places[2]
    assert output.stdout.index("\n  on-start ") > places[2]


@pytest.mark.parametrize(
    ("words", "last"),
    [
        (("statsu",), "Error: no command 'statsu'; did you mean status?"),
        (("onstart",), "Error: no command 'onstart'; did you mean on-start?"),
        (("xyz",), "Error: no command 'xyz'; galera-bootstrap --help lists them"),
        (("status", "--wathc"), "Error: No such option '--wathc'. Did you mean '--watch'?"),
    ],
)
def test_the_last_line_of_a_mistake_is_what_was_meant(words: tuple[str, ...], last: str, machine: Machine) -> None:
    done = run(machine, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == last


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
    assert files - COMMANDS.keys() <= {"--init--", "options", "table", "terminal"}


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
