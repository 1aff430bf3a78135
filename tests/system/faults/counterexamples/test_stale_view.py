"""What looks like the last view, and is not: beside a lost volume (D20), and beside a dead Primary Component (D21)."""

from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab.report import ReportFailedError

pytestmark = pytest.mark.galera


@pytest.mark.D20
def test_a_lost_volume_is_no_sign_that_its_pod_has_stayed_away(cluster: Cluster, tmp_path: Path) -> None:
    """The sole member dies before the view with two newcomers is on its disk.

    They go on; then one is lost with its node, and the other loses its volume (R8, R9).
    """
    lab = cluster.lab
    alone = lab.pod(0)
    for ordinal in (2, 1):
        lab.pod(ordinal).stop()
    cluster.wait_until_left(0)
    stale = cluster.read_view(0)
    (alone.folders.volume / "data" / "gvwstate.dat.tmp").mkdir()  # Galera cannot write the next view
    lab.start_all((1,))
    lab.wait("mysql-1 joins", lambda: cluster.count_starts(1) == 2)
    alone.pause("agent")  # it would remove the stale view
    lab.start_all((2,))
    lab.wait_synced(3)
    alone.power_off()
    assert stale is not None
    assert cluster.read_view(0) == stale
    assert cluster.read_checkpoint(0) == stale.name
    lab.wait("the newcomers go on", lambda: cluster.are_synced(1, 2))
    cluster.write(100, through=(1, 2))
    lab.pod(1).power_off()
    emptied = lab.pod(2)
    emptied.power_off()
    emptied.folders.volume.rename(tmp_path / "lost")
    before = cluster.all_bootstraps
    lab.start_all((0, 2))
    cluster.wait_for_decision(0, r"^waiting for mysql-1 \(unknown")
    cluster.assert_nobody_starts(5)
    lab.start_all((1,))
    cluster.wait_for_decision(0, r"mysql-2 was a member and its ", action="hold")
    assert cluster.all_bootstraps == before
    emptied.power_off()
    emptied.attach_copy(tmp_path / "lost")
    lab.start_all((2,))

    cluster.assert_recovers()


@full
@pytest.mark.D21
def test_nothing_is_discarded_beside_a_primary_that_has_not_noticed_the_loss_of_its_quorum(
    slow_cluster: Cluster,
) -> None:
    """The disk of the member that died has a row that the other one has not applied."""
    cluster, lab = slow_cluster, slow_cluster.lab
    lab.pod(2).stop()
    cluster.wait_until_left(0, 1)
    with cluster.hold_back(1):
        cluster.acknowledge(0, 7)
        lab.pod(0).kill_server()
        cluster.wait_for_decision(0, r"mysql-1 is Primary with 2 members.*may have lost its quorum")
        with pytest.raises(ReportFailedError, match=r"21"):
            cluster.run(0, "discard")
        assert cluster.find_primaries() == [1], "it has not noticed it yet"
    lab.wait("the two are members again", lambda: cluster.are_synced(0, 1))
    lab.start_all((2,))
    cluster.assert_recovers()
