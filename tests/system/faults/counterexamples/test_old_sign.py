"""A sign of a state transfer is left over on a member's disk (D22): what the disk holds must not count as nothing."""

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab import report

pytestmark = [pytest.mark.galera, pytest.mark.D22]


def leave_sign(cluster: Cluster, ordinal: int) -> None:
    """Leave the file that the scripts of a state transfer remove at its end, if they can."""
    (cluster.lab.pod(ordinal).folders.volume / "data" / "sst_in_progress").touch()


@full
def test_rows_beyond_a_fork_are_not_wiped_by_a_join_because_of_an_old_sign(cluster: Cluster) -> None:
    """Only the third has these rows, and is given up; then it comes back with the sign."""
    lab = cluster.lab
    for ordinal in (0, 1):
        lab.pod(ordinal).stop()
    cluster.wait_until_left(2)
    beyond = Cluster(lab, cluster.record.with_name("beyond"))
    beyond.write(50, through=(2,))
    lab.pod(2).power_off()
    leave_sign(cluster, 2)
    lab.start_all((0, 1))
    cluster.wait_for_decision(1, r"mysql-2 \(unknown")
    cluster.run(1, "force", *report.find_arguments(cluster.run(1, "force", "--without", "mysql-2")))
    lab.wait("the two go on under a new history", lambda: cluster.are_synced(0, 1))
    lab.start_all((2,))
    cluster.wait_for_decision(2, r"transactions that the cluster does not", action="hold")
    cluster.run(2, "discard")

    cluster.assert_recovers()
    kept = list(lab.pod(2).folders.volume.glob("discarded-*/app/acknowledged.ibd"))
    assert len(kept) == 1, "what is given up is put aside"
