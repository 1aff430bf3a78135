"""`force`, `adopt` and `discard` as a human types them, beside a real agent."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.core.model.disk import NIL_UUID
from bootstrap.storage.journal import Journal, new_memory
from tests.support.bootstrap.machine import PATIENCE_S, Machine, until
from tests.support.bootstrap.records import A
from tests.unit.bootstrap.test_cli import run

FIRST = 1_000_000_000_000
"""The first epoch of an override in pod 0."""


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
    assert f"force --epoch {FIRST} --accept-loss --without galera-1" in done.stdout
    assert machine.status()["decision"]["rule"] == "all-heard"


def test_force_says_what_to_type_beside_a_network_that_answers_only_to_who_has_looked_there(machine: Machine) -> None:
    """An address at which nothing listens refuses the connection: the pod's machine is up."""
    machine.dns.publish("galera-1", "127.0.0.9")
    machine.database()
    machine.agent()
    machine.start()
    until(lambda: "refused" in machine.status()["decision"]["reason"], "the refusal")
    done = run(machine, "force")
    assert done.returncode == 21
    assert "--epoch" not in done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert "`kubectl -n test delete pod galera-1`, then run this again" in line
    assert line.endswith(" force --without galera-1`")
    done = run(machine, "force", "--without", "galera-1")
    assert done.returncode == 0, done.stderr
    assert "Only when no server runs there any more:" in done.stdout
    assert f"force --epoch {FIRST} --accept-loss --without galera-1" in done.stdout


def test_force_follows_an_override_until_it_is_void(machine: Machine) -> None:
    """The server of this machine ends at once, before it is Primary."""
    machine.database()
    machine.agent()
    machine.start()
    until(lambda: machine.status()["decision"]["rule"] == "all-heard", "the decision")
    given = machine.begin("force", "--epoch", str(FIRST), "--accept-loss", "--without", "galera-1")
    assert given.stdout is not None
    line = given.stdout.readline()
    assert line == f"the override for epoch {FIRST} is in this pod's journal; asking all pods that answer to promise\n"
    until((machine.root / "arguments").exists, "the server's start")
    machine.start()
    out, err = given.communicate(timeout=PATIENCE_S)
    assert given.returncode == 22, out + err
    assert err == (
        f"galera-bootstrap: the override for epoch {FIRST} is void: the server ended before it was Primary; "
        "run it without options again\n"
    )
    explanation = run(machine, "explain").stdout
    assert f"force epoch {FIRST} from {A}:7, without galera-1 (unknown: " in explanation


REFUSED = {
    "an epoch without --accept-loss": (("force", "--epoch", "1"), "--epoch and --accept-loss belong together"),
    "another epoch": (
        ("force", "--epoch", "9", "--accept-loss", "--without", "galera-1"),
        f"nothing was changed: epoch 9 is not the next one, {FIRST}: look again, things have changed",
    ),
    "a pod that is not named": (
        ("force", "--epoch", str(FIRST), "--accept-loss"),
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


# What a guard of the datadir has refused is opened by no override.


def another_version(alone: Machine, meta: Path) -> None:
    (meta / "server-version").write_text("mariadbd  Ver 10.11.19-MariaDB for Linux on x86_64")
    alone.install_server(seconds=0, version="11.8.2")


def a_binary_log(_: Machine, meta: Path) -> None:
    (meta / "server-version").write_text("mariadbd  Ver 10.11.19-MariaDB for Linux on x86_64")
    (meta / "server-binlog").write_text("--log-bin=/var/lib/binlog/b\n")


def a_member(alone: Machine, meta: Path) -> None:
    """Its server does not see its own position, as with innodb_force_recovery=6."""
    Journal(meta).write(replace(new_memory("c", "galera-0"), history_uuid=A, epoch=3, highest_term=3))
    alone.install_server(seconds=0, position=NOWHERE)


NOWHERE = f"{NIL_UUID}:-1"
GUARDED = {
    "data of a killed server of another version": (another_version, "UNKNOWN (written by MariaDB 10.11"),
    "data whose binary log is off": (a_binary_log, "UNKNOWN (the server that was killed here had a binary log"),
    "a member's data without a position": (
        a_member,
        "UNKNOWN (this volume was a member of a cluster, and the server recovers no position",
    ),
}


@pytest.mark.parametrize(("prepare", "why"), GUARDED.values(), ids=GUARDED.keys())
def test_adopt_opens_nothing_that_a_guard_has_refused(
    prepare: Callable[[Machine, Path], None], why: str, alone: Machine
) -> None:
    """The refusal comes before there is anything to confirm, and again where it is confirmed all the same."""
    alone.database(seqno=-1)
    prepare(alone, alone.root / "data" / "meta")
    alone.agent()
    alone.start()
    until(lambda: alone.status()["decision"]["kind"] == "hold", "the hold")
    grastate = (alone.root / "data/data/grastate.dat").read_bytes()
    for words in (("adopt",), ("adopt", "--epoch", "4")):
        done = run(alone, *words)
        assert done.returncode == 21
        assert why in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert "--epoch" not in done.stdout
    assert "galera-bootstrap adopt" not in run(alone, "status").stdout
    assert not alone.arguments.exists()
    assert (alone.root / "data/data/grastate.dat").read_bytes() == grastate


def test_adopt_shows_what_to_type_for_data_from_elsewhere(alone: Machine) -> None:
    alone.database(seqno=-1)
    alone.install_server(seconds=0, position=NOWHERE)
    alone.agent()
    alone.start()
    until(lambda: alone.status()["decision"]["reason"].endswith("`galera-bootstrap adopt`"), "the hold")
    done = run(alone, "adopt")
    assert done.returncode == 0, done.stderr
    assert "To start a cluster from galera-0:\n  kubectl -n test exec galera-0 -c agent -- " in done.stdout
