"""manifests/overlays/lab, which users copy, on a real Kubernetes: started, killed and recovered."""

import pytest

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.database import MEMBERS, RENAMED_TOOL, SET, UNNOTICED, Database
from tests.kubernetes.shared import FULL, Shared
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import ClusterError

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1800)]

DELETIONS = 5 if FULL else 2


def test_the_first_start_needs_no_restart_and_keeps_all_acknowledged_rows(
    request: pytest.FixtureRequest, shared: Shared
) -> None:
    database = shared.get_new(request.session.testsfailed)

    verdict = database.judge()

    assert verdict.complaints == []
    assert verdict.expected >= 50
    assert database.restarted_containers() == []


def test_all_pods_are_deleted_by_force_again_and_again_while_a_client_writes(database: Database, times: Times) -> None:
    for _ in range(DELETIONS):
        with database.writer():
            database.wait_acknowledged(50)
            with times.measure("all pods deleted by force, to 3 members Synced"):
                database.delete_all_pods()
                database.wait_synced(3)
            database.wait_acknowledged(10)
        times.note("all pods deleted by force: a client had no row acknowledged", database.longest_gap())

        assert database.judge().complaints == []
        assert database.restarted_containers() == []


def test_an_image_changes_member_by_member_and_a_client_that_retries_sees_no_outage(
    database: Database, times: Times
) -> None:
    with database.writer():
        database.wait_acknowledged(50)
        with times.measure("rolling update of 3 members"):
            database.kubectl("set", "image", SET, f"install={RENAMED_TOOL}", f"agent={RENAMED_TOOL}")
            database.kubectl("rollout", "status", SET, "--timeout=300s", seconds=300)
        database.wait_synced(3)
        database.wait_acknowledged(10)
    times.note("rolling update: a client had no row acknowledged", database.longest_gap())

    # A statement on a server that is stopping waits for the time-out of its client, not for the update.
    assert database.longest_gap() < UNNOTICED
    assert database.judge().complaints == []
    specified = [container for pod in database.pods() for container in pod["spec"]["initContainers"]]
    assert [c["image"] for c in specified if c["name"] == "agent"] == [RENAMED_TOOL] * 3


def test_a_pod_with_privileges_is_refused(database: Database) -> None:
    privileged = {"name": "pod", "image": RENAMED_TOOL, "securityContext": {"privileged": True}}

    with pytest.raises(ClusterError, match='violates PodSecurity "restricted'):
        database.kubectl.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": {"containers": [privileged]}}
        )


def test_a_set_is_scaled_up_and_down_and_to_zero_and_back(database: Database, times: Times) -> None:
    with database.writer():
        for count in (5, 3):
            with times.measure(f"scaled to {count} members"):
                database.scale(count)
                database.wait_synced(count)
            database.wait_acknowledged(10)
    with times.measure("scaled to zero"):
        database.scale(0)
    with times.measure("scaled from zero to 3 members"):
        database.scale(3)
        database.wait_synced(3)

    assert database.judge().complaints == []


def test_a_member_that_has_lost_its_volume_gets_a_copy(database: Database, times: Times) -> None:
    lost = database.volume("mysql-1")
    with database.writer(), times.measure("volume and pod of one member deleted, to 3 members Synced"):
        database.replace_volume("mysql-1")
        database.wait_synced(3)

    assert database.judge().complaints == []
    assert database.volume("mysql-1") != lost


def test_a_drain_evicts_only_one_member(database: Database) -> None:
    node = database.pods()[0]["spec"]["nodeName"]
    with database.writer():
        drain = ("drain", node, f"--pod-selector={MEMBERS}", "--delete-emptydir-data", "--timeout=30s")
        with pytest.raises(ClusterError, match="disruption budget"):
            database.kubectl(*drain, seconds=40)
        database.wait_acknowledged(10)
        database.kubectl("uncordon", node)
        database.wait_synced(3)

    assert database.judge().complaints == []


def test_all_servers_are_killed_at_once_and_their_containers_restarted(
    own_cluster: Cluster, database: Database, times: Times
) -> None:
    before = database.restarts()
    with database.writer():
        database.wait_acknowledged(50)
        with times.measure("all server containers killed, to 3 members Synced"):
            own_cluster.nodes[0].kill(database.containers("mysql").values())
            database.wait_restarts(before)
            database.wait_synced(3)
        database.wait_acknowledged(10)

    assert database.judge().complaints == []


def test_a_node_loses_power_and_comes_back(own_cluster: Cluster, database: Database, times: Times) -> None:
    uids = {pod["metadata"]["uid"] for pod in database.pods()}
    before = database.restarts()
    with database.writer():
        database.wait_acknowledged(50)
        node = own_cluster.nodes[0]
        node.down()
        with times.measure("power of the node back, to 3 members Synced"):
            node.up(own_cluster.control, bound=True)
            database.wait_restarts(before)
            database.wait_synced(3)

    assert database.judge().complaints == []
    assert {pod["metadata"]["uid"] for pod in database.pods()} == uids
