"""Everything dies at once; every acknowledged row is back without a human (D1)."""

import json
import time

import pytest

from tests.faults.cluster import Cluster
from tests.faults.halves import full

pytestmark = pytest.mark.galera


@pytest.mark.D1
@pytest.mark.parametrize(
    ("order", "gap"),
    [((0, 1, 2), 0.0), pytest.param((2, 1, 0), 3.0, marks=full), pytest.param((1, 2, 0), 1.0, marks=full)],
)
def test_agents_and_servers_are_killed_and_restarted_with_their_old_run_folders(
    cluster: Cluster, order: tuple[int, ...], gap: float
) -> None:
    """As after a reboot of the nodes: sockets, configuration and a used permission are still there."""
    cluster.cut_power()
    cluster.lab.start_all(order, gap=gap)

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 2  # the first start and this one


@pytest.mark.D1
def test_all_servers_are_killed_while_their_agents_go_on(cluster: Cluster) -> None:
    with cluster.make_writer() as writer:
        writer.wait_for(200)
        for pod in cluster.lab.pods.values():
            pod.kill_server()

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 2


@pytest.mark.D1
def test_all_pods_are_deleted_by_force_and_created_again_twice(cluster: Cluster) -> None:
    """`kubectl delete pod --all --force`: run folders are new, and init containers run again."""
    for _ in range(2):
        cluster.cut_power()
        for ordinal in (0, 1, 2):
            cluster.lab.replace(ordinal, force=True)
        cluster.assert_recovers()


@pytest.mark.D1
def test_after_a_stop_of_all_pods_at_once_none_is_safe_to_bootstrap_and_they_still_come_back(cluster: Cluster) -> None:
    """In an experiment, no grastate.dat had safe_to_bootstrap: 1 after a simultaneous SIGTERM."""
    pods = list(cluster.lab.pods.values())
    for pod in pods:
        pod.forbid_starts()
    for pod in pods:
        pod.containers["mysql"].terminate()
    for pod in pods:
        pod.stop()
    states = [(p.folders.volume / "data" / "grastate.dat").read_text() for p in pods]
    assert sum("safe_to_bootstrap: 1" in state for state in states) <= 1
    cluster.lab.start_all()

    cluster.assert_recovers()


@pytest.mark.D1
def test_a_permission_left_over_from_before_starts_nothing(cluster: Cluster) -> None:
    """After a reboot of the nodes, every run folder has an old permission (incident: mariadb-operator #1626)."""
    cluster.cut_power()
    for pod in cluster.lab.pods.values():
        permission = {"term": 1, "run_id": "0", "kernel_boot_id": "0"}
        (pod.folders.run / "permission.json").write_text(json.dumps(permission))
    cluster.lab.start_all()

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 2


@pytest.mark.D3
def test_the_most_advanced_pod_starts_even_if_it_is_not_the_first(cluster: Cluster) -> None:
    """Incident: Percona K8SPXC-824, where the node that had to bootstrap was not pod-0."""
    lab = cluster.lab
    lab.pod(0).stop()
    cluster.write(50, through=(1, 2))
    lab.pod(1).stop()
    lab.wait("mysql-2 is alone and Primary", lambda: cluster.find_primaries() == [2])
    cluster.write(50, through=(2,))
    lab.pod(2).power_off()
    before = cluster.count_bootstraps(2)
    lab.start_all((0,))
    cluster.wait_for_decision(0, r"mysql-2 \(unknown")
    lab.start_all((1,))
    time.sleep(5)
    assert cluster.find_primaries() == []
    lab.start_all((2,))

    cluster.assert_recovers()
    assert cluster.count_bootstraps(2) == before + 1
