"""Damaged files after a power cut or a human mistake: no damaged data start a cluster, and no data are deleted."""

import time

import pytest

from tests.faults.cluster import Cluster
from tests.lab import user
from tests.lab.slow import slow_sst, undo_slow_sst

pytestmark = pytest.mark.galera

BY_PERMISSION = pytest.mark.skipif(
    not user.may_test_permissions(),
    reason="NOT TESTED: root may not make user namespaces here, so permissions have no effect on a pod",
)

NIL = "00000000-0000-0000-0000-000000000000"


def make_grastate(uuid: str, seqno: int, safe: int) -> str:
    return f"# GALERA saved state\nversion: 2.1\nuuid:    {uuid}\nseqno:   {seqno}\nsafe_to_bootstrap: {safe}\n"


def write_grastate(cluster: Cluster, ordinal: int, text: str) -> None:
    (cluster.lab.pod(ordinal).folders.volume / "data" / "grastate.dat").write_text(text)


def test_with_an_empty_grastate_and_no_join_the_newest_disk_holds_the_others(cluster: Cluster) -> None:
    """The datadir may be complete and has the last commits, so a human must look."""
    for ordinal in (2, 0):
        cluster.lab.pod(ordinal).stop()
    cluster.write(200, through=(1,))
    cluster.lab.kill_everything()
    path = cluster.lab.pod(1).folders.volume / "data" / "grastate.dat"
    kept = path.read_text()
    path.write_text("")
    cluster.lab.start_all()
    for ordinal in (0, 1, 2):
        cluster.wait_for_decision(ordinal, r"mysql-1 may hold more .*no join is open here", action="hold")
    cluster.assert_nobody_starts(5)
    cluster.lab.pod(1).power_off()
    path.write_text(kept)
    cluster.lab.start_all((1,))

    cluster.assert_recovers()


def test_with_an_empty_grastate_and_no_join_a_disk_that_holds_no_more_needs_no_human(cluster: Cluster) -> None:
    """It is never a candidate, and gets a full copy."""
    cluster.write(200)
    time.sleep(1)  # all members have applied it
    cluster.lab.kill_everything()
    (cluster.lab.pod(0).folders.volume / "data" / "grastate.dat").write_text("")
    before = cluster.count_bootstraps(0)
    cluster.lab.start_all()

    cluster.assert_recovers()
    assert cluster.count_bootstraps(0) == before
    assert "although no join is open here" in cluster.lab.pod(0).containers["bootstrap"].log.read_text()


def test_a_torn_grastate_is_unknown_and_the_others_name_its_pod(cluster: Cluster) -> None:
    cluster.cut_power()
    path = cluster.lab.pod(2).folders.volume / "data" / "grastate.dat"
    kept = path.read_text()
    path.write_text(kept[: len(kept) // 2])
    cluster.lab.start_all()
    cluster.wait_for_decision(2, r"the datadir is UNKNOWN", action="hold")
    cluster.wait_for_decision(0, r"mysql-2 \(its datadir is UNKNOWN")
    cluster.assert_nobody_starts(5)
    cluster.lab.pod(2).power_off()
    path.write_text(kept)
    cluster.lab.start_all((2,))

    cluster.assert_recovers()


def test_a_nil_uuid_with_safe_to_bootstrap_is_no_reason_to_start_there(cluster: Cluster) -> None:
    """Incidents: mariadb-operator #1701, resource-agents #1323."""
    cluster.cut_power()
    write_grastate(cluster, 0, make_grastate(NIL, -1, 1))
    before = cluster.count_bootstraps(0)
    cluster.lab.start_all()

    cluster.assert_recovers()
    # It may bootstrap only by the position in InnoDB; then the cluster still has every row.
    assert cluster.count_bootstraps(0) <= before + 1


@pytest.mark.D6
def test_all_recover_by_innodb_when_every_grastate_was_reset_in_a_ddl(cluster: Cluster) -> None:
    """D6: the uuid is zero on all members, as after a crash during a DDL (the files are edited after a real crash)."""
    cluster.cut_power()
    for ordinal in (0, 1, 2):
        write_grastate(cluster, ordinal, make_grastate(NIL, -1, 0))
    cluster.lab.start_all()

    cluster.assert_recovers()


@pytest.mark.D9
def test_a_volume_replaced_during_the_outage_holds_the_others(cluster: Cluster) -> None:
    """R9: the lost disk may have had the newest commit."""
    cluster.cut_power()
    pod = cluster.lab.pod(2)
    kept = pod.folders.volume.with_name("kept")
    pod.folders.volume.rename(kept)
    cluster.lab.start_all()
    for ordinal in (0, 2):
        cluster.wait_for_decision(ordinal, r"mysql-2 was a member and its ", action="hold")
    cluster.assert_nobody_starts(5)
    pod.power_off()
    pod.wipe_volume()
    kept.rename(pod.folders.volume)
    cluster.lab.start_all((2,))

    cluster.assert_recovers()


@pytest.mark.D5
def test_an_interrupted_sst_is_never_a_candidate_and_the_others_go_on_without_its_data(cluster: Cluster) -> None:
    """D5, short form: everything is killed during the transfer (incident: mariadb-operator #1108)."""
    lab, pod = cluster.lab, cluster.lab.pod(2)
    pod.power_off()
    pod.wipe_volume()
    cluster.write(50, through=(0, 1))
    for donor in (0, 1):
        slow_sst(lab.pod(donor), kbytes_per_second=1024)
    pod.start()
    lab.wait("the transfer has begun", (pod.folders.volume / "data" / "ibdata1").exists)
    lab.kill_everything()
    for donor in (0, 1):
        undo_slow_sst(lab.pod(donor))
    before = cluster.count_bootstraps(2)
    lab.start_all()

    cluster.assert_recovers()
    assert cluster.count_bootstraps(2) == before
    log = pod.containers["bootstrap"].log.read_text()
    assert "datadir is SST_INTERRUPTED" in log


@pytest.mark.D11
@BY_PERMISSION
def test_a_read_only_datadir_is_reported_and_can_be_fixed_without_a_restart_of_the_pod(cluster: Cluster) -> None:
    cluster.cut_power()
    data = cluster.lab.pod(1).folders.volume / "data"
    data.chmod(0o500)
    cluster.lab.start_all()
    cluster.wait_for_decision(1, r"the datadir is UNKNOWN: .*cannot be written", action="hold")
    cluster.wait_for_decision(0, r"mysql-1 \(its datadir is UNKNOWN")
    cluster.assert_nobody_starts(5)
    data.chmod(0o700)

    cluster.assert_recovers()


@pytest.mark.D11
@BY_PERMISSION
def test_an_unwritable_journal_gives_no_promise(cluster: Cluster) -> None:
    """R39."""
    cluster.cut_power()
    meta = cluster.lab.pod(1).folders.volume / "meta"
    meta.chmod(0o500)
    cluster.lab.start_all()
    cluster.wait_for_decision(1, r"the journal .* cannot be written", action="hold")
    cluster.assert_nobody_starts(5)
    meta.chmod(0o700)

    cluster.assert_recovers()


@BY_PERMISSION
def test_a_config_folder_that_cannot_be_written_ends_the_starter_with_one_line(cluster: Cluster) -> None:
    cluster.cut_power()
    pod = cluster.lab.pod(1)
    pod.folders.config.chmod(0o500)
    (pod.folders.config / "my-galera.cnf").write_text("# torn")
    cluster.lab.start_all()
    log = pod.containers["bootstrap"].log
    cluster.lab.wait("the starter logs the reason", lambda: "my-galera.cnf cannot be written" in log.read_text(), 60)
    cluster.assert_nobody_starts(5)
    assert (pod.folders.config / "my-galera.cnf").read_text() == "# torn"
    pod.folders.config.chmod(0o700)

    cluster.assert_recovers()


def test_a_missing_mariadbd_is_reported(cluster: Cluster) -> None:
    cluster.cut_power()
    pod = cluster.lab.pod(0)
    pod.extra_env["GALERA_BOOTSTRAP_MARIADBD"] = "/nowhere/mariadbd"
    cluster.lab.start_all()
    log = pod.containers["bootstrap"].log
    cluster.lab.wait("the starter logs the reason", lambda: "cannot run /nowhere/mariadbd" in log.read_text(), 60)
    cluster.assert_nobody_starts(5)
    pod.power_off()
    pod.extra_env.clear()
    pod.start()

    cluster.assert_recovers()
