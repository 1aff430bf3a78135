"""Containers are restarted one by one and together; the cluster stays the same."""

from collections.abc import Iterator

import pytest

from tests.faults.cluster import Cluster
from tests.lab.pod import Pod

pytestmark = [pytest.mark.galera, pytest.mark.images]


@pytest.fixture
def cluster(standing: Cluster) -> Iterator[Cluster]:
    """A cluster that must have recovered in the end, without a second bootstrap."""
    yield standing
    standing.assert_recovers()
    assert standing.all_bootstraps == 1


def count_starts(pod: Pod) -> dict[str, int]:
    return {name: container.starts for name, container in pod.containers.items()}


def add_one(before: dict[str, int], *names: str) -> dict[str, int]:
    """Add one start of each of these containers."""
    return {name: count + (name in names) for name, count in before.items()}


def test_install_may_run_again_over_a_running_pod(cluster: Cluster) -> None:
    pod = cluster.lab.pod(1)
    agent, server = pod.wait_for_first_process("agent"), pod.wait_for_first_process("mysql")
    before = count_starts(pod)

    assert pod.run_once("install") == 0

    assert (pod.wait_for_first_process("agent"), pod.wait_for_first_process("mysql")) == (agent, server)
    assert count_starts(pod) == add_one(before, "install")
    assert cluster.lab.read_status(1).action == "running"
    # The next start of a container uses the files that `install` has written.
    pod.restart_container("agent")
    cluster.lab.wait(
        "the agent answers", lambda: all(member.answer == "ok" for member in cluster.lab.read_status(0).members)
    )


def test_a_killed_server_comes_back_alone(cluster: Cluster) -> None:
    pod = cluster.lab.pod(2)
    before = count_starts(pod)
    pod.kill_server()
    cluster.lab.wait("the server is started again", lambda: count_starts(pod) == add_one(before, "mysql"))


def test_a_server_that_dies_by_a_signal_is_started_again_by_the_first_process_of_its_container(
    cluster: Cluster,
) -> None:
    """There the parent of the server is PID 1: it gets no signal by default, and every orphan."""
    pod = cluster.lab.pod(1)
    first, before, starts = pod.wait_for_first_process("mysql"), count_starts(pod), cluster.count_starts(1)
    assert pod.crash_server()
    cluster.lab.wait("the server is started again", lambda: cluster.count_starts(1) == starts + 1)
    cluster.assert_recovers()
    assert count_starts(pod) == before
    assert pod.wait_for_first_process("mysql") == first
    pod.restart_container("mysql")
    cluster.lab.wait("the container is started again", lambda: count_starts(pod) == add_one(before, "mysql"))
    assert pod.containers["mysql"].last_exit == 0


def test_a_server_ended_in_order_comes_back_alone(cluster: Cluster) -> None:
    pod = cluster.lab.pod(0)
    before = count_starts(pod)
    pod.restart_container("mysql")
    cluster.lab.wait("the server is started again", lambda: count_starts(pod) == add_one(before, "mysql"))
    assert pod.containers["mysql"].last_exit == 0


def test_a_killed_agent_comes_back_and_its_server_goes_on(cluster: Cluster) -> None:
    pod = cluster.lab.pod(1)
    server, before = pod.wait_for_first_process("mysql"), count_starts(pod)
    pod.containers["agent"].kill()
    cluster.lab.wait("the agent is started again", lambda: count_starts(pod) == add_one(before, "agent"))
    assert pod.containers["agent"].last_exit == -9
    cluster.assert_recovers()
    assert pod.wait_for_first_process("mysql") == server


def test_agent_and_server_killed_together_come_back_without_the_init_containers(cluster: Cluster) -> None:
    pod = cluster.lab.pod(2)
    before = count_starts(pod)
    pod.kill_all()
    cluster.lab.wait("both are started again", lambda: count_starts(pod) == add_one(before, "agent", "mysql"))


def test_after_a_reboot_of_the_node_all_four_run_again_on_the_same_empty_dirs(cluster: Cluster) -> None:
    pod = cluster.lab.pod(0)
    before = count_starts(pod)
    pod.reboot()
    cluster.lab.wait("all are started again", lambda: count_starts(pod) == add_one(before, *before))


def test_a_pod_deleted_in_order_ends_cleanly_and_its_successor_joins(cluster: Cluster) -> None:
    pod = cluster.lab.pod(1)
    cluster.lab.replace(1)
    # The agent ends after the server, by the default action of SIGTERM.
    assert (pod.containers["mysql"].last_exit, pod.containers["agent"].last_exit) == (0, -15)
    assert "mysql: end" in pod.containers["mysql"].tail(1)
