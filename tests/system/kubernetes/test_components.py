"""The other kinds of storage, and the examples that run beside a database."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.database import Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.overlay import NAMESPACE, OVERLAY
from tests.kubernetes.shared import full
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import wait

pytestmark = [pytest.mark.galera, pytest.mark.images, full]

MANIFESTS = OVERLAY.parents[1]
MEMBER_UID = 65532

With = Callable[..., Database]
"""Applies the lab with a component and patches, without waiting for it."""


@pytest.fixture
def lab(kubectl: Kubectl, tmp_path: Path) -> Iterator[With]:
    database = Database(kubectl.in_namespace(NAMESPACE))
    database.remove()

    def apply(component: str, *patches: Mapping[str, Any]) -> Database:
        # Kustomize takes no absolute paths.
        rules = {
            "resources": [os.path.relpath(OVERLAY, tmp_path)],
            "components": [os.path.relpath(MANIFESTS / "components" / component, tmp_path)],
            "patches": [{"patch": json.dumps(patch)} for patch in patches],
        }
        (tmp_path / "kustomization.yaml").write_text(json.dumps(rules))
        database.apply(tmp_path)
        return database

    yield apply
    database.remove()


def test_data_in_an_emptydir_outlive_a_container_and_are_copied_to_a_new_pod(
    own_cluster: Cluster, lab: With, times: Times
) -> None:
    database = lab("storage-emptydir")
    with times.measure("components/storage-emptydir: apply to 3 members Synced"):
        database.wait_synced(3)
    with database.writer():
        database.wait_acknowledged(50)
        own_cluster.nodes[0].kill([database.containers("mysql")["mysql-1"]])
        database.wait_restarts({"mysql-1": 0})
        database.wait_synced(3)
        with times.measure("components/storage-emptydir: a member deleted, to 3 members Synced"):
            database.kubectl("delete", "pod", "mysql-2", "--timeout=180s", seconds=180)
            database.wait_synced(3)

    assert database.judge().complaints == []
    assert database.kubectl("get", "pvc", "--output=name") == ""


def test_folders_of_a_node_are_volumes_that_outlive_all_pods(own_cluster: Cluster, lab: With, times: Times) -> None:
    """As the component's comment says, the folders are made before, for the uid of the members."""
    node = own_cluster.nodes[0]
    patches = []
    for number in range(3):
        folder = node.volumes / f"hostpath-{number}"
        folder.mkdir(mode=0o770)
        os.chown(folder, MEMBER_UID, MEMBER_UID)
        # Not in /srv of the machine that runs the tests.
        patches.append(volume_at(f"galera-hostpath-{number}", folder))
    database = lab("storage-static-hostpath", *patches)
    try:
        with times.measure("components/storage-static-hostpath: apply to 3 members Synced"):
            database.wait_synced(3)
        with database.writer():
            database.wait_acknowledged(50)
            database.delete_all_pods()
            database.wait_synced(3)

        assert database.judge().complaints == []
        assert {database.volume(f"mysql-{k}") for k in range(3)} == {f"galera-hostpath-{k}" for k in range(3)}
        assert (node.volumes / "hostpath-0" / "meta").is_dir()
    finally:
        database.remove()
        database.kubectl("delete", "pv", *(f"galera-hostpath-{k}" for k in range(3)))


def test_an_application_waits_for_the_names_of_its_database_and_then_queries_it(lab: With) -> None:
    """The unchanged examples: the application starts first, and a proxy's list is written from the members' names."""
    database = lab(
        "storage-emptydir",
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "mysql"}, "spec": {"replicas": 0}},
    )
    kubectl = database.kubectl
    kubectl("apply", f"--kustomize={MANIFESTS / 'examples/wait-for-dependency'}")
    wait("the application's pods", lambda: is_application_waiting(kubectl), seconds=120)

    database.scale(3)
    kubectl.wait("deployment/shop", "condition=Available", seconds=120)
    database.wait_synced(3)
    names = kubectl("logs", "deployment/shop", "--container=wait")
    assert all(f"mysql-{k}.galera.{NAMESPACE}.svc.cluster.local" in names for k in range(3))
    wait("an answer of the database", lambda: "now()" in kubectl("logs", "deployment/shop"), seconds=120)

    kubectl("apply", f"--kustomize={MANIFESTS / 'examples/configure'}")
    kubectl.wait("pod/configured", "condition=Ready", seconds=120)
    wait("the list", lambda: kubectl("logs", "configured", "--container=main").startswith("upstreams:"), seconds=60)
    members = [f"  - mysql-{k}.galera.{NAMESPACE}.svc.cluster.local:3306" for k in range(3)]
    assert kubectl("logs", "configured", "--container=main").splitlines() == ["upstreams:", *members]


def is_application_waiting(kubectl: Kubectl) -> bool:
    """Whether the application's init containers run, and log why they wait."""
    pods = kubectl.get("pods", "--selector=app.kubernetes.io/name=shop")["items"]
    running = [s for pod in pods for s in pod["status"].get("initContainerStatuses", ()) if "running" in s["state"]]
    return len(running) == 2 and "the peers are unknown" in kubectl("logs", "deployment/shop", "--container=wait")


def volume_at(name: str, folder: Path) -> dict[str, Any]:
    """A patch of a volume's path."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {"hostPath": {"path": str(folder)}},
    }
