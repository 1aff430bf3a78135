"""Something dies while the cluster lives: it joins again and founds nothing."""

import pytest

from tests.faults.cluster import Cluster

pytestmark = pytest.mark.galera


@pytest.mark.D7
def test_the_bootstrapper_whose_container_restarts_alone_joins(cluster: Cluster) -> None:
    """D7; the original pet's config still said gcomm:// then (incident: kubernetes #33938)."""
    assert cluster.bootstraps(0) == 1
    cluster.lab.pod(0).kill_server()
    cluster.lab.wait("mysql-0 is gone", lambda: cluster.lab.server(0) is None)
    cluster.write(50, through=(1, 2))

    cluster.recovers()
    assert cluster.all_bootstraps == 1


@pytest.mark.parametrize("survivor", [0, 2])
def test_two_of_three_servers_killed_come_back_without_a_human(cluster: Cluster, survivor: int) -> None:
    """The survivor loses quorum and would wait for ever; its agent stops it, and the outage is a full one."""
    with cluster.writer() as writer:
        writer.wait_for(200)
        for ordinal in {0, 1, 2} - {survivor}:
            cluster.lab.pod(ordinal).kill_server()

    cluster.recovers()
    assert cluster.all_bootstraps == 2
    # Neither has joined the survivor in vain while it had not missed them yet: that ends after half a minute.
    assert [pod.containers["mysql"].starts for pod in cluster.lab.pods.values()] == [2, 2, 2]


def test_a_deleted_pod_joins(cluster: Cluster) -> None:
    cluster.lab.replace(0)
    cluster.write(50, through=(1, 2))

    cluster.recovers()
    assert cluster.all_bootstraps == 1


def test_an_agent_that_restarts_disturbs_nothing(cluster: Cluster) -> None:
    for ordinal in (0, 1, 2):
        cluster.lab.pod(ordinal).containers["agent"].kill()
    cluster.write(50)
    status = cluster.lab.wait("mysql-0's agent answers again", lambda: answers(cluster, 0))
    assert status >= 0

    cluster.recovers()
    assert cluster.all_bootstraps == 1


@pytest.mark.D9
def test_a_lost_volume_of_a_live_cluster_is_filled_again(cluster: Cluster) -> None:
    lab = cluster.lab
    lab.pod(1).power_off()
    lab.pod(1).wipe_volume()
    lab.pod(1).start()

    cluster.recovers()
    assert cluster.all_bootstraps == 1


def answers(cluster: Cluster, ordinal: int) -> bool:
    try:
        return all(m.answer == "ok" for m in cluster.lab.status(ordinal).members)
    except Exception:  # noqa: BLE001  # the agent is restarting
        return False
