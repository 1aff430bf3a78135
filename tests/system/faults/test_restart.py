"""A server, agent or pod dies while the cluster lives: it joins again and creates no second cluster."""

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full

pytestmark = pytest.mark.galera


@pytest.mark.D7
def test_the_bootstrapper_whose_container_restarts_alone_joins(cluster: Cluster) -> None:
    """D7; in the original example, the configuration of this pod still contained gcomm:// (kubernetes #33938).

    Clients are connected to it when it is killed, and they go on writing while it joins.
    """
    pod = cluster.lab.pod(0)
    assert cluster.count_bootstraps(0) == 1
    with cluster.make_writer() as writer:
        writer.wait_for(50)
        starts, inits = (pod.containers[name].starts for name in ("mysql", "bootstrap"))
        pod.kill_server()
        cluster.lab.wait("mysql-0 is gone", lambda: cluster.lab.read_server(0) is None)
        writer.wait_for(writer.count + 50)
        cluster.lab.wait("its container is started again", lambda: pod.containers["mysql"].starts > starts)
        cluster.lab.wait_synced(3)
        writer.wait_for(writer.count + 50)
    assert pod.containers["bootstrap"].starts == inits

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 1


@pytest.mark.parametrize("survivor", [0, pytest.param(2, marks=full)])
def test_two_of_three_servers_killed_come_back_without_a_human(cluster: Cluster, survivor: int) -> None:
    """The survivor loses the quorum and would wait forever; its agent stops it, which makes it a full outage."""
    with cluster.make_writer() as writer:
        writer.wait_for(200)
        for ordinal in {0, 1, 2} - {survivor}:
            cluster.lab.pod(ordinal).kill_server()

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 2
    # Neither tried to join the survivor before it noticed their loss: such a try fails only after half a minute.
    assert [pod.containers["mysql"].starts for pod in cluster.lab.pods.values()] == [2, 2, 2]


def test_a_deleted_pod_joins_with_its_volume_and_without_a_full_copy(cluster: Cluster) -> None:
    before = cluster.count_full_copies(0)
    cluster.lab.replace(0)
    cluster.write(50, through=(1, 2))

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 1
    assert cluster.count_full_copies(0) == before


def test_an_agent_that_restarts_disturbs_nothing(cluster: Cluster) -> None:
    for ordinal in (0, 1, 2):
        cluster.lab.pod(ordinal).containers["agent"].kill()
    cluster.write(50)
    cluster.lab.wait("mysql-0's agent answers again", lambda: is_answering(cluster, 0))

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 1


@pytest.mark.D9
def test_a_lost_volume_of_a_live_cluster_is_filled_again(cluster: Cluster) -> None:
    lab = cluster.lab
    lab.pod(1).power_off()
    lab.pod(1).wipe_volume()
    lab.pod(1).start()

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 1


def is_answering(cluster: Cluster, ordinal: int) -> bool:
    """Whether a pod's agent answers, and has answers from all members."""
    try:
        return all(m.answer == "ok" for m in cluster.lab.read_status(ordinal).members)
    except Exception:  # noqa: BLE001  # the agent is restarting
        return False
