"""`force`, `adopt` and `discard` as a human types them, beside a real agent."""

import pytest

from tests.support.bootstrap.machine import PATIENCE_S, Machine, until
from tests.support.bootstrap.records import A
from tests.unit.bootstrap.test_cli import run


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
