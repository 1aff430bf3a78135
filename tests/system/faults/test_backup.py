"""Backups made by a guest, and restored: whole or not at all, into a new history, never over data."""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import BOTH_METHODS, full
from tests.lab import machine
from tests.lab.beside import Beside, backup
from tests.lab.lab import Lab
from tests.lab.oracle import judge
from tests.lab.plain import Plain
from tests.lab.writer import recorded

pytestmark = [pytest.mark.galera, pytest.mark.timeout(400)]


@pytest.fixture(params=BOTH_METHODS)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """An empty lab of three, whose full state transfers are made by the parameter."""
    try:
        machine.check("mariadb-backup", "socat")
    except machine.NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    with Lab(env={"GALERA_BOOTSTRAP_SST_METHOD": request.param}) as lab:
        yield lab


by_rsync = pytest.mark.parametrize("lab", ["rsync"], indirect=True)


def made(lab: Lab, folder: Path, *options: str) -> str:
    """Make a backup; what it said."""
    with backup(lab, folder, *options) as guest:
        assert guest.process.wait(120) == 0, guest.said()[-3000:]
        return guest.said()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def restoring(folder: Path, *options: str) -> Plain:
    return Plain(restore=("galera-bootstrap", "restore", f"--from={folder}", *options))


def lose_all(lab: Lab) -> None:
    """Delete all pods and all their claims."""
    for ordinal in sorted(lab.pods):
        pod = lab.pod(ordinal)
        lab.delete(ordinal, force=True)
        pod.wipe_volume()


def says(lab: Lab, ordinal: int, container: str, text: str) -> None:
    """Wait for a line in a container's log."""
    log = lab.pod(ordinal).containers[container].log
    lab.wait(f"mysql-{ordinal} {container} says {text}", lambda: text in log.read_text(errors="replace"), 90)


def test_a_backup_under_load_is_restored_with_every_row_that_was_acknowledged_before_it_began(
    cluster: Cluster, tmp_path: Path
) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    before = recorded(cluster.record)
    with cluster.writer() as writer:
        writer.wait_for(50)
        said = made(lab, folder)
        count = writer.count
        writer.wait_for(count + 50)  # the members go on, and the guest is forgotten
    lab.wait_synced(3)
    old = lab.server(0)
    assert old is not None
    assert "is complete: " in said
    for secret in ("sst-password", "agent-password", "cluster-id", "root-password"):
        assert lab.layout.secret(secret) not in said
    donor = lab.pod(2).containers["mysql"].log.read_text(errors="replace")
    assert "Member 3.0 (backup) requested state transfer from 'mysql-2,mysql-1,'" in donor or "(backup)" in donor
    lose_all(lab)
    lab.use(restoring(folder))
    lab.up(3)
    lab.wait_synced(3)

    verdict = judge(lab, before)
    new = lab.server(0)
    assert verdict.complaints == []
    assert new is not None
    assert new.uuid != old.uuid
    assert cluster.bootstraps(0) == cluster.all_bootstraps == 2
    # And from here on it is a cluster like any other, with the init container still in its place.
    cluster.record = tmp_path / "later"
    cluster.write(50)
    cluster.power_cut()
    lab.start_all()
    cluster.recovers()
    says(lab, 0, "restore", "was restored here before")


@full
@by_rsync
def test_what_the_old_cluster_knew_after_the_backup_never_mixes_with_what_was_restored(
    cluster: Cluster, tmp_path: Path
) -> None:
    """An old disk that comes back holds: it has commits that the restored history has not (R10)."""
    lab, folder = cluster.lab, tmp_path / "backups"
    made(lab, folder)
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
    lab.use(restoring(folder))
    lab.up(3)
    lab.wait_synced(3)
    with cluster.writer() as writer:
        writer.wait_for(400)  # the numbers of the new history overtake those of the old one
    pod = lab.pod(1)
    lab.delete(1)
    pod.wipe_volume()
    aside.rename(pod.folders.volume)
    lab.create(1).start()

    cluster.waits(1, r"holds \d+ transactions that the cluster does not", action="hold")
    assert sorted(cluster.primaries()) == [0, 2]


@by_rsync
def test_nothing_is_restored_over_data_and_the_line_says_so(cluster: Cluster, tmp_path: Path) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    made(lab, folder)
    cluster.write(50)
    for ordinal in (2, 1, 0):
        lab.delete(ordinal)
    lab.use(restoring(folder))
    lab.up(3)
    says(lab, 0, "restore", "NOT RESTORED: ")
    assert cluster.primaries() == []
    # Without the claim of the pod that gets the backup, and with those of the others: neither.
    pod = lab.pod(0)
    lab.delete(0, force=True)
    pod.wipe_volume()
    lab.create(0).start()
    says(lab, 0, "restore", "NOT RESTORED: the datadir of mysql-")
    assert not (pod.folders.volume / "data").exists()
    assert cluster.primaries() == []


@full
@by_rsync
def test_a_member_that_lost_its_disk_joins_the_living_although_a_backup_could_be_restored(
    cluster: Cluster, tmp_path: Path
) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    made(lab, folder)
    cluster.write(50)
    lab.use(restoring(folder))
    pod = lab.pod(0)
    lab.delete(0, force=True)
    pod.wipe_volume()
    lab.create(0).start()

    cluster.recovers()
    says(lab, 0, "restore", "nothing is restored: mysql-")


@full
@by_rsync
def test_a_restore_that_is_killed_again_and_again_leaves_nothing_or_all(cluster: Cluster, tmp_path: Path) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    before = recorded(cluster.record)
    made(lab, folder)
    lose_all(lab)
    lab.use(restoring(folder))
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
def test_a_backup_that_is_killed_leaves_no_backup_and_the_next_one_removes_what_it_left(
    cluster: Cluster, tmp_path: Path
) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    chance = random.Random(7)
    for _ in range(4):
        with backup(lab, folder) as guest:
            time.sleep(chance.uniform(0.5, 6))
            killed = guest.process.poll() is None
            guest.kill()
        assert killed is False or [name for name in names(folder) if not name.endswith(".part")] == []
        for name in names(folder):
            if not name.endswith(".part"):
                return  # it was quicker than its killer
    lab.wait_synced(3)
    made(lab, folder)

    (name,) = names(folder)
    assert json.loads((folder / name / "backup.json").read_text())["schema"] == "galera-bootstrap/backup/v1"
    cluster.recovers()


@full
@by_rsync
def test_only_the_newest_backups_stay_and_a_changed_one_is_not_restored(cluster: Cluster, tmp_path: Path) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    for _ in range(3):
        made(lab, folder, "--keep=2")
        time.sleep(1)
    kept = names(folder)
    assert len(kept) == 2
    with (folder / kept[-1] / "data" / "ibdata1").open("r+b") as file:
        file.seek(5000)
        file.write(b"rotten")
    lose_all(lab)
    lab.use(restoring(folder))
    lab.up(3)
    says(lab, 0, "restore", "ibdata1 has changed since it was made")
    assert not (lab.pod(0).folders.volume / "data").exists()
    # The one before it is good.
    lose_all(lab)
    lab.use(restoring(folder, f"--name={kept[0]}"))
    lab.up(3)

    lab.wait_synced(3)


@full
def test_two_backups_at_once_are_one(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    with backup(cluster.lab, folder) as first:
        cluster.lab.wait("the first one holds the lock", (folder / ".lock").exists)
        time.sleep(0.5)
        with Beside(cluster.lab, 2, "galera-bootstrap", "backup", f"--to={folder}") as second:
            assert second.process.wait(60) == 23
            assert "another backup is being made here" in second.said()
        assert first.process.wait(120) == 0
