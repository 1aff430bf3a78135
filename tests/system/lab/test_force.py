"""Overrides with real servers: a pod that never comes back, one that does, and overrides that are refused."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import machine, oracle, report, user
from tests.lab.lab import Lab
from tests.lab.report import ReportFailedError
from tests.lab.writer import Writer

pytestmark = pytest.mark.galera

FORCE_S = 90.0
"""Seconds: promises, a crash recovery and the start of a server on a busy machine."""


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    machine.check()


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        lab.up()
        lab.wait_synced(3)
        yield lab


def read_uuid(lab: Lab, ordinal: int) -> str:
    server = lab.read_server(ordinal)
    assert server is not None
    return server.uuid


def run(lab: Lab, ordinal: int, *argv: str) -> str:
    """Run a command of galera-bootstrap in a pod; returns its output."""
    return report.run(lab.pod(ordinal), "galera-bootstrap", *argv, seconds=FORCE_S)


def wait_for_rule(lab: Lab, ordinal: int, rule: str) -> None:
    """Wait until this rule decides in a pod."""

    def has_decided() -> bool:
        try:
            return lab.read_status(ordinal).rule == rule
        except ReportFailedError:
            return False

    lab.wait(f"mysql-{ordinal} decides by {rule}", has_decided)


def wait_until_frozen(lab: Lab, asked: int, *ordinals: int) -> None:
    """Wait until a pod's agent knows that these pods are frozen."""

    def are_frozen() -> bool:
        try:
            members = {m.name: m.phase for m in lab.read_status(asked).members}
        except ReportFailedError:
            return False
        return all(members[f"mysql-{o}"] == "frozen" for o in ordinals)

    lab.wait(f"mysql-{asked} knows that {ordinals} are frozen", are_frozen)


def cause_outage(lab: Lab) -> int:
    """Let mysql-2 go on alone and then lose it; the others come back and wait.  Returns how many rows only it has."""
    lab.query(2, "CREATE TABLE IF NOT EXISTS app.t (id INT PRIMARY KEY AUTO_INCREMENT, what TEXT)")
    lab.query(2, "INSERT INTO app.t (what) VALUES ('all have it')")
    lab.pod(0).stop()
    lab.pod(1).stop()
    lab.wait("mysql-2 is alone", lambda: (s := lab.read_server(2)) is not None and s.is_synced_in(1))
    for _ in range(7):
        lab.query(2, "INSERT INTO app.t (what) VALUES ('only mysql-2 has it')")
    lab.pod(2).power_off()
    lab.start_all([0, 1])
    wait_until_frozen(lab, 1, 0, 1)
    wait_for_rule(lab, 1, "all-heard")
    return 7


@pytest.mark.D4
def test_a_pod_that_never_comes_back_is_given_up_and_holds_when_it_does(lab: Lab) -> None:
    old = read_uuid(lab, 0)
    only = cause_outage(lab)
    # In a pod that is behind, `force` must name the pod ahead: the pod that left last has one more change of the view.
    # On loopback the network of a dead pod refuses: nothing to paste is shown before the pod was looked at.
    with pytest.raises(ReportFailedError, match=r"21.*mysql-2: the network of the pod answers and its agent does not"):
        run(lab, 1, "force")
    epoch = report.find_arguments(run(lab, 0, "force", "--without", "mysql-2"))[1]
    with pytest.raises(ReportFailedError, match=r"21.*mysql-1 may hold more"):
        run(lab, 0, "force", "--epoch", epoch, "--accept-loss", "--without", "mysql-2")
    preview = run(lab, 1, "force", "--without", "mysql-2")
    assert "mysql-2  unknown" in preview
    arguments = report.find_arguments(preview)
    with pytest.raises(ReportFailedError, match=r"21.*is not the next one"):
        run(lab, 1, "force", "--epoch", "77", *arguments[2:])
    assert read_uuid_of_disk(lab, 1) == old
    output = run(lab, 1, "force", *arguments)
    lab.wait_synced(2)
    new = read_uuid(lab, 1)
    assert new != old
    assert f"the new history is {new}" in output
    assert "GALERA_BOOTSTRAP_MIN_EPOCH=" in output
    assert count_rows(lab, 0, "all have it") == count_rows(lab, 1, "all have it") == 1
    assert count_rows(lab, 1, "only mysql-2 has it") == 0
    with pytest.raises(ReportFailedError, match=r"21.*is Primary"):
        run(lab, 1, "force")

    lab.pod(2).start()
    wait_for_rule(lab, 2, "beyond-fork")
    reason = lab.read_status(2).reason
    found = re.search(r"(\d+) transactions that the cluster does not", reason)
    assert found, reason
    # Each of its changes of the view also took a seqno.
    assert only <= int(found[1]) <= only + 4
    assert "galera-bootstrap discard" in lab.explain(2)
    with pytest.raises(ReportFailedError, match=r"21.*is Primary"):
        run(lab, 2, "force")
    run(lab, 2, "discard")
    lab.wait_synced(3)
    kept = list(lab.pod(2).folders.volume.glob(f"discarded-{old}-*"))
    assert [path.name for path in kept if (path / "ibdata1").exists()]
    assert read_uuid(lab, 2) == new

    # The next outage is a normal one: every disk has the new history and its fork.
    lab.kill_everything()
    lab.start_all()
    lab.wait_synced(3)
    assert {read_uuid(lab, o) for o in range(3)} == {new}
    assert [count_rows(lab, o, "all have it") for o in range(3)] == [1, 1, 1]


def test_all_are_killed_under_a_writer_and_one_volume_is_lost(lab: Lab, tmp_path: Path) -> None:
    with Writer(lab.layout, [pod.ip for pod in lab.pods.values()], tmp_path / "acknowledged") as writer:
        writer.wait_for(200)
        lab.kill_everything()
    lab.start_all([0, 1])
    wait_until_frozen(lab, 0, 0, 1)
    wait_until_frozen(lab, 1, 0, 1)
    seqnos = {m.name: m.seqno or 0 for m in lab.read_status(0).members}
    best = 0 if seqnos["mysql-0"] >= seqnos["mysql-1"] else 1
    with pytest.raises(ReportFailedError, match=r"21.*no Primary Component is known"):
        run(lab, best, "discard")
    run(lab, best, "force", *report.find_arguments(run(lab, best, "force", "--without", "mysql-2")))
    lab.wait_synced(2)
    # mysql-2 comes back: it joins by itself if it has no commit beyond the fork, otherwise it holds.
    lab.pod(2).start()
    lab.wait("mysql-2 joins or holds", lambda: has_joined_or_holds(lab))
    if lab.read_server(2) is None:
        run(lab, 2, "discard", "--delete")
        assert not list(lab.pod(2).folders.volume.glob("discarded-*"))
    lab.wait_synced(3)
    verdict = oracle.judge(lab, ())
    assert verdict.is_correct, verdict.complaints
    lost = set(writer.acknowledged) - {int(r[0]) for r in lab.query(0, "SELECT id FROM app.acknowledged")}
    # Only rows that no other disk had can be lost: with flush=1 and Galera, these are only a few.
    assert len(lost) <= 20, lost


def create_plain_data(data: Path) -> None:
    """Create a datadir as a server without this toolkit does."""
    install = ("mariadb-install-db", "--no-defaults", "--force", f"--datadir={data}")
    subprocess.run(user.wrap_for_pod(install), check=True, capture_output=True)
    server = ("mariadbd", "--no-defaults", "--bootstrap", f"--datadir={data}")
    statements = b"CREATE DATABASE shop;\nCREATE TABLE shop.t (id INT PRIMARY KEY);\nINSERT INTO shop.t VALUES (42);\n"
    subprocess.run(user.wrap_for_pod(server), input=statements, check=True, capture_output=True)


def test_data_of_a_plain_server_become_a_cluster() -> None:
    with Lab() as lab:
        for ordinal in range(3):
            lab.create(ordinal)
        create_plain_data(lab.pod(0).folders.volume / "data")
        lab.start_all()
        wait_until_frozen(lab, 0, 0, 1, 2)
        wait_for_rule(lab, 0, "own-disk")
        assert "galera-bootstrap adopt" in lab.explain(0)
        with pytest.raises(ReportFailedError, match=r"21.*nothing to adopt"):
            run(lab, 1, "adopt")
        run(lab, 0, "adopt", *report.find_arguments(run(lab, 0, "adopt"), "adopt"))
        lab.wait_synced(3)
        assert [lab.query(ordinal, "SELECT id FROM shop.t") for ordinal in range(3)] == [[(42,)]] * 3
        with pytest.raises(ReportFailedError, match=r"21.*is Primary"):
            run(lab, 0, "adopt")


def has_joined_or_holds(lab: Lab) -> bool:
    try:
        return lab.read_server(2) is not None or lab.read_status(2).rule == "beyond-fork"
    except ReportFailedError:
        return False


def count_rows(lab: Lab, ordinal: int, what: str) -> int:
    return int(lab.query(ordinal, f"SELECT COUNT(*) FROM app.t WHERE what='{what}'")[0][0])


def read_uuid_of_disk(lab: Lab, ordinal: int) -> str:
    text = (lab.pod(ordinal).folders.volume / "data" / "grastate.dat").read_text()
    return text.split("uuid:")[1].split()[0]
