"""The lab with real servers, on which all tests of faults are built."""

import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import machine, oracle, processes
from tests.lab.lab import Lab, LabTimeoutError
from tests.lab.pod import Pod
from tests.lab.slow import slow_sst, undo_slow_sst
from tests.lab.writer import Writer, read_record
from tests.paths import ROOT

pytestmark = pytest.mark.galera

PODS = ("mysql-0", "mysql-1", "mysql-2")

LAB = (sys.executable, "-m", "tests.lab")


def read_size(path: Path) -> int:
    """Return the bytes on the disk: rsync writes in place, into a file that has its full length from the start."""
    return path.stat().st_blocks * 512 if path.exists() else 0


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    machine.check()


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    with Lab() as lab:
        lab.up()
        yield lab


@pytest.fixture
def lab(shared: Lab) -> Lab:
    shared.start_all()
    shared.scale(3)
    shared.wait_synced(3)
    return shared


def make_writer(lab: Lab, record: Path) -> Writer:
    return Writer(lab.layout, [pod.ip for pod in lab.pods.values()], record)


def test_three_servers_form_one_cluster_and_their_agents_report_it(lab: Lab) -> None:
    def are_synced() -> bool:
        return all(member.local_state == "Synced" and member.size == 3 for member in lab.read_status(1).members)

    lab.wait("the status shows three Synced members", are_synced)
    assert lab.read_status(2).self_name == "mysql-2"
    assert "mysql-0" in lab.explain(0)


def test_a_power_cut_under_load_loses_no_acknowledged_row(lab: Lab, tmp_path: Path) -> None:
    with make_writer(lab, tmp_path / "acknowledged") as writer:
        writer.wait_for(300)
        lab.kill_everything()
    assert processes.find_members(str(lab.folder)) == []
    before = {pod.name: len(read_server_log(pod)) for pod in lab.pods.values()}
    lab.start_all([2, 0, 1], gap=0.3)
    lab.wait_synced(3)
    verdict = oracle.judge(lab, read_record(tmp_path / "acknowledged"))
    assert verdict.expected >= 300
    assert not verdict.complaints
    # The last pod joined while another one did. It asked the pod that bootstrapped for data, and not the other joiner.
    since = [read_server_log(pod)[before[pod.name] :] for pod in lab.pods.values()]
    (first,) = (pod.name for pod, log in zip(lab.pods.values(), since, strict=True) if "--wsrep-new-cluster" in log)
    assert [f"--wsrep-sst-donor={first}," in log for log in since].count(True) == 1


def read_server_log(pod: Pod) -> str:
    return pod.containers["mysql"].log.read_text(errors="replace")


def test_the_oracle_sees_a_row_that_one_server_lacks(lab: Lab, tmp_path: Path) -> None:
    with make_writer(lab, tmp_path / "acknowledged") as writer:
        writer.wait_for(1)
    lost = min(writer.acknowledged)
    lab.query(1, "SET SESSION wsrep_on=OFF", f"DELETE FROM app.acknowledged WHERE id={lost}")
    complaints = oracle.judge(lab, writer.acknowledged).complaints
    assert f"mysql-1 lacks 1 of {len(writer.acknowledged)}" in complaints[0]
    assert "the tables differ" in complaints[1]
    via = lab.query(0, f"SELECT via FROM app.acknowledged WHERE id={lost}")[0][0]
    lab.query(1, "SET SESSION wsrep_on=OFF", f"INSERT INTO app.acknowledged VALUES ({lost}, '{via}')")
    assert oracle.judge(lab, writer.acknowledged).is_correct


def test_a_state_transfer_can_be_slowed_down_and_interrupted(lab: Lab) -> None:
    joiner, donors = lab.pod(2), (lab.pod(0), lab.pod(1))
    for donor in donors:
        slow_sst(donor, 500)
    joiner.power_off()
    joiner.wipe_volume()
    joiner.start()
    data = joiner.folders.volume / "data"
    lab.wait("the transfer of the system tablespace has begun", lambda: read_size(data / "ibdata1") > 0)
    time.sleep(1.0)  # at full speed the transfer takes 0.2 s
    assert read_size(data / "ibdata1") < read_size(donors[0].folders.volume / "data" / "ibdata1")
    joiner.power_off()
    for donor in donors:
        undo_slow_sst(donor)
    joiner.start()
    lab.wait_synced(3)


def test_a_paused_server_is_evicted_and_comes_back(lab: Lab) -> None:
    lab.pod(2).pause("mysql")

    def is_evicted() -> bool:
        server = lab.read_server(0)
        return server is not None and server.is_primary and server.cluster_size == 2

    lab.wait("the others go on without it", is_evicted)
    lab.pod(2).resume("mysql")
    lab.wait_synced(3)


def test_a_wait_that_fails_shows_and_keeps_every_log(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(LabTimeoutError) as caught:
        lab.wait("never", lambda: False, 0.2)
    assert all(f"mysql-{k} {name}" in str(caught.value) for k in range(3) for name in ("agent", "bootstrap", "mysql"))
    assert len(list(tmp_path.glob("lab-logs-*/mysql-*/*.log"))) == 9


def test_people_can_start_break_and_end_a_lab(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("l")

    def call(*argv: str) -> subprocess.CompletedProcess[str]:
        command = [*LAB, "--folder", str(folder), *argv]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    def run(*argv: str) -> str:
        done = call(*argv)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def wait_for(text: str, count: int) -> None:
        deadline = time.monotonic() + 90
        while call("status").stdout.count(text) != count:
            assert time.monotonic() < deadline, run("logs")
            time.sleep(0.5)

    run("up", "-n", "2")
    try:
        wait_for("2 of 2 Synced", 1)
        assert "mysql-0, mysql-1 killed" in run("kill", "mysql-0", "mysql-1")
        assert "every pod is off" in call("status").stderr
        assert "mysql-1 lost its volume" in run("lose", "mysql-1")
        assert "does not answer" in run("dns", "off")
        assert "DNS answers" in run("dns", "on")
        run("start")
        wait_for("messages/holds-outage.md#replaced-volume", 1)
        assert "mysql-1 is on" in call("lose", "mysql-1").stderr
        assert "If that is what you want" in run("exec", "mysql-0", "--", "galera-bootstrap", "force")
        assert "nothing was changed" in call("discard", "mysql-0").stderr
        assert "agent" in run("events", "mysql-0")
        assert "mysql-0  " in run("events", "--all")
        run("scale", "1")
        assert "agent" in run("logs", "mysql-0")
    finally:
        run("down")
    assert processes.find_members(str(folder)) == []


def test_the_demo_succeeds() -> None:
    done = subprocess.run([*LAB, "demo"], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BOOTSTRAP by rule" in done.stdout
    verdict, _, picture = done.stdout.partition("\nthe same outage, ")
    assert verdict.splitlines()[-1].startswith("OK: all ")
    # A member may still give its data to another one when the power is cut, or when the last one is Synced.
    lanes = [re.search(rf"^{pod}  [=d]+\.+.*[=d]$", picture, re.MULTILINE) for pod in PODS]
    assert None not in lanes, picture
    told = [line.split("  ", 2)[-1].strip() for line in picture.splitlines()]
    sentences = ("is down", "is permitted to bootstrap", "first Primary Component: ", "all 3 are Synced")
    places = [next(n for n, line in enumerate(told) if sentence in line) for sentence in sentences]
    assert places == sorted(places)
    assert "BOOTSTRAP" not in picture


def test_an_interrupted_demo_leaves_nothing_behind() -> None:
    with subprocess.Popen([*LAB, "demo"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        folder = ""
        for line in demo.stdout:
            folder = line.split()[-1] if "first start of" in line else folder
            if "first Primary Component" in line:
                break
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert folder
    assert not Path(folder).exists()
    assert processes.find_members(folder) == []
