"""Containers that are restarted, one by one and together; the cluster stays the one that it is."""

from collections.abc import Iterator

import pytest

from tests.faults.cluster import Cluster
from tests.lab import processes
from tests.lab.pod import Pod

pytestmark = [pytest.mark.galera, pytest.mark.images]


@pytest.fixture
def cluster(standing: Cluster) -> Iterator[Cluster]:
    """A cluster that must be whole again in the end, with nobody having founded another one."""
    yield standing
    standing.recovers()
    assert standing.all_bootstraps == 1


def starts(pod: Pod) -> dict[str, int]:
    return {name: container.starts for name, container in pod.containers.items()}


def more(before: dict[str, int], *names: str) -> dict[str, int]:
    """These containers have been started once more."""
    return {name: count + (name in names) for name, count in before.items()}


def first_process(pod: Pod, container: str) -> int:
    return next(pid for pid in processes.members(pod.containers[container].mark) if processes.is_first(pid))


def test_install_may_run_again_over_a_running_pod(cluster: Cluster) -> None:
    pod = cluster.lab.pod(1)
    agent, server = first_process(pod, "agent"), first_process(pod, "mysql")
    before = starts(pod)

    assert pod.run_once("install") == 0

    assert (first_process(pod, "agent"), first_process(pod, "mysql")) == (agent, server)
    assert starts(pod) == more(before, "install")
    assert cluster.lab.status(1).action == "running"
    # What it left is what the next start of a container needs.
    pod.restart_container("agent")
    cluster.lab.wait(
        "the agent answers", lambda: all(member.answer == "ok" for member in cluster.lab.status(0).members)
    )


def test_a_killed_server_comes_back_alone(cluster: Cluster) -> None:
    pod = cluster.lab.pod(2)
    before = starts(pod)
    pod.kill_server()
    cluster.lab.wait("the server is started again", lambda: starts(pod) == more(before, "mysql"))


def test_a_server_ended_in_order_comes_back_alone(cluster: Cluster) -> None:
    pod = cluster.lab.pod(0)
    before = starts(pod)
    pod.restart_container("mysql")
    cluster.lab.wait("the server is started again", lambda: starts(pod) == more(before, "mysql"))
    assert pod.containers["mysql"].last_exit == 0


def test_a_killed_agent_comes_back_and_its_server_never_notices(cluster: Cluster) -> None:
    pod = cluster.lab.pod(1)
    server, before = first_process(pod, "mysql"), starts(pod)
    pod.containers["agent"].kill()
    cluster.lab.wait("the agent is started again", lambda: starts(pod) == more(before, "agent"))
    assert pod.containers["agent"].last_exit == -9
    cluster.recovers()
    assert first_process(pod, "mysql") == server


def test_agent_and_server_killed_together_come_back_without_the_init_containers(cluster: Cluster) -> None:
    pod = cluster.lab.pod(2)
    before = starts(pod)
    pod.kill_all()
    cluster.lab.wait("both are started again", lambda: starts(pod) == more(before, "agent", "mysql"))


def test_after_a_reboot_of_the_node_all_four_run_again_on_the_same_empty_dirs(cluster: Cluster) -> None:
    pod = cluster.lab.pod(0)
    before = starts(pod)
    pod.reboot()
    cluster.lab.wait("all are started again", lambda: starts(pod) == more(before, *before))


def test_a_pod_deleted_in_order_ends_cleanly_and_its_successor_joins(cluster: Cluster) -> None:
    pod = cluster.lab.pod(1)
    cluster.lab.replace(1)
    # The agent, by the default action of SIGTERM, after the server.
    assert (pod.containers["mysql"].last_exit, pod.containers["agent"].last_exit) == (0, -15)
    assert "mysql: end" in pod.containers["mysql"].tail(1)
