"""The set grows and shrinks, and then the power is cut."""

import pytest

from tests.faults.cluster import Cluster

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
