"""`inspect` on a volume that was no member here so far: what it is, and all that is missing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bootstrap.core.model.disk import DataClass
from bootstrap.storage.layout import Layout
from tests.paths import ROOT
from tests.support.bootstrap import servers
from tests.support.bootstrap.machine import Machine

SCHEMA = json.loads((ROOT / "docs" / "schemas" / "inspect-v1.json").read_text())


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.close()


def run(machine: Machine, *options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "bootstrap", "inspect", *options]
    done = subprocess.run(command, env=machine.environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


def answer(machine: Machine) -> tuple[int, dict[str, Any]]:
    code, text = run(machine, "-o", "json")
    found = json.loads(text)
    jsonschema.validate(found, SCHEMA)
    return code, found


def test_the_schema_knows_every_class() -> None:
    assert set(SCHEMA["properties"]["class"]["enum"]) == set(DataClass)


def test_nothing_is_missing_on_data_that_were_stopped_in_order(machine: Machine) -> None:
    machine.database()
    (machine.root / "data/data/mariadb_upgrade_info").write_text("10.11.14-MariaDB")
    code, found = answer(machine)
    assert (code, found["class"], found["seqno"]) == (0, "CLEAN", 7)
    volume = found["volume"]
    assert (volume["written_by"], volume["server"], volume["missing"]) == ("10.11", "10.11", [])
    assert volume["stopped_cleanly"]
    assert volume["owner"] == f"{os.geteuid()}:{os.getegid()}"
    assert "missing     nothing: a start makes the accounts, and takes it over" in run(machine)[1]


def test_all_that_is_missing_is_named_at_once_and_no_recovery_is_run(machine: Machine) -> None:
    machine.database(seqno=-1)
    data = machine.root / "data" / "data"
    (data / "mariadb_upgrade_info").write_text("10.6.20-MariaDB")
    (data / "mysql-bin.index").touch()
    for path in data.iterdir():
        path.rename(machine.root / "data" / path.name)
    code, found = answer(machine)
    where, series, log = found["volume"]["missing"]
    assert code == 33
    assert "galera-bootstrap relocate" in where
    assert "written by MariaDB 10.6, and this image has 10.11" in series
    assert "left a binary log (mysql-bin.index)" in log
    assert (found["class"], found["volume"]["datadir"]) == ("UNKNOWN", str(machine.root / "data"))
    assert found["volume"]["saved"].endswith(":-1")
    code, text = run(machine)
    assert code == 33
    assert text.count("\n  missing     ") == 3


def test_two_datadirs_have_no_single_answer(machine: Machine) -> None:
    machine.database()
    (machine.root / "data" / "ibdata1").touch()
    code, found = answer(machine)
    assert (code, found["volume"]["datadir"]) == (33, None)
    assert "two datadirs" in found["volume"]["missing"][0]


def test_an_empty_volume_misses_nothing(machine: Machine) -> None:
    code, found = answer(machine)
    assert (code, found["class"], found["volume"]["missing"]) == (0, "EMPTY", [])


def test_a_member_s_volume_is_none_from_elsewhere(machine: Machine) -> None:
    machine.database()
    machine.agent()
    journal = machine.root / "data" / "meta" / "journal.json"
    content = json.loads(journal.read_text())
    journal.write_text(json.dumps({**content, "initialised": True}))
    assert answer(machine)[1]["volume"] is None


@pytest.mark.galera
def test_a_server_that_has_the_data_open_is_seen(machine: Machine) -> None:
    with servers.node(servers.workspace(), 7, data=servers.seed() / "data") as node:
        node.bootstrap()
        machine.more["DATA_ROOT"] = str(Layout(node.folder).data_root)
        code, found = answer(machine)
    assert code == 33
    assert f"a server has {node.layout.data}/ibdata1 open: stop the old pods first" in found["volume"]["missing"]
