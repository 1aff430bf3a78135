"""Everything dies at once; every acknowledged row is back without a hand on the keyboard (D1)."""

import json
import time

import pytest

from tests.faults.cluster import Cluster

pytestmark = pytest.mark.galera


@pytest.mark.D1
@pytest.mark.parametrize(("order", "gap"), [((0, 1, 2), 0.0), ((2, 1, 0), 3.0), ((1, 2, 0), 1.0)])
def test_agents_and_servers_killed_and_restarted_on_their_old_run_folders(
    cluster: Cluster, order: tuple[int, ...], gap: float
) -> None:
    """A node reboot: sockets, cnf and a used-up permission are still there."""
    cluster.power_cut()
    cluster.lab.start_all(order, gap=gap)

    cluster.recovers()
    assert cluster.all_bootstraps == 2  # the first start and this one


@pytest.mark.D1
def test_all_servers_killed_while_their_agents_live_on(cluster: Cluster) -> None:
    with cluster.writer() as writer:
        writer.wait_for(200)
        for pod in cluster.lab.pods.values():
            pod.kill_server()

    cluster.recovers()
    assert cluster.all_bootstraps == 2


@pytest.mark.D1
def test_all_pods_force_deleted_and_created_anew_twice(cluster: Cluster) -> None:
    """`kubectl delete pod --all --force`: fresh run folders, init containers run again."""
    for _ in range(2):
        cluster.power_cut()
        for ordinal in (0, 1, 2):
            cluster.lab.replace(ordinal, force=True)
        cluster.recovers()


@pytest.mark.D1
def test_a_stop_of_all_pods_at_once_leaves_nobody_safe_to_bootstrap_and_they_still_come_back(cluster: Cluster) -> None:
    """testbed: after a simultaneous SIGTERM no grastate.dat says safe_to_bootstrap: 1."""
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

    cluster.recovers()


@pytest.mark.D1
def test_a_permission_left_over_from_before_starts_nothing(cluster: Cluster) -> None:
    """A stale one-shot token in every run folder of a rebooted node (incident: mariadb-operator #1626)."""
    cluster.power_cut()
    for pod in cluster.lab.pods.values():
        token = {"term": 1, "boot_id": "0", "kernel_boot_id": "0"}
        (pod.folders.run / "permission.json").write_text(json.dumps(token))
    cluster.lab.start_all()

    cluster.recovers()
    assert cluster.all_bootstraps == 2


@pytest.mark.D3
def test_the_most_advanced_pod_starts_whichever_it_is(cluster: Cluster) -> None:
    """Incident: percona K8SPXC-824, the node that must bootstrap is not pod-0."""
    lab = cluster.lab
    lab.pod(0).stop()
    cluster.write(50, through=(1, 2))
    lab.pod(1).stop()
    lab.wait("mysql-2 is alone and Primary", lambda: cluster.primaries() == [2])
    cluster.write(50, through=(2,))
    lab.pod(2).power_off()
    before = cluster.bootstraps(2)
    lab.start_all((0,))
    cluster.waits(0, r"mysql-2 \(unknown")
    lab.start_all((1,))
    time.sleep(5)
    assert cluster.primaries() == []
    lab.start_all((2,))

    cluster.recovers()
    assert cluster.bootstraps(2) == before + 1
