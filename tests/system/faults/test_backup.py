"""Backups are made by a guest, and are restored completely or not at all, into a new history, and never over data."""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import BOTH_METHODS, full
from tests.lab.companion import Companion, start_backup
from tests.lab.lab import Lab
from tests.lab.oracle import judge
from tests.lab.plain import Plain
from tests.lab.writer import read_record
from tests.support.installed import require

pytestmark = [pytest.mark.galera]


@pytest.fixture(params=BOTH_METHODS)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """An empty lab for three pods, with the method of full state transfers as its parameter."""
    require("mariadb-backup", "socat")
    with Lab(env={"GALERA_BOOTSTRAP_SST_METHOD": request.param}) as lab:
        yield lab


by_rsync = pytest.mark.parametrize("lab", ["rsync"], indirect=True)


def make_backup(lab: Lab, folder: Path, *options: str) -> str:
    """Make a backup; returns its log."""
    with start_backup(lab, folder, *options) as guest:
        assert guest.process.wait(120) == 0, guest.read_log()[-3000:]
        return guest.read_log()


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def make_restoring_runtime(folder: Path, *options: str) -> Plain:
    """Make the runtime of pods with the init container `restore`."""
    return Plain(restore=("galera-bootstrap", "restore", f"--from={folder}", *options))


def lose_all(lab: Lab) -> None:
    """Delete all pods and all their claims."""
    for ordinal in sorted(lab.pods):
        pod = lab.pod(ordinal)
        lab.delete(ordinal, force=True)
        pod.wipe_volume()


def wait_for_log(lab: Lab, ordinal: int, text: str) -> None:
    """Wait until the container `restore` has logged this text."""
    log = lab.pod(ordinal).containers["restore"].log
    lab.wait(f"mysql-{ordinal} restore logs {text}", lambda: text in log.read_text(errors="replace"), 90)


def test_a_backup_under_load_is_restored_with_every_row_that_was_acknowledged_before_it_began(
    cluster: Cluster, tmp_path: Path
) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    before = read_record(cluster.record)
    with cluster.make_writer() as writer:
        writer.wait_for(50)
        output = make_backup(lab, folder)
        count = writer.count
        writer.wait_for(count + 50)  # the members go on, and forget the guest
    lab.wait_synced(3)
    old = lab.read_server(0)
    assert old is not None
    assert "is complete: " in output
    for secret in ("sst-password", "agent-password", "cluster-id", "root-password"):
        assert lab.layout.read_secret(secret) not in output
    donor = lab.pod(2).containers["mysql"].log.read_text(errors="replace")
    assert "Member 3.0 (backup) requested state transfer from 'mysql-2,mysql-1,'" in donor or "(backup)" in donor
    lose_all(lab)
    lab.use(make_restoring_runtime(folder))
    lab.up(3)
    lab.wait_synced(3)

    verdict = judge(lab, before)
    new = lab.read_server(0)
    assert verdict.complaints == []
    assert new is not None
    assert new.uuid != old.uuid
    assert cluster.count_bootstraps(0) == cluster.all_bootstraps == 2
    # From here on it is a normal cluster, although the pods still have the init container.
    cluster.record = tmp_path / "later"
    cluster.write(50)
    cluster.cut_power()
    lab.start_all()
    cluster.assert_recovers()
    wait_for_log(lab, 0, "was restored here before")


@full
@by_rsync
def test_commits_of_the_old_cluster_after_the_backup_never_mix_with_the_restored_data(
    cluster: Cluster, tmp_path: Path
) -> None:
    """A pod with an old disk holds, because it has commits that the restored history does not have (R10)."""
    lab, folder = cluster.lab, tmp_path / "backups"
    make_backup(lab, folder)
    cluster.write(100)
    lab.kill_everything()
    aside = tmp_path / "old-disk"
    for ordinal in (0, 1, 2):
        pod = lab.pod(ordinal)
        lab.delete(ordinal, force=True)
        if ordinal == 1:
            pod.folders.volume.rename(aside)
        else:
            pod.wipe_volume()
    lab.use(make_restoring_runtime(folder))
    lab.up(3)
    lab.wait_synced(3)
    with cluster.make_writer() as writer:
        writer.wait_for(400)  # the seqno of the new history becomes higher than that of the old one
    pod = lab.pod(1)
    lab.delete(1)
    pod.wipe_volume()
    aside.rename(pod.folders.volume)
    lab.create(1).start()

    cluster.wait_for_decision(1, r"holds \d+ transactions that the cluster does not", action="hold")
    assert sorted(cluster.find_primaries()) == [0, 2]


@by_rsync
def test_nothing_is_restored_over_data_and_the_log_has_the_reason(cluster: Cluster, tmp_path: Path) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    make_backup(lab, folder)
    cluster.write(50)
    for ordinal in (2, 1, 0):
        lab.delete(ordinal)
    lab.use(make_restoring_runtime(folder))
    lab.up(3)
    wait_for_log(lab, 0, "NOT RESTORED: ")
    assert cluster.find_primaries() == []
    # Nor is it restored if only the claim of the pod that gets the backup is new, and the others are old.
    pod = lab.pod(0)
    lab.delete(0, force=True)
    pod.wipe_volume()
    lab.create(0).start()
    wait_for_log(lab, 0, "NOT RESTORED: the datadir of mysql-")
    assert not (pod.folders.volume / "data").exists()
    assert cluster.find_primaries() == []


@full
@by_rsync
def test_a_member_that_lost_its_disk_joins_the_others_although_a_backup_could_be_restored(
    cluster: Cluster, tmp_path: Path
) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    make_backup(lab, folder)
    cluster.write(50)
    lab.use(make_restoring_runtime(folder))
    pod = lab.pod(0)
    lab.delete(0, force=True)
    pod.wipe_volume()
    lab.create(0).start()

    cluster.assert_recovers()
    wait_for_log(lab, 0, "nothing is restored: mysql-")


@full
@by_rsync
def test_a_restore_that_is_killed_again_and_again_leaves_no_data_or_all_of_them(
    cluster: Cluster, tmp_path: Path
) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    before = read_record(cluster.record)
    make_backup(lab, folder)
    lose_all(lab)
    lab.use(make_restoring_runtime(folder))
    lab.up(3)
    chance = random.Random(5)
    for _ in range(12):
        time.sleep(chance.uniform(0.2, 1.5))
        lab.kill_everything()
        data = lab.pod(0).folders.volume / "data"
        assert not data.exists() or (lab.pod(0).folders.volume / "meta" / "restored.json").exists()
        lab.start_all()
    lab.wait_synced(3)

    assert judge(lab, before).complaints == []


@full
@by_rsync
def test_a_killed_backup_does_not_count_as_one_and_the_next_backup_removes_its_files(
    cluster: Cluster, tmp_path: Path
) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    chance = random.Random(7)
    for _ in range(4):
        with start_backup(lab, folder) as guest:
            time.sleep(chance.uniform(0.5, 6))
            killed = guest.process.poll() is None
            guest.kill()
        assert killed is False or [name for name in list_names(folder) if not name.endswith(".part")] == []
        for name in list_names(folder):
            if not name.endswith(".part"):
                return  # it was complete before it was killed
    lab.wait_synced(3)
    make_backup(lab, folder)

    (name,) = list_names(folder)
    assert json.loads((folder / name / "backup.json").read_text())["schema"] == "galera-bootstrap/backup/v1"
    cluster.assert_recovers()


@full
@by_rsync
def test_only_the_newest_backups_are_kept_and_a_changed_one_is_not_restored(cluster: Cluster, tmp_path: Path) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    for _ in range(3):
        make_backup(lab, folder, "--keep=2")
        time.sleep(1)
    kept = list_names(folder)
    assert len(kept) == 2
    with (folder / kept[-1] / "data" / "ibdata1").open("r+b") as file:
        file.seek(5000)
        file.write(b"rotten")
    lose_all(lab)
    lab.use(make_restoring_runtime(folder))
    lab.up(3)
    wait_for_log(lab, 0, "ibdata1 has changed since it was made")
    assert not (lab.pod(0).folders.volume / "data").exists()
    # The backup before it is good.
    lose_all(lab)
    lab.use(make_restoring_runtime(folder, f"--name={kept[0]}"))
    lab.up(3)

    lab.wait_synced(3)


@full
def test_only_one_of_two_backups_at_the_same_time_is_made(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    with start_backup(cluster.lab, folder) as first:
        cluster.lab.wait("the first one holds the lock", (folder / ".lock").exists)
        time.sleep(0.5)
        with Companion(cluster.lab, 2, "galera-bootstrap", "backup", f"--to={folder}") as second:
            assert second.process.wait(60) == 23
            assert "another backup is being made here" in second.read_log()
        assert first.process.wait(120) == 0
