"""A member is lost for good, the others go on, and then the power is cut: nobody waits for it (R8, proof P1)."""

import json

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab.oracle import judge
from tests.lab.writer import recorded

pytestmark = pytest.mark.galera


def marked(cluster: Cluster, *ordinals: int) -> bool:
    """Whether each of these has a mark of the view of just these."""
    journals = [cluster.lab.pod(k).folders.volume / "meta" / "journal.json" for k in ordinals]
    told = [json.loads(journal.read_text()) for journal in journals]
    views = {(memory.get("mark") or {}).get("view") for memory in told}
    return len(views) == 1 and None not in views


def test_two_members_start_again_without_the_third_that_was_lost_before(cluster: Cluster) -> None:
    lab = cluster.lab
    lose_the_third(cluster, rows=100)
    cluster.power_cut_of(0, 1)
    lab.start_all((0, 1))

    lab.wait("two are Primary again", lambda: both_in_a_view_of_two(cluster), seconds=120)
    assert cluster.all_bootstraps == 2
    lab.start_all((2,))
    cluster.recovers()


@full
def test_a_lost_volume_of_a_pod_outside_of_the_last_view_needs_no_human(cluster: Cluster) -> None:
    """R9: its data are gone, and were not the newest."""
    lab = cluster.lab
    lose_the_third(cluster)
    cluster.power_cut_of(0, 1)
    lab.pod(2).wipe_volume()
    lab.start_all()

    cluster.recovers()


@full
def test_one_of_the_last_two_is_still_waited_for(cluster: Cluster) -> None:
    lab = cluster.lab
    lose_the_third(cluster)
    cluster.power_cut_of(0, 1)
    lab.start_all((0, 2))

    cluster.waits(0, r"^waiting for mysql-1 \(unknown")
    assert cluster.primaries() == []
    lab.start_all((1,))
    cluster.recovers()
    assert judge(lab, recorded(cluster.record)).complaints == []


def test_one_of_the_last_two_dies_and_comes_back_while_the_third_is_lost(cluster: Cluster) -> None:
    """The other one lives on outside of a Primary Component: it is stopped, and what it leaves behind is a proof."""
    lab = cluster.lab
    lose_the_third(cluster, rows=100)
    lab.pod(1).reboot()

    lab.wait(
        "two are Primary again", lambda: both_in_a_view_of_two(cluster) and cluster.all_bootstraps == 2, seconds=240
    )
    lab.start_all((2,))
    cluster.recovers()


def lose_the_third(cluster: Cluster, rows: int = 0) -> None:
    """A machine is gone, the other two go on, write so many rows, and have marked the view of just them."""
    cluster.lab.pod(2).power_off()
    cluster.lab.wait("two are Primary without the third", lambda: both_in_a_view_of_two(cluster))
    if rows:
        cluster.write(rows, through=(0, 1))
    cluster.lab.wait("both have marked their view", lambda: marked(cluster, 0, 1))


def both_in_a_view_of_two(cluster: Cluster) -> bool:
    servers = cluster.lab.servers()
    return all((server := servers[k]) is not None and server.synced_in(2) for k in (0, 1))
