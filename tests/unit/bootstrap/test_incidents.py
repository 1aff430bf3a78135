"""Incidents of others, replayed: disks are built as they were left, and the real code inspects them and decides.

The table is data/incidents.toml.  Only the server is a script here: it prints what `--wsrep-recover` had printed.
"""

import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bootstrap.core.decision.decide import decide
from bootstrap.core.model.codec import decode, encode
from bootstrap.core.model.disk import NIL_UUID, Disk, JournalHints
from bootstrap.core.model.facts import Facts, Phase, PodState, Server
from bootstrap.core.model.unknown import Unknown
from bootstrap.datadir import inspection
from bootstrap.mariadb.recover import Recover
from bootstrap.storage.layout import Layout
from tests.paths import DATA
from tests.support.bootstrap.records import A, B, C

Row = Mapping[str, Any]

HISTORIES = {"A": A, "B": B, "C": C, "nil": NIL_UUID}
INCIDENTS: list[Row] = tomllib.loads((DATA / "incidents.toml").read_text())["incident"]

SERVER = """\
#!/bin/sh
case " $* " in *" --wsrep-recover "*) ;; *) echo "mariadbd  Ver 10.11.19-MariaDB"; exit 0 ;; esac
printf '%s\\n' {lines} >&2
exit {status}
"""


def pod_of(row: Row, ordinal: int, everybody: frozenset[int], root: Path) -> PodState | Unknown:
    """What the others receive from this pod: the real way from the disk into a state and over the wire."""
    if why := row.get("silent"):
        return Unknown(why)
    server = parse_server(row["lives"]) if "lives" in row else None
    journal = row.get("journal", {})
    state = PodState(
        pod=f"galera-{ordinal}",
        ordinal=ordinal,
        run_id=f"run-{ordinal}",
        volume_id=f"volume-{ordinal}",
        phase=Phase.RUNNING if server else Phase.FROZEN,
        disk=None if server else inspect_disk(row, root / str(ordinal)),
        server=server,
        joining="joining" in row,
        was_synced=journal.get("history", False),
        epoch=journal.get("epoch", 0),
        expected=everybody,
        volumes=tuple((o, volume) for o, volume in journal.get("volumes", ())),
    )
    return decode(PodState, encode(state))


def parse_server(text: str) -> Server:
    status, history, seqno, size = text.split()
    return Server(status, "Synced", HISTORIES[history], int(seqno), int(size))


def inspect_disk(row: Row, root: Path) -> Disk:
    """Build the volume and inspect it."""
    layout = Layout(root)
    layout.data.mkdir(parents=True)
    for name in row.get("files", ()):
        whole = ("ibdata1", "mysql", "ib_logfile0") if name == "whole" else (name,)
        for part in whole:
            (layout.data / part).mkdir() if part in ("mysql", ".sst", "lost+found") else (layout.data / part).touch()
    for name in row.get("beside", ()):
        (root / name / "mysql").mkdir(parents=True)
    if "grastate" in row:
        layout.grastate.write_text(format_grastate(row["grastate"]))
    return inspection.inspect(
        layout,
        Recover((str(make_server(row.get("recovers", ()), root)),)),
        JournalHints(
            joining="joining" in row,
            initialised=row.get("journal", {}).get("initialised", False),
            same_boot=row.get("joining") == "this",
        ),
    )


def format_grastate(text: str) -> str:
    if text == "blank":
        return ""
    history, seqno, safe = text.split()
    return (
        f"# GALERA saved state\nversion: 2.1\nuuid:    {HISTORIES[history]}\n"
        f"seqno:   {seqno}\nsafe_to_bootstrap: {safe}\n"
    )


def make_server(lines: str | list[str], root: Path) -> Path:
    """Make a program that prints what the server had printed."""
    if isinstance(lines, str):
        history, _, seqno = lines.partition(":")
        lines = [f"2026-11-23  2:17:58 0 [Note] WSREP: Recovered position: {HISTORIES[history]}:{seqno}"]
    failed = not lines or any("[ERROR]" in line for line in lines)
    program = root / "mariadbd"
    program.write_text(SERVER.format(lines=" ".join(map(shlex.quote, lines)) or "''", status=int(failed)))
    program.chmod(0o755)
    return program


def describe(disk: Disk) -> str:
    """A disk as the table names it."""
    names = {uuid: name for name, uuid in HISTORIES.items()}
    where = f" {names[disk.position.uuid]}:{disk.position.seqno}" if disk.position else ""
    return f"{disk.data_class}{where}"


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda row: f"{row['link'].rpartition('/')[2]}: {row['name']}")
def test_it_ends_as_it_should_have(incident: Row, tmp_path: Path) -> None:
    pods = {int(ordinal): pod for ordinal, pod in incident["pods"].items()}
    everybody = frozenset(pods)
    states = {ordinal: pod_of(pod, ordinal, everybody, tmp_path) for ordinal, pod in pods.items()}
    asked = {ordinal: pod for ordinal, pod in pods.items() if "decides" in pod}
    assert asked
    for ordinal, pod in asked.items():
        own = states[ordinal]
        assert isinstance(own, PodState)
        assert own.disk
        assert describe(own.disk) == pod["class"]
        decision = decide(Facts(own, {o: state for o, state in states.items() if o != ordinal}))
        assert [type(decision).__name__, decision.rule] == pod["decides"], decision
        assert pod.get("reason", "") in decision.reason


def test_the_table_has_no_key_without_a_meaning() -> None:
    keys = {
        "files",
        "beside",
        "grastate",
        "recovers",
        "joining",
        "journal",
        "class",
        "decides",
        "reason",
        "lives",
        "silent",
    }
    assert {key for incident in INCIDENTS for pod in incident["pods"].values() for key in pod} <= keys
    assert all(incident["link"].startswith("https://") for incident in INCIDENTS)


def test_of_each_incident_at_most_one_pod_bootstraps() -> None:
    for incident in INCIDENTS:
        founders = [o for o, pod in incident["pods"].items() if pod.get("decides", [""])[0] == "Bootstrap"]
        assert len(founders) <= 1, incident["name"]
