"""The set is scaled up and down, and then the power is cut."""

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full

pytestmark = pytest.mark.galera


def test_a_pod_that_was_scaled_away_is_not_waited_for_after_a_power_cut(cluster: Cluster) -> None:
    lab = cluster.lab
    lab.scale(4)
    lab.wait_synced(4)
    lab.scale(3)
    lab.wait("no agent expects mysql-3", lambda: all(len(lab.read_status(k).members) == 3 for k in (0, 1, 2)), 60)
    cluster.cut_power()
    lab.start_all()

    cluster.assert_recovers()


def test_a_pod_that_died_with_the_others_is_waited_for_although_it_is_beyond_the_configured_replicas(
    cluster: Cluster,
) -> None:
    """`kubectl scale` does not change REPLICAS, but the journals know the pod."""
    lab = cluster.lab
    lab.scale(4)
    lab.wait_synced(4)
    cluster.cut_power()
    lab.nameserver.withdraw("mysql-3")
    lab.start_all((0, 1, 2))
    cluster.wait_for_decision(0, r"^waiting for mysql-3 \(unknown")
    assert cluster.find_primaries() == []
    lab.nameserver.publish("mysql-3", lab.pod(3).ip)
    lab.start_all((3,))
    lab.wait_synced(4)


@full
def test_scaling_to_five_three_one_three_zero_and_three_keeps_every_row(cluster: Cluster) -> None:
    """Each step is made as by `kubectl scale`, with writes before it and during it."""
    lab = cluster.lab
    for count in (5, 3, 1, 3):
        with cluster.make_writer(through=(0,)) as writer:
            writer.wait_for(30)
            lab.scale(count)
            lab.wait_synced(count)
            writer.wait_for(writer.count + 30)
    lab.scale(0)
    assert cluster.lab.pods == {}
    lab.scale(3)

    cluster.assert_recovers()
    # The first start, and the start from zero pods.
    assert cluster.all_bootstraps == 2


@full
def test_a_rolling_restart_under_a_client_loses_no_row_and_needs_no_full_copy(cluster: Cluster) -> None:
    lab = cluster.lab
    before = {ordinal: cluster.count_full_copies(ordinal) for ordinal in (0, 1, 2)}
    with cluster.make_writer() as writer:
        for ordinal in (2, 1, 0):
            lab.replace(ordinal)
            lab.wait_synced(3)
            writer.wait_for(writer.count + 30)

    cluster.assert_recovers()
    assert {ordinal: cluster.count_full_copies(ordinal) for ordinal in (0, 1, 2)} == before
    assert cluster.all_bootstraps == 1
