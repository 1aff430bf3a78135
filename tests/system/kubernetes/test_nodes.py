"""Three nodes with one member each, as in manifests/overlays/production: drained, lost, and replaced.

The overlay is unchanged: the names of its images, its memory, and its Secret, made by hand as its comment says.  Only
the provisioner of its StorageClass is replaced, because this cluster does not make volumes on demand.
"""

import json
import os
import secrets
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from images.running import BuildError
from tests.kubernetes.cluster import Cluster, NotHereError, check, our_images
from tests.kubernetes.database import MEMBERS, UNNOTICED, Database, is_ready
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.machines.node import Node
from tests.kubernetes.overlay import OVERLAY
from tests.kubernetes.shared import Shared, full, run_cluster
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import wait
from tests.support.authority import Authority

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1800), full]

PRODUCTION = OVERLAY.parent / "production"

FAST = OVERLAY.parents[1] / "components/storage-dynamic/fast"
NAMESPACE = "db"
CLASS = "galera-fast"


@pytest.fixture(scope="module")
def machines(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Three nodes that have the images with the names in the overlay."""
    if "E2E_CONTEXT" in os.environ:
        pytest.skip("NOT TESTED: this test switches nodes off, which it cannot do in the cluster of E2E_CONTEXT")
    try:
        check()
        tool, server = our_images("galera-install"), our_images("mysql-galera")
    except (NotHereError, BuildError) as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    with run_cluster(Cluster(nodes=3), request.config) as cluster:
        # The writing client's pod uses the server's image under its local name.
        cluster.load({tag.replace("localhost/", "registry.example/"): image for tag, image in (tool | server).items()})
        cluster.load(server)
        yield cluster


@pytest.fixture(scope="module")
def production(machines: Cluster, tmp_path_factory: pytest.TempPathFactory, times: Times) -> Shared:
    """The members of manifests/overlays/production."""
    numbers = count()

    def make() -> Database:
        database = Database(machines.kubectl.in_namespace(NAMESPACE))
        database.remove()
        # Two volumes on each node: one for the start, one for a member that loses the first. They are new ones each
        # time, because a released volume is not used again.
        fresh = [next(numbers), next(numbers)]
        machines.kubectl.apply(*(volume(node, number) for node in machines.nodes for number in fresh))
        machines.kubectl("create", "namespace", NAMESPACE)
        create_secrets(database.kubectl, tmp_path_factory.mktemp("authority"))
        with times.measure("overlays/production on three nodes: apply to 3 members Synced"):
            database.apply(write_overlay(tmp_path_factory.mktemp("overlay")))
            database.wait_synced(3, seconds=240)
        return database

    return Shared(make)


@pytest.fixture
def database(request: pytest.FixtureRequest, production: Shared) -> Database:
    """Three Synced members, one on each node."""
    return production.get_synced(request.session.testsfailed)


def test_the_members_start_without_a_restart_on_nodes_of_their_own_and_with_the_requested_memory(
    request: pytest.FixtureRequest, production: Shared
) -> None:
    database = production.get_new(request.session.testsfailed)
    pods = database.pods()

    assert {pod["spec"]["nodeName"] for pod in pods} == {"node1", "node2", "node3"}
    for pod in pods:
        name = pod["metadata"]["name"]
        assert database.sql(name, "SELECT @@innodb_buffer_pool_size DIV 1024 DIV 1024 DIV 1024") == [["5"]]
    assert database.restarted_containers() == []


def test_a_fourth_member_finds_no_node(database: Database) -> None:
    database.scale(4)
    try:
        wait("mysql-3 without a node", lambda: is_unschedulable(database, "mysql-3"), seconds=120)
        assert [is_ready(pod) for pod in database.pods()] == [True] * 3 + [False]
    finally:
        database.scale(3)
    database.wait_synced(3)


def test_all_nodes_are_drained_one_after_the_other(machines: Cluster, database: Database, times: Times) -> None:
    """The next drain begins while the last member is still away, and tries again until the budget allows it."""
    before: str | None = None
    with database.writer():
        database.wait_acknowledged(50)
        for node in machines.nodes:
            member = member_on(database, node)
            with times.measure("a node of three drained, while the member of the last node was still away"):
                drain(database, node)
            assert before is None or is_ready(find_pod(database, before))
            database.kubectl("uncordon", node.name)
            before = member
        database.wait_synced(3)
        database.wait_acknowledged(10)
    times.note("all three nodes drained: a client had no row acknowledged", database.longest_gap())

    # A statement on a server that is stopping waits for the time-out of its client, not for the drain.
    assert database.longest_gap() < UNNOTICED
    assert database.judge().complaints == []
    assert {pod["spec"]["nodeName"] for pod in database.pods()} == {node.name for node in machines.nodes}


def test_all_members_wait_by_name_for_a_member_whose_node_is_lost_until_it_returns(
    machines: Cluster, database: Database, times: Times
) -> None:
    lost = cut_power_of_all_but_start(machines, database, lost="mysql-2")

    for pod in ("mysql-0", "mysql-1"):
        database.wait_log(pod, "agent", r"wait: waiting for mysql-2 \(unknown: ", seconds=120)
    assert database.stays_down()

    with times.measure("three nodes lost power, two waited: to 3 members Synced when the third is back"):
        lost.up(machines.control, bound=True)
        database.wait_synced(3)
    assert database.judge().complaints == []


def test_a_cluster_of_which_a_disk_was_replaced_in_an_outage_holds_until_the_disk_is_back(
    machines: Cluster, database: Database, times: Times
) -> None:
    volume_name = database.volume("mysql-2")
    lost = cut_power_of_all_but_start(machines, database, lost="mysql-2")
    replace_by_force(database, "mysql-2")
    lost.up(machines.control, bound=True)

    for pod in ("mysql-0", "mysql-1", "mysql-2"):
        gone = r"hold: mysql-2 was a member and its volume, EMPTY now, is not known .*bring it back"
        database.wait_log(pod, "agent", gone, seconds=120)
    assert database.stays_down()
    assert database.volume("mysql-2") != volume_name

    # Do what the line says: release the old volume for a claim of that name, and make the claim again.
    with times.measure("three nodes lost power, one its disk: to 3 members Synced when the disk is back"):
        free = '{"spec": {"claimRef": {"uid": null, "resourceVersion": null}}}'
        database.kubectl("patch", "pv", volume_name, f"--patch={free}")
        database.replace_volume("mysql-2")
        database.wait_synced(3)
    assert database.volume("mysql-2") == volume_name
    assert database.judge().complaints == []


def cut_power_of_all_but_start(machines: Cluster, database: Database, *, lost: str) -> Node:
    """Cut the power of all nodes, and start all again except that of the lost member; returns this node.

    A client writes before that.
    """
    before = {pod: count for pod, count in database.restarts().items() if pod != lost}
    with database.writer():
        database.wait_acknowledged(50)
    gone = next(node for node in machines.nodes if member_on(database, node) == lost)
    for node in machines.nodes:
        node.down()
    for node in machines.nodes:
        if node is not gone:
            node.up(machines.control, bound=True)
    database.wait_restarts(before, seconds=120)
    return gone


def replace_by_force(database: Database, pod: str) -> None:
    """Delete a member and its claim although its node does not answer, as a human does to give up a node."""
    database.kubectl("delete", "pvc", f"datadir-{pod}", "--wait=false")
    database.kubectl("delete", "pod", pod, "--force", "--grace-period=0", "--wait=false")


def drain(database: Database, node: Node) -> None:
    """Drain only the members, so that the writing client may stay."""
    options = (f"--pod-selector={MEMBERS}", "--delete-emptydir-data", "--ignore-daemonsets", "--timeout=180s")
    database.kubectl("drain", node.name, *options, seconds=180)


def member_on(database: Database, node: Node) -> str:
    """The name of the member on this node."""
    return str(next(p["metadata"]["name"] for p in database.pods() if p["spec"].get("nodeName") == node.name))


def find_pod(database: Database, name: str) -> dict[str, Any]:
    return next(pod for pod in database.pods() if pod["metadata"]["name"] == name)


def is_unschedulable(database: Database, name: str) -> bool:
    conditions = find_pod(database, name)["status"].get("conditions", ())
    return any(c["type"] == "PodScheduled" and c.get("reason") == "Unschedulable" for c in conditions)


def create_secrets(kubectl: Kubectl, folder: Path) -> None:
    """Create the Secrets as the overlay's comment says, with an application's account."""
    keys = ("exchange-key", "cluster-id", "root-password", "agent-password", "sst-password")
    values = {key: secrets.token_hex(16) for key in keys}
    values |= {"user": "app", "password": secrets.token_hex(16), "database": "app"}
    kubectl(
        "create", "secret", "generic", "galera", *(f"--from-literal={key}={value}" for key, value in values.items())
    )
    authority = Authority(folder)
    authority.sign("server", "galera", hosts=("DNS:mysql", "DNS:*.galera"))
    files = {"tls.crt": authority.certificate("server"), "tls.key": authority.key("server")}
    files["ca.crt"] = authority.certificate("ca")
    kubectl(
        "create", "secret", "generic", "galera-tls", *(f"--from-file={name}={path}" for name, path in files.items())
    )


def write_overlay(folder: Path) -> Path:
    """Write an overlay on the production overlay, with a class whose volumes exist already; returns its folder."""
    static = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS},
        "provisioner": "kubernetes.io/no-provisioner",
        "parameters": None,
        "allowVolumeExpansion": None,
    }
    rules = {
        "resources": [os.path.relpath(PRODUCTION, folder)],
        "components": [os.path.relpath(FAST, folder)],
        "patches": [{"patch": json.dumps(static)}],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(rules))
    return folder


def volume(node: Node, number: int) -> dict[str, Any]:
    """An empty volume on a node's disk, as large as the claims of the overlay."""
    folder = node.volumes / f"fast-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node.name]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"fast-{node.name}-{number}"},
        "spec": {
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOncePod"],
            "storageClassName": CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }
