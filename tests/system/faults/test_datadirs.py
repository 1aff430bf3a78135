"""What a power cut and a careless hand leave on a disk: nothing of it is believed too much, nothing thrown away."""

import time

import pytest

from tests.faults.cluster import Cluster
from tests.lab import machine
from tests.lab.slow import full_speed, slow_sst

pytestmark = pytest.mark.galera

BY_PERMISSION = pytest.mark.skipif(
    not machine.permissions_count(),
    reason="NOT TESTED: root may not make user namespaces here, so permissions keep a pod from nothing",
)

NIL = "00000000-0000-0000-0000-000000000000"


def grastate(uuid: str, seqno: int, safe: int) -> str:
    return f"# GALERA saved state\nversion: 2.1\nuuid:    {uuid}\nseqno:   {seqno}\nsafe_to_bootstrap: {safe}\n"


def edit(cluster: Cluster, ordinal: int, text: str) -> None:
    (cluster.lab.pod(ordinal).folders.volume / "data" / "grastate.dat").write_text(text)


def nothing_starts(cluster: Cluster, seconds: float = 5.0) -> None:
    before = cluster.all_bootstraps
    time.sleep(seconds)
    assert cluster.primaries() == []
    assert cluster.all_bootstraps == before


def test_a_blank_grastate_without_a_join_holds_everybody_because_that_disk_may_be_the_newest(cluster: Cluster) -> None:
    """The data under it may be whole, and may hold the last commit: a human must look."""
    cluster.power_cut()
    path = cluster.lab.pod(1).folders.volume / "data" / "grastate.dat"
    kept = path.read_text()
    path.write_text("")
    cluster.lab.start_all()
    for ordinal in (0, 1, 2):
        cluster.waits(ordinal, r"the data of mysql-1, a member, are gone", action="hold")
    nothing_starts(cluster)
    cluster.lab.pod(1).power_off()
    path.write_text(kept)
    cluster.lab.start_all((1,))

    cluster.recovers()


def test_a_torn_grastate_is_unknown_and_the_others_say_whose(cluster: Cluster) -> None:
    cluster.power_cut()
    path = cluster.lab.pod(2).folders.volume / "data" / "grastate.dat"
    kept = path.read_text()
    path.write_text(kept[: len(kept) // 2])
    cluster.lab.start_all()
    cluster.waits(2, r"the datadir is UNKNOWN", action="hold")
    cluster.waits(0, r"mysql-2 \(its datadir is UNKNOWN")
    nothing_starts(cluster)
    cluster.lab.pod(2).power_off()
    path.write_text(kept)
    cluster.lab.start_all((2,))

    cluster.recovers()


def test_a_nil_uuid_with_safe_to_bootstrap_is_no_reason_to_start_there(cluster: Cluster) -> None:
    """Incidents: mariadb-operator #1701, resource-agents #1323."""
    cluster.power_cut()
    edit(cluster, 0, grastate(NIL, -1, 1))
    before = cluster.bootstraps(0)
    cluster.lab.start_all()

    cluster.recovers()
    # It may be the winner only by a position that InnoDB alone holds; then the cluster still has every row.
    assert cluster.bootstraps(0) <= before + 1


@pytest.mark.D6
def test_every_grastate_gone_in_a_ddl_recovers_from_innodb(cluster: Cluster) -> None:
    """D6: zero uuid on all, as after a crash inside a DDL (crafted on really crashed datadirs)."""
    cluster.power_cut()
    for ordinal in (0, 1, 2):
        edit(cluster, ordinal, grastate(NIL, -1, 0))
    cluster.lab.start_all()

    cluster.recovers()


@pytest.mark.D9
def test_a_volume_replaced_during_the_outage_holds_the_others(cluster: Cluster) -> None:
    """R9: the lost disk may have held the newest commit."""
    cluster.power_cut()
    pod = cluster.lab.pod(2)
    kept = pod.folders.volume.with_name("kept")
    pod.folders.volume.rename(kept)
    cluster.lab.start_all()
    for ordinal in (0, 2):
        cluster.waits(ordinal, r"the data of mysql-2, a member, are gone", action="hold")
    nothing_starts(cluster)
    pod.power_off()
    pod.wipe_volume()
    kept.rename(pod.folders.volume)
    cluster.lab.start_all((2,))

    cluster.recovers()


@pytest.mark.D5
def test_an_interrupted_sst_is_never_a_candidate_and_the_others_go_on_without_its_data(cluster: Cluster) -> None:
    """D5 in small: the joiner's whole pod is killed in the transfer, then all (incident: mariadb-operator #1108)."""
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
        full_speed(lab.pod(donor))
    before = cluster.bootstraps(2)
    lab.start_all()

    cluster.recovers()
    assert cluster.bootstraps(2) == before
    log = pod.containers["bootstrap"].log.read_text()
    assert "datadir is SST_INTERRUPTED" in log


@pytest.mark.D11
@BY_PERMISSION
def test_a_read_only_datadir_is_told_and_cured_without_a_restart_of_the_pod(cluster: Cluster) -> None:
    cluster.power_cut()
    data = cluster.lab.pod(1).folders.volume / "data"
    data.chmod(0o500)
    cluster.lab.start_all()
    cluster.waits(1, r"the datadir is UNKNOWN: .*cannot be written", action="hold")
    cluster.waits(0, r"mysql-1 \(its datadir is UNKNOWN")
    nothing_starts(cluster)
    data.chmod(0o700)

    cluster.recovers()


@pytest.mark.D11
@BY_PERMISSION
def test_an_unwritable_journal_gives_no_promise(cluster: Cluster) -> None:
    """R39."""
    cluster.power_cut()
    meta = cluster.lab.pod(1).folders.volume / "meta"
    meta.chmod(0o500)
    cluster.lab.start_all()
    cluster.waits(1, r"the journal .* cannot be written", action="hold")
    nothing_starts(cluster)
    meta.chmod(0o700)

    cluster.recovers()


@BY_PERMISSION
def test_a_config_folder_that_cannot_be_written_ends_the_starter_with_one_line(cluster: Cluster) -> None:
    cluster.power_cut()
    pod = cluster.lab.pod(1)
    pod.folders.config.chmod(0o500)
    (pod.folders.config / "my-galera.cnf").write_text("# torn")
    cluster.lab.start_all()
    log = pod.containers["bootstrap"].log
    cluster.lab.wait("the starter says why", lambda: "my-galera.cnf cannot be written" in log.read_text(), 60)
    nothing_starts(cluster)
    assert (pod.folders.config / "my-galera.cnf").read_text() == "# torn"
    pod.folders.config.chmod(0o700)

    cluster.recovers()


def test_a_missing_mariadbd_is_told(cluster: Cluster) -> None:
    cluster.power_cut()
    pod = cluster.lab.pod(0)
    pod.extra_env["GALERA_BOOTSTRAP_MARIADBD"] = "/nowhere/mariadbd"
    cluster.lab.start_all()
    log = pod.containers["bootstrap"].log
    cluster.lab.wait("the starter says why", lambda: "cannot run /nowhere/mariadbd" in log.read_text(), 60)
    nothing_starts(cluster)
    pod.power_off()
    pod.extra_env.clear()
    pod.start()

    cluster.recovers()
