"""Backups in an object storage outlive the cluster and its volumes, and one that was not read back is not proven."""

import hashlib
import json
import re
import time
from pathlib import Path

import pytest

from bootstrap.operations import backup_store
from tests.faults.backups import back_up, lose_everything, prove, run
from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab.companion import start_backup
from tests.lab.lab import Lab
from tests.lab.oracle import judge
from tests.lab.plain import Plain
from tests.lab.writer import read_record
from tests.support.restic import list_snapshots, make_backup

pytestmark = [pytest.mark.galera]


def test_everything_is_deleted_and_comes_back_from_the_object_storage_with_every_row(
    cluster: Cluster, secret: Path, tmp_path: Path
) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    before = read_record(cluster.record)
    with cluster.make_writer() as writer:
        writer.wait_for(50)
        log = back_up(lab, folder, secret)
    for name in ("sst-password", "agent-password", "cluster-id", "root-password"):
        assert lab.layout.read_secret(name) not in log
    old = lab.read_server(0)
    assert old is not None
    code, log = prove(lab, tmp_path / "scratch", secret)
    assert (code, "is proven: " in log) == (0, True), log
    assert list((tmp_path / "scratch").iterdir()) == []
    assert any(tag.startswith("proven=") for tag in list_snapshots(secret)[0]["tags"])

    lose_everything(lab, folder)
    lab.use(Plain(restore=("galera-bootstrap", "restore", f"--repository={secret}")))
    lab.up(3)
    lab.wait_synced(3)

    assert judge(lab, before).complaints == []
    new = lab.read_server(0)
    assert new is not None
    assert new.uuid != old.uuid
    assert not (lab.pod(0).folders.volume / "data.tmp").exists()
    # From here on it is a normal cluster, although the storage is no longer there.
    cluster.record = tmp_path / "later"
    cluster.write(50)
    (secret / "repository").write_text("s3:http://127.0.0.1:9/backups/galera")
    cluster.cut_power()
    lab.start_all()
    cluster.assert_recovers()


@full
def test_a_restore_from_the_storage_that_is_killed_again_and_again_leaves_no_data_or_all_of_them(
    cluster: Cluster, secret: Path, tmp_path: Path
) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    before = read_record(cluster.record)
    back_up(lab, folder, secret)
    lose_everything(lab, folder)
    lab.use(Plain(restore=("galera-bootstrap", "restore", f"--repository={secret}")))
    lab.up(3)
    for pause in (0.4, 0.9, 1.3, 1.8, 2.2, 2.7, 3.3):
        time.sleep(pause)
        lab.kill_everything()
        data = lab.pod(0).folders.volume / "data"
        assert not data.exists() or (lab.pod(0).folders.volume / "meta" / "restored.json").exists()
        lab.start_all()
    lab.wait_synced(3)

    assert judge(lab, before).complaints == []


def test_a_backup_that_no_server_can_use_is_not_proven(lab: Lab, secret: Path, tmp_path: Path) -> None:
    """Its files are as they were listed, so only a server shows that they are no database."""
    make_backup(tmp_path / "backups", "20261126T031700Z")
    code, log = run(lab, 1, "send", f"--from={tmp_path / 'backups'}", f"--repository={secret}")
    assert code == 0, log
    code, log = prove(lab, tmp_path / "scratch", secret)

    assert (code, "20261126T031700Z does not start: mariadbd --wsrep-recover ended" in log) == (31, True), log
    assert re.search("InnoDB|ibdata1|tablespace", log.splitlines()[-1]), log
    assert list((tmp_path / "scratch").iterdir()) == []
    assert not any(tag.startswith("proven=") for tag in list_snapshots(secret)[0]["tags"])


def test_a_backup_with_a_table_that_cannot_be_read_is_not_proven(
    cluster: Cluster, secret: Path, tmp_path: Path
) -> None:
    """The page was wrong on the member's disk before it was copied: all sums are right, and the server starts."""
    lab, folder = cluster.lab, tmp_path / "backups"
    with start_backup(lab, folder) as guest:
        assert guest.process.wait(120) == 0
    made = backup_store.read(folder, "latest")
    (name,) = [path for path in made.files if path.endswith(".ibd") and path.split("/")[0] not in {"mysql", "sys"}]
    with (made.data / name).open("r+b") as file:
        file.seek(3 * 16384 + 5000)  # the first page with rows
        file.write(b"rotten" * 100)
    listed = json.loads((made.folder / backup_store.LIST).read_text())
    listed["files"][name][1] = hashlib.sha256((made.data / name).read_bytes()).hexdigest()
    (made.folder / backup_store.LIST).write_text(json.dumps(listed))
    code, log = run(lab, 1, "send", f"--from={folder}", f"--repository={secret}")
    assert code == 0, log
    code, log = prove(lab, tmp_path / "scratch", secret)

    assert (code, "has tables that cannot be read: " in log.splitlines()[-1]) == (31, True), log
    assert not any(tag.startswith("proven=") for tag in list_snapshots(secret)[0]["tags"])


@full
def test_an_old_backup_is_proven_and_the_job_fails_because_it_is_old(
    cluster: Cluster, secret: Path, tmp_path: Path
) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    with start_backup(lab, folder) as guest:
        assert guest.process.wait(120) == 0
    (made,) = [path for path in folder.iterdir() if path.is_dir()]
    made.rename(folder / "20251126T031700Z")
    code, log = run(lab, 1, "send", f"--from={folder}", f"--repository={secret}")
    assert code == 0, log
    code, log = prove(lab, tmp_path / "scratch", secret)

    assert (code, "is proven: " in log, "h old, and at most 48 h are allowed" in log) == (31, True, True), log
    code, log = prove(lab, tmp_path / "scratch", secret, "--name=20251126T031700Z")
    assert code == 0, log
