"""Another Galera cluster's volumes are taken over in place (D27): all rows, one history, at most one full copy."""

from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.foreign import Foreign
from tests.faults.halves import full
from tests.lab.lab import Lab
from tests.lab.layout import write_more_options
from tests.lab.plain import Plain
from tests.support.installed import require_series

pytestmark = [pytest.mark.galera, pytest.mark.D27]

BINLOG = "[mysqld]\nlog_bin=mysql-bin\n"


@pytest.fixture
def foreign(lab: Lab) -> Foreign:
    """Another cluster on the volumes of the pods."""
    foreign = Foreign(lab)
    foreign.up()
    return foreign


def history_of(lab: Lab) -> str:
    """The uuid of the cluster's history."""
    (uuid,) = {server.uuid for server in lab.read_servers().values() if server is not None}
    return uuid


def assert_taken_over(cluster: Cluster, history: str) -> None:
    """Check that all rows are there in the old history, that it was started once, and by how many full copies."""
    cluster.assert_recovers()
    assert history_of(cluster.lab) == history
    assert cluster.all_bootstraps == 1
    assert sum(cluster.count_full_copies(ordinal) for ordinal in range(3)) <= 1


def read_accounts(lab: Lab, ordinal: int) -> set[tuple[str, str]]:
    """The accounts in a member's own tables."""
    return {(str(user), str(host)) for user, host in lab.query(ordinal, "SELECT User, Host FROM mysql.global_priv")}


def test_volumes_of_a_cluster_that_was_stopped_in_order(foreign: Foreign, tmp_path: Path) -> None:
    lab = foreign.lab
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(300)
    history, before = history_of(lab), read_accounts(lab, 0)
    foreign.stop()
    foreign.hand_over(BINLOG)
    lab.start_all()

    assert_taken_over(cluster, history)
    ours = {("galera_agent", "localhost"), ("root", "localhost")}
    for ordinal in range(3):
        assert read_accounts(lab, ordinal) - {("galera_sst", "localhost")} == before | ours
        assert lab.read_status(ordinal).action == "running"


def test_nothing_starts_beside_a_claim_that_was_not_found(foreign: Foreign, tmp_path: Path) -> None:
    """The newest data are on the claim that has another name: the others would start without them."""
    lab = foreign.lab
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(300)
    history = history_of(lab)
    foreign.stop()
    foreign.hand_over(BINLOG)
    lab.pod(2).copy_volume(tmp_path / "found")
    lab.pod(2).wipe_volume()
    for pod in lab.pods.values():
        pod.extra_env["GALERA_BOOTSTRAP_EXPECT_DATA"] = "yes"
    lab.start_all()
    for ordinal in range(3):
        cluster.wait_for_decision(ordinal, r"^nothing is on the volume of mysql-2, although ", action="hold")
    assert cluster.all_bootstraps == 0

    lab.pod(2).power_off()
    lab.pod(2).attach_copy(tmp_path / "found")
    lab.start_all((2,))
    assert_taken_over(cluster, history)


def test_volumes_of_a_cluster_whose_nodes_all_lost_power(foreign: Foreign, tmp_path: Path) -> None:
    lab = foreign.lab
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(100)
    history = history_of(lab)
    cluster.cut_power()
    foreign.hand_over(BINLOG)
    lab.start_all()

    assert_taken_over(cluster, history)


def test_without_the_binary_log_of_the_old_servers_a_killed_cluster_holds_and_the_option_is_enough(
    foreign: Foreign, tmp_path: Path
) -> None:
    """Without it a recovery rolls acknowledged commits back, and reports nothing."""
    lab = foreign.lab
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(100)
    history = history_of(lab)
    cluster.cut_power()
    foreign.hand_over("[mysqld]\n")
    lab.start_all()
    for ordinal in range(3):
        cluster.wait_for_decision(ordinal, r"left a binary log \(mysql-bin.index\).*log_bin=mysql-bin", action="hold")
    cluster.assert_nobody_starts(2)
    for pod in lab.pods.values():
        write_more_options(pod, BINLOG)

    assert_taken_over(cluster, history)


@pytest.mark.parametrize("is_killed", [False, pytest.param(True, marks=full)])
def test_volumes_with_the_datadir_at_their_root_come_into_place_and_may_go_back(
    tmp_path: Path, *, is_killed: bool
) -> None:
    """Those of the official image: an init container moves the datadir, and a human moves it back."""
    with Lab(runtime=Plain(restore=("galera-bootstrap", "relocate"))) as lab:
        foreign = Foreign(lab, place=".")
        foreign.up()
        cluster = Cluster(lab, tmp_path / "acknowledged")
        cluster.write(200)
        history = history_of(lab)
        if is_killed:
            cluster.cut_power(100)
        else:
            foreign.stop()
        foreign.hand_over(BINLOG)
        lab.start_all()

        assert_taken_over(cluster, history)
        for pod in lab.pods.values():
            assert not (pod.folders.volume / "ibdata1").exists()

        cluster.write(50)
        for ordinal in (2, 1, 0):
            lab.pod(ordinal).stop()
        foreign.relocate_back()
        foreign.start(0, "--wsrep-new-cluster")
        lab.wait_synced(1)
        for ordinal in (1, 2):
            foreign.start(ordinal)
        cluster.assert_recovers()
        assert history_of(lab) == history
        foreign.stop()


def test_without_that_command_nobody_starts_on_such_volumes(lab: Lab, tmp_path: Path) -> None:
    """An empty data/ beside them was taken for a first start, and a new database was made."""
    foreign = Foreign(lab, place=".")
    foreign.up()
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    foreign.stop()
    foreign.hand_over("")
    lab.start_all()
    for ordinal in range(3):
        cluster.wait_for_decision(ordinal, "a datadir stands in .*/volume, and not in .*/volume/data", action="hold")
    cluster.assert_nobody_starts(3)
    assert not any((pod.folders.volume / "data").exists() for pod in lab.pods.values())


@full
def test_data_of_an_older_series_get_accounts_and_tables_of_the_newer_one(tmp_path: Path) -> None:
    """10.11 stopped in order, 11.8 after it; a human confirms the step over 11.4."""
    for series in ("10.11", "11.8"):
        require_series(series)
    with Lab(runtime=Plain("11.8"), env={"GALERA_BOOTSTRAP_UPGRADE_FROM": "10.11"}) as lab:
        foreign = Foreign(lab)
        foreign.up()
        cluster = Cluster(lab, tmp_path / "acknowledged")
        cluster.write(200)
        history = history_of(lab)
        assert str(lab.query(0, "SELECT VERSION()")[0][0]).startswith("10.11")
        foreign.stop()
        foreign.hand_over(BINLOG)
        lab.start_all()

        assert_taken_over(cluster, history)
        for ordinal, pod in lab.pods.items():
            assert str(lab.query(ordinal, "SELECT VERSION()")[0][0]).startswith("11.8")
            note = pod.folders.volume / "data" / "mysql" / "galera-bootstrap-tables"
            lab.wait(f"{pod.name} has upgraded tables", note.exists)
            assert "11.8" in note.read_text()
