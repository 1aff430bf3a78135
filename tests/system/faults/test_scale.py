"""The set grows and shrinks, and then the power is cut."""

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full

pytestmark = pytest.mark.galera


def test_a_pod_that_was_scaled_away_is_not_waited_for_after_a_power_cut(cluster: Cluster) -> None:
    lab = cluster.lab
    lab.scale(4)
    lab.wait_synced(4)
    lab.scale(3)
    lab.wait("nobody expects mysql-3", lambda: all(len(lab.status(k).members) == 3 for k in (0, 1, 2)), 60)
    cluster.power_cut()
    lab.start_all()

    cluster.recovers()


def test_a_pod_that_died_with_the_others_is_waited_for_although_it_is_beyond_the_configured_replicas(
    cluster: Cluster,
) -> None:
    """`kubectl scale` does not change REPLICAS: the journals know better."""
    lab = cluster.lab
    lab.scale(4)
    lab.wait_synced(4)
    cluster.power_cut()
    lab.nameserver.withdraw("mysql-3")
    lab.start_all((0, 1, 2))
    cluster.waits(0, r"^waiting for mysql-3 \(unknown")
    assert cluster.primaries() == []
    lab.nameserver.publish("mysql-3", lab.pod(3).ip)
    lab.start_all((3,))
    lab.wait_synced(4)


@full
@pytest.mark.timeout(600)
def test_three_five_three_one_three_nothing_and_back_with_every_row(cluster: Cluster) -> None:
    """Each step as `kubectl scale` does it, with writes before and while it is done."""
    lab = cluster.lab
    for count in (5, 3, 1, 3):
        with cluster.writer(through=(0,)) as writer:
            writer.wait_for(30)
            lab.scale(count)
            lab.wait_synced(count)
            writer.wait_for(writer.count + 30)
    lab.scale(0)
    assert cluster.lab.pods == {}
    lab.scale(3)

    cluster.recovers()
    # The first start, and the one from nothing.
    assert cluster.all_bootstraps == 2


@full
@pytest.mark.timeout(600)
def test_a_rolling_restart_under_a_client_loses_nothing_and_copies_nothing_whole(cluster: Cluster) -> None:
    lab = cluster.lab
    before = {ordinal: whole_copies(cluster, ordinal) for ordinal in (0, 1, 2)}
    with cluster.writer() as writer:
        for ordinal in (2, 1, 0):
            lab.replace(ordinal)
            lab.wait_synced(3)
            writer.wait_for(writer.count + 30)

    cluster.recovers()
    assert {ordinal: whole_copies(cluster, ordinal) for ordinal in (0, 1, 2)} == before
    assert cluster.all_bootstraps == 1


def whole_copies(cluster: Cluster, ordinal: int) -> int:
    """How many full state transfers this pod was given."""
    log = cluster.lab.pod(ordinal).containers["mysql"].log
    return log.read_text(errors="replace").count("rsync SST completed on joiner")
