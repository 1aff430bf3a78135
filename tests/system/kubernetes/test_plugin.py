"""`kubectl galera` on a real Kubernetes: it finds the members, asks one, and shows why a pod does not start."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kubernetes.database import Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.overlay import NAMESPACE, Overlay
from tests.kubernetes.shared import full
from tests.kubernetes.waiting import wait
from tests.support.kubectl.tools import PLUGIN

pytestmark = [pytest.mark.galera, pytest.mark.images]

Done = subprocess.CompletedProcess[str]

Galera = Callable[..., Done]

SECONDS = 240.0

WRONG_IMAGE = '{"spec":{"containers":[{"name":"mysql","image":"registry.example/mysql-galera:no-such-tag"}]}}'


@pytest.fixture
def galera(kubectl: Kubectl, tmp_path: Path) -> Galera:
    """Call the plugin with a kubectl in the PATH that reaches the cluster under test."""
    script = tmp_path / "kubectl"
    script.write_text(f'#!/bin/sh\nexec {" ".join(kubectl.command)} "$@"\n')
    script.chmod(0o755)

    def call(*words: str, stdin: str = "", seconds: float = SECONDS) -> Done:
        return subprocess.run(
            [str(PLUGIN / "kubectl-galera"), *words, "-n", NAMESPACE],
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    return call


def test_each_command_that_looks_works_on_three_members(database: Database, galera: Galera, tmp_path: Path) -> None:
    wait("a healthy status", lambda: "HEALTHY for" in galera("status").stdout, seconds=60)
    status = galera("status")
    assert (status.returncode, status.stderr) == (0, "")
    assert "3 of 3 Synced" in status.stdout
    assert "POD " not in status.stdout  # all of them run
    assert "=> own-server" in galera("explain", "mysql-1").stdout
    timeline = galera("events")
    assert timeline.returncode == 0, timeline.stderr
    assert "all 3 are Synced" in timeline.stdout
    assert galera("events", "--svg", "x.svg").returncode == 0
    assert (tmp_path / "x.svg").read_text().startswith("<svg ")
    assert "[pod/mysql-2/agent]" in galera("logs").stdout
    doctor = galera("doctor")
    assert doctor.returncode in (0, 1), doctor.stdout + doctor.stderr  # 1: something is to be improved
    assert [line.split() for line in doctor.stdout.splitlines()[1:4]] == [
        [pod["metadata"]["name"], "Running"] for pod in database.pods()
    ]


def test_sql_reads_its_statements_from_stdin_or_from_a_word(database: Database, galera: Galera) -> None:
    database.wait_synced(3)
    counted = galera("sql", "-e", "SELECT 'a b', @@wsrep_cluster_name <> ''", "--batch", "--skip-column-names")
    assert (counted.returncode, counted.stdout) == (0, "a b\t1\n"), counted.stderr
    assert galera("sql", "mysql-2", "--batch", "-N", stdin="SELECT @@hostname;\n").stdout == "mysql-2\n"
    wrong = galera("sql", "-e", "SELEC 1")
    assert wrong.returncode == 1
    assert "ERROR 1064" in wrong.stderr


def test_an_override_that_is_not_needed_is_refused_with_its_own_code(database: Database, galera: Galera) -> None:
    database.wait_synced(3)
    done = galera("force", "mysql-0")
    assert done.returncode == 21
    assert "would be refused" in done.stderr


def test_a_pod_whose_image_is_not_there_is_shown_with_what_kubernetes_says(database: Database, galera: Galera) -> None:
    database.kubectl("patch", "pod", "mysql-2", f"--patch={WRONG_IMAGE}")
    try:
        wait("the image's error", lambda: "no-such-tag" in galera("status", "mysql-0").stdout, seconds=180)
        shown = galera("doctor", "mysql-0").stdout
        row = next(line for line in shown.splitlines() if line.startswith("mysql-2 "))
        assert "ImagePullBackOff" in row or "ErrImagePull" in row
    finally:
        database.kubectl("delete", "pod", "mysql-2", "--force", "--grace-period=0", "--wait=false")
        database.wait_synced(3)


@full
def test_a_backup_is_made_and_waited_for(overlay: Overlay, galera: Galera) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "mysql-backups"},
        "spec": {"resources": {"requests": {"storage": "1Gi"}}},
    }
    overlay.apply(claim, components=("backup",))
    overlay.database.wait_synced(3)
    done = galera("backup", seconds=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " is complete: " in done.stdout
    assert "datadir-mysql-0 datadir-mysql-1 datadir-mysql-2" in galera("restore").stdout
