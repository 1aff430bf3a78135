"""A server that refuses its options, or has no room for a copy, never loses its data by that."""

import os
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full, may_mount
from tests.lab.lab import Lab
from tests.lab.layout import write_more_options
from tests.lab.small_disk import mount_small_disk
from tests.support.bootstrap import servers

pytestmark = pytest.mark.galera


def files_of(data: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in data.iterdir()}


@pytest.mark.D11
def test_options_that_are_refused_or_falsify_the_position_hold_and_the_cure_alone_is_enough(cluster: Cluster) -> None:
    """Beside a live cluster a typing error made an interrupted transfer of good data; 6 lost acknowledged rows."""
    lab = cluster.lab
    one, two = lab.pod(1), lab.pod(2)
    two.power_off()
    cluster.wait_until_left(0, 1)
    one.stop()
    cluster.write(50, through=(0,))
    before = files_of(one.folders.volume / "data")
    write_more_options(one, "[mysqld]\ninnodb_bufer_pool_size=64M\n")
    write_more_options(two, "[mysqld]\ninnodb_force_recovery=6\n")
    lab.start_all((1, 2))
    cluster.wait_for_decision(1, r"unknown variable 'innodb_bufer_pool_size=64M' \(.*/zz-fault.cnf:2\)", action="hold")
    cluster.wait_for_decision(2, r"innodb_force_recovery=6 \(.*/zz-fault.cnf:2\)", action="hold")
    assert files_of(one.folders.volume / "data") == before

    write_more_options(one, "[mysqld]\ninnodb_buffer_pool_size=64M\n")
    write_more_options(two, "[mysqld]\ninnodb_force_recovery=0\n")
    cluster.assert_recovers()
    assert cluster.all_bootstraps == 1


@full
@pytest.mark.D11
def test_with_a_force_recovery_everywhere_nobody_starts_and_without_it_nothing_is_lost(cluster: Cluster) -> None:
    lab = cluster.lab
    lab.pod(2).stop()
    lab.start_all((2,))
    lab.wait_synced(3)
    cluster.write(60)
    cluster.cut_power()
    for pod in lab.pods.values():
        write_more_options(pod, "[mysqld]\ninnodb_force_recovery=6\n")
    lab.start_all()
    for ordinal in (0, 1, 2):
        cluster.wait_for_decision(ordinal, "innodb_force_recovery=6", action="hold")
    cluster.assert_nobody_starts(5)
    for pod in lab.pods.values():
        write_more_options(pod, "[mysqld]\n")
    cluster.assert_recovers()
    assert cluster.all_bootstraps == 2


@full
@pytest.mark.D11
@may_mount
def test_a_member_without_room_for_a_copy_does_not_join_and_joins_when_there_is_room(
    cluster: Cluster, tmp_path: Path
) -> None:
    lab = cluster.lab
    lab.pod(1).stop()
    volume = lab.pod(1).folders.volume
    data = volume / "data"
    with mount_small_disk(volume, tmp_path / "image", 400) as filler:
        filler.write_bytes(b"\0" * (room_of(volume) - (8 << 20)))
        before = (data / "grastate.dat").read_bytes()
        lab.start_all((1,))
        cluster.wait_for_decision(1, r"the volume has \d+ MiB free .* make room for at least \d+ MiB", action="hold")
        starts = cluster.count_starts(1)
        assert (data / "grastate.dat").read_bytes() == before
        assert cluster.count_starts(1) == starts == 1
        filler.unlink()
        cluster.assert_recovers()
        assert cluster.all_bootstraps == 1
        lab.kill_everything()


def room_of(folder: Path) -> int:
    volume = os.statvfs(folder)
    return volume.f_bavail * volume.f_frsize


SHAPES = {
    "shape": "innodb_data_file_path=ibdata1:100M:autoextend\ninnodb_page_size=32k\ninnodb_log_file_size=16M\n",
    "zone": "default_time_zone='Europe/Budapest'\n",
}


@pytest.mark.D11
@pytest.mark.parametrize("name", SHAPES)
def test_a_first_start_with_options_that_a_database_must_be_made_with(lab: Lab, name: str) -> None:
    for ordinal in range(3):
        write_more_options(lab.create(ordinal), f"[mysqld]\n{SHAPES[name]}")
    lab.start_all()
    lab.wait_synced(3)


@full
@pytest.mark.D11
@pytest.mark.parametrize("cure", ["", "log_bin=mysql-bin\n", "make"])
def test_a_binary_log_in_a_folder_that_is_not_there_holds_the_first_start_and_every_cure_ends_well(
    lab: Lab, cure: str, tmp_path: Path
) -> None:
    root = servers.workspace()
    for ordinal in range(3):
        logs = root / f"logs-{ordinal}"
        write_more_options(lab.create(ordinal), f"[mysqld]\nlog_bin={logs}/mysql-bin.log\n")
    lab.start_all()
    Cluster(lab, tmp_path / "none").wait_for_decision(0, "there is no folder .*/logs-0", action="hold")
    for ordinal, pod in lab.pods.items():
        if cure == "make":
            logs = root / f"logs-{ordinal}"
            logs.mkdir()
            logs.chmod(0o777)
        else:
            write_more_options(pod, f"[mysqld]\n{cure}")
    lab.wait_synced(3)
