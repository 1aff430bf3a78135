"""What has happened to others, replayed: disks are built as they were left, and the real code looks and decides.

The table is data/incidents.toml.  Only the server is a script here, which says what `--wsrep-recover` said.
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
from bootstrap.core.model.facts import Facts, Phase, PodState, Server, Unknown
from bootstrap.datadir import inspection
from bootstrap.mariadb.recover import Recover
from bootstrap.storage.layout import Layout
from tests.paths import DATA
from tests.support.bootstrap.records import A, B, C

Told = Mapping[str, Any]

HISTORIES = {"A": A, "B": B, "C": C, "nil": NIL_UUID}
INCIDENTS: list[Told] = tomllib.loads((DATA / "incidents.toml").read_text())["incident"]

SERVER = """\
#!/bin/sh
case " $* " in *" --wsrep-recover "*) ;; *) echo "mariadbd  Ver 10.11.19-MariaDB"; exit 0 ;; esac
printf '%s\\n' {lines} >&2
exit {status}
"""


def known(told: Told, ordinal: int, everybody: frozenset[int], root: Path) -> PodState | Unknown:
    """What the others hear of this pod, by the real way from the disk into a record and over the wire."""
    if why := told.get("silent"):
        return Unknown(why)
    server = live(told["lives"]) if "lives" in told else None
    journal = told.get("word", {})
    record = PodState(
        pod=f"galera-{ordinal}",
        ordinal=ordinal,
        boot_id=f"boot-{ordinal}",
        volume_id=f"volume-{ordinal}",
        phase=Phase.RUNNING if server else Phase.FROZEN,
        disk=None if server else found(told, root / str(ordinal)),
        server=server,
        joining="joining" in told,
        was_synced=journal.get("history", False),
        epoch=journal.get("epoch", 0),
        expected=everybody,
        volumes=tuple((o, volume) for o, volume in journal.get("volumes", ())),
    )
    return decode(PodState, encode(record))


def live(told: str) -> Server:
    status, history, seqno, size = told.split()
    return Server(status, "Synced", HISTORIES[history], int(seqno), int(size))


def found(told: Told, root: Path) -> Disk:
    """Build the volume and look at it."""
    layout = Layout(root)
    layout.data.mkdir(parents=True)
    for name in told.get("files", ()):
        whole = ("ibdata1", "mysql", "ib_logfile0") if name == "whole" else (name,)
        for part in whole:
            (layout.data / part).mkdir() if part in ("mysql", ".sst", "lost+found") else (layout.data / part).touch()
    for name in told.get("beside", ()):
        (root / name / "mysql").mkdir(parents=True)
    if "grastate" in told:
        layout.grastate.write_text(grastate(told["grastate"]))
    return inspection.inspect(
        layout,
        Recover((str(server(told.get("recovers", ()), root)),)),
        JournalHints(
            joining="joining" in told,
            initialised=told.get("word", {}).get("initialised", False),
            same_boot=told.get("joining") == "this",
        ),
    )


def grastate(told: str) -> str:
    if told == "blank":
        return ""
    history, seqno, safe = told.split()
    return (
        f"# GALERA saved state\nversion: 2.1\nuuid:    {HISTORIES[history]}\n"
        f"seqno:   {seqno}\nsafe_to_bootstrap: {safe}\n"
    )


def server(told: str | list[str], root: Path) -> Path:
    """A program that says what the server has said."""
    if isinstance(told, str):
        history, _, seqno = told.partition(":")
        told = [f"2026-11-23  2:17:58 0 [Note] WSREP: Recovered position: {HISTORIES[history]}:{seqno}"]
    failed = not told or any("[ERROR]" in line for line in told)
    program = root / "mariadbd"
    program.write_text(SERVER.format(lines=" ".join(map(shlex.quote, told)) or "''", status=int(failed)))
    program.chmod(0o755)
    return program


def short(disk: Disk) -> str:
    """A disk as the table names it."""
    names = {uuid: name for name, uuid in HISTORIES.items()}
    where = f" {names[disk.position.uuid]}:{disk.position.seqno}" if disk.position else ""
    return f"{disk.data_class}{where}"


@pytest.mark.parametrize("told", INCIDENTS, ids=lambda told: f"{told['link'].rpartition('/')[2]}: {told['name']}")
def test_it_ends_as_it_should_have(told: Told, tmp_path: Path) -> None:
    pods = {int(ordinal): pod for ordinal, pod in told["pods"].items()}
    everybody = frozenset(pods)
    records = {ordinal: known(pod, ordinal, everybody, tmp_path) for ordinal, pod in pods.items()}
    asked = {ordinal: pod for ordinal, pod in pods.items() if "decides" in pod}
    assert asked
    for ordinal, pod in asked.items():
        own = records[ordinal]
        assert isinstance(own, PodState)
        assert own.disk
        assert short(own.disk) == pod["class"]
        decision = decide(Facts(own, {o: record for o, record in records.items() if o != ordinal}))
        assert [type(decision).__name__, decision.rule] == pod["decides"], decision
        assert pod.get("says", "") in decision.reason


def test_the_table_has_no_word_that_means_nothing() -> None:
    words = {
        "files",
        "beside",
        "grastate",
        "recovers",
        "joining",
        "word",
        "class",
        "decides",
        "says",
        "lives",
        "silent",
    }
    assert {word for told in INCIDENTS for pod in told["pods"].values() for word in pod} <= words
    assert all(told["link"].startswith("https://") for told in INCIDENTS)


def test_of_each_incident_at_most_one_pod_bootstraps() -> None:
    for told in INCIDENTS:
        founders = [o for o, pod in told["pods"].items() if pod.get("decides", [""])[0] == "Bootstrap"]
        assert len(founders) <= 1, told["name"]
