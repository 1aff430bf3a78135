"""The cluster itself, with two nodes: everything on which the other tests rely."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from images.build import ensure_id
from images.running import BuildError
from tests.kubernetes.cluster import Cluster, NotHereError, check
from tests.kubernetes.shared import full, repair
from tests.kubernetes.waiting import ClusterError, wait

pytestmark = [pytest.mark.galera, pytest.mark.images, full]

PLACES = {"echo-1": "node1", "echo-2": "node2", "echo-3": "node1"}
"""Pod -> the node where it runs."""

IMAGE = "localhost/cluster-echo:1"


@pytest.fixture(scope="module")
def pair() -> Iterator[Cluster]:
    """Two nodes, and three pods behind one Service, which answer with their names."""
    try:
        check()
        image = ensure_id("mysql-galera")  # for its shell and its socat
    except (NotHereError, BuildError) as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    with Cluster(nodes=2) as cluster:
        cluster.load({IMAGE: image})
        cluster.kubectl.apply(service(), *(echo(pod, node) for pod, node in PLACES.items()))
        for pod in PLACES:
            cluster.kubectl.wait(f"pod/{pod}", "condition=Ready", seconds=120)
        yield cluster


@pytest.mark.parametrize("client", PLACES)
def test_a_service_leads_to_pods_of_the_same_node_and_of_another_node_and_to_the_client_itself(
    pair: Cluster, client: str
) -> None:
    answers: set[str] = set()

    def has_all_answers() -> bool:
        answers.add(ask(pair, client, "echo.default.svc.cluster.local:80"))
        return answers == set(PLACES)

    wait("an answer of every pod", has_all_answers, seconds=120)


@pytest.mark.parametrize("client", ["echo-1", "echo-2"])
def test_pods_of_two_nodes_reach_each_other_without_a_service(pair: Cluster, client: str) -> None:
    for server in PLACES:
        address = pair.kubectl.get("pod", server)["status"]["podIP"]

        assert ask(pair, client, f"{address}:8080") == server


def test_a_name_that_does_not_exist_is_denied_at_once(pair: Cluster) -> None:
    with pytest.raises(ClusterError, match="exit code 2"):
        pair.kubectl("exec", "echo-1", "--", "timeout", "5", "getent", "hosts", "nobody.default.svc.cluster.local")


def test_a_node_without_power_does_not_answer_and_after_its_repair_its_pods_are_back_unchanged(pair: Cluster) -> None:
    before = pair.kubectl.get("pod", "echo-2")
    node = pair.nodes[1]

    node.down()
    with pytest.raises(ClusterError):
        ask(pair, "echo-2", "127.0.0.1:8080")
    assert ask(pair, "echo-1", "127.0.0.1:8080") == "echo-1"
    repair(pair)

    wait("echo-2 after its node's start", lambda: restarts(pair, "echo-2") == 1, seconds=180)
    wait("an answer of echo-2", lambda: is_answering(pair, "echo-2"), seconds=60)
    assert pair.kubectl.get("pod", "echo-2")["metadata"]["uid"] == before["metadata"]["uid"]


def ask(cluster: Cluster, pod: str, address: str) -> str:
    """The answer that a pod gets from HOST:PORT.  Raises ClusterError."""
    return cluster.kubectl("exec", pod, "--", "timeout", "5", "socat", "-", f"TCP:{address}", seconds=30).strip()


def is_answering(cluster: Cluster, pod: str) -> bool:
    """Whether a pod answers with its name."""
    try:
        return ask(cluster, pod, "127.0.0.1:8080") == pod
    except ClusterError:
        return False


def restarts(cluster: Cluster, pod: str) -> int:
    """How often the pod's container was started again."""
    return int(cluster.kubectl.get("pod", pod)["status"]["containerStatuses"][0]["restartCount"])


def service() -> Mapping[str, Any]:
    ports = [{"port": 80, "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "echo"},
        "spec": {"selector": {"app": "echo"}, "ports": ports},
    }


def echo(name: str, node: str) -> Mapping[str, Any]:
    listen = ["socat", "TCP-LISTEN:8080,fork,reuseaddr", "SYSTEM:hostname"]
    probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    container = {"name": "echo", "image": IMAGE, "command": listen, "readinessProbe": probe}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "echo"}},
        "spec": {"nodeName": node, "terminationGracePeriodSeconds": 1, "containers": [container]},
    }
