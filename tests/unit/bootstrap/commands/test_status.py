"""`status`, `explain` and `events` beside a real agent."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from bootstrap.commands.admin.events import read_time
from bootstrap.core.status.events import Event
from bootstrap.core.status.events import dump as dump_log
from tests.paths import ROOT
from tests.support.bootstrap.machine import Machine, until
from tests.support.bootstrap.records import A
from tests.unit.bootstrap.test_cli import run


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


def test_status_is_a_line_for_the_cluster_and_one_for_each_member(machine: Machine) -> None:
    machine.agent()
    done = run(machine, "status")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.match("galera/test  no data  UNCERTAIN for [0-9]+ s: no pod that answers is Primary;", lines[0])
    table = next(n for n, line in enumerate(lines) if line.split() == ["MEMBER", "STATE", "DATA", "POSITION", "SINCE"])
    assert [line.split()[0] for line in lines[table + 1 : table + 3]] == ["galera-0*", "galera-1"]
    assert max(map(len, lines)) <= 80 or all("kubectl" in line for line in lines if len(line) > 80)


def test_status_and_explain_as_json_carry_their_schema(machine: Machine) -> None:
    machine.agent()
    for name in ("status", "explain"):
        answer = json.loads(run(machine, name, "-o", "json").stdout)
        assert answer["schema"] == f"galera-bootstrap/{name}/v1"
        assert [member["name"] for member in answer["members"]] == ["galera-0", "galera-1"]
        check_schema(answer, name)
    check_schema(json.loads(run(machine, "events", "-o", "json").stdout), "events")
    check_schema(json.loads(run(machine, "events", "--all", "-o", "json").stdout), "timeline")


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
    assert "newest" in text
    assert text.count("galera-1.galera") <= 2  # the table has its beginning, and the reason all of it
    steps = text[text.index("do     1. bring galera-1 back") :]
    assert "kubectl -n test describe pod galera-1" in steps
    assert "-m bootstrap force" in steps
    assert "not    delete claims" in steps
    assert "docs/operations/messages/waiting.md#all-heard" in steps


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


def test_people_get_the_last_twenty_events_and_those_since_a_moment(machine: Machine) -> None:
    meta = machine.root / "data" / "meta"
    past = [Event(n, f"2026-01-01T00:00:{n:02d}.000Z", "phase", f"this pod is {n}") for n in range(1, 31)]
    (meta / "events.json").write_bytes(dump_log(past))
    done = run(machine, "events")
    assert [line.split()[1] for line in done.stdout.splitlines()] == [str(n) for n in range(11, 31)]
    assert done.stderr.splitlines()[-1].startswith("10 earlier events are not shown")
    assert len(json.loads(run(machine, "events", "-o", "json").stdout)["events"]) == 30
    since = run(machine, "events", "--since", "2026-01-01T00:00:28Z").stdout.splitlines()
    assert [line.split()[1] for line in since] == ["28", "29", "30"]
    assert run(machine, "events", "--since", "10m").stdout == ""
    refused = run(machine, "events", "--since", "yesterday")
    assert refused.returncode == 2
    assert "write 90s, 10m" in refused.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:01.500Z", 1.5),
        ("1970-01-01T01:00:01+01:00", 1.0),
        ("1970-01-01T00:00:01", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_time_without_a_zone_is_none(text: str, moment: float | None) -> None:
    assert read_time(text) == moment


def test_all_events_are_drawn_as_text_and_as_a_picture(machine: Machine, tmp_path: Path) -> None:
    assert run(machine, "events", "--all").returncode == 17
    machine.database()
    machine.agent()
    machine.start()
    until(lambda: machine.status()["waiting"], "the wait")
    until(lambda: "galera-0 waits for galera-1" in run(machine, "events", "--all").stdout, "the wait in the timeline")
    done = run(machine, "events", "--all")
    assert done.stderr.startswith("galera-1 is shown as the others saw it; it does not answer: unknown: ")
    assert max(map(len, done.stdout.splitlines())) <= 80
    file = tmp_path / "outage.svg"
    assert run(machine, "events", "--all", "--svg", str(file)).stdout == ""
    assert ET.fromstring(file.read_text()).tag.endswith("}svg")
    assert run(machine, "events", "--all", "--svg", "-").stdout.startswith("<svg ")
    assert run(machine, "events", "--all", "--svg", str(tmp_path / "no" / "x.svg")).returncode == 15
    for words in (("--svg", "x"), ("--all", "--kind", "join"), ("--all", "--lines", "3")):
        assert run(machine, "events", *words).returncode == 2


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
    assert f"history {A}" in done.stdout
    assert "     It is another decision when galera-1 is frozen and has read its datadir; or" in done.stdout
