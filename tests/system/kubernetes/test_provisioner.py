"""manifests/components/storage-dynamic/fast on volumes that are made on demand.

The component is unchanged, except for the provisioner's name and parameters, which are those of a cloud.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.cluster import Cluster, why_unavailable
from tests.kubernetes.database import Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.machines import provisioner
from tests.kubernetes.overlay import OVERLAY
from tests.kubernetes.pods.policy_attempts import listener
from tests.kubernetes.shared import full
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import wait

pytestmark = [pytest.mark.galera, pytest.mark.images]

COMPONENT = OVERLAY.parents[1] / "components/storage-dynamic/fast"
NAMESPACE = "galera-dynamic"
CLASS = "galera-fast"


@pytest.fixture(scope="module")
def cluster(own_cluster: Cluster) -> Cluster:
    """A cluster that makes volumes on demand."""
    if not own_cluster.provisioner:
        pytest.skip(f"NOT TESTED: volumes on demand: {why_unavailable(provisioner=True)}")
    return own_cluster


@pytest.fixture(scope="module")
def dynamic(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, times: Times) -> Iterator[Database]:
    """Three Synced members with rows, whose volumes were made on demand."""
    database = Database(cluster.kubectl.in_namespace(NAMESPACE))
    with times.measure("volumes on demand: apply to 3 members Synced"):
        database.apply(write_overlay(tmp_path_factory.mktemp("overlay")))
        database.wait_synced(3)
    with database.writer():
        database.wait_acknowledged(50)
    yield database
    database.remove()


def test_a_claim_waits_for_its_pod_and_is_bound_on_demand(cluster: Cluster, dynamic: Database) -> None:
    cluster.kubectl.apply(claim("early", CLASS))
    assert wait_consumer_event(cluster.kubectl, "early")
    assert cluster.kubectl.get("pvc", "early")["status"]["phase"] == "Pending"
    cluster.kubectl("delete", "pvc", "early")

    for ordinal in range(3):
        found = dynamic.kubectl.get("pvc", f"datadir-mysql-{ordinal}")
        assert found["status"]["phase"] == "Bound"
        assert found["spec"]["accessModes"] == ["ReadWriteOncePod"]
        volume = dynamic.kubectl.get("pv", found["spec"]["volumeName"])
        assert volume["metadata"]["annotations"]["pv.kubernetes.io/provisioned-by"] == provisioner.NAME
        assert (folder_of(volume) / "data" / "grastate.dat").is_file()


def test_a_second_pod_does_not_get_the_volume_of_a_member(dynamic: Database) -> None:
    dynamic.kubectl.apply(second_pod("second", "datadir-mysql-1"))
    try:
        wait("a refusal of the second pod", lambda: why_unscheduled(dynamic.kubectl, "second"), seconds=120)
        assert "ReadWriteOncePod" in why_unscheduled(dynamic.kubectl, "second")
    finally:
        dynamic.kubectl("delete", "pod", "second", seconds=120)


@full
def test_scaling_up_binds_new_claims_and_scaling_down_keeps_them(dynamic: Database, times: Times) -> None:
    with dynamic.writer():
        with times.measure("volumes on demand: scaled from 3 to 4 members"):
            dynamic.scale(4)
            dynamic.wait_synced(4)
        added = dynamic.volume("mysql-3")
        dynamic.scale(3)
        dynamic.wait_synced(3)
        dynamic.scale(4)
        dynamic.wait_synced(4)
        dynamic.wait_acknowledged(10)

    assert dynamic.volume("mysql-3") == added
    assert dynamic.judge().complaints == []
    dynamic.scale(3)
    dynamic.wait_synced(3)


@full
def test_all_pods_are_deleted_by_force_and_the_successors_wait_for_their_volumes(dynamic: Database) -> None:
    """With ReadWriteOncePod, a successor must not get the volume before its predecessor has ended."""
    before = [dynamic.volume(f"mysql-{ordinal}") for ordinal in range(3)]
    with dynamic.writer():
        dynamic.wait_acknowledged(50)
        dynamic.delete_all_pods()
        dynamic.wait_synced(3)
        dynamic.wait_acknowledged(10)

    assert dynamic.judge().complaints == []
    assert [dynamic.volume(f"mysql-{ordinal}") for ordinal in range(3)] == before


def test_the_data_of_a_deleted_claim_stay(dynamic: Database) -> None:
    lost = dynamic.kubectl.get("pv", dynamic.volume("mysql-2"))

    dynamic.replace_volume("mysql-2")
    dynamic.wait_synced(3)

    assert dynamic.volume("mysql-2") != lost["metadata"]["name"]
    assert dynamic.kubectl.get("pv", lost["metadata"]["name"])["status"]["phase"] == "Released"
    assert (folder_of(lost) / "data" / "grastate.dat").is_file()
    assert dynamic.judge().complaints == []


def test_a_volume_of_a_class_that_deletes_is_removed_with_its_claim(cluster: Cluster) -> None:
    """It shows that Retain keeps the data in the other test, and not a provisioner that never deletes."""
    cluster.kubectl.apply(claim("brief", provisioner.CLASS), second_pod("brief", "brief"))
    cluster.kubectl.wait("pod/brief", "condition=Ready", seconds=180)
    folder = folder_of(cluster.kubectl.get("pv", cluster.kubectl.get("pvc", "brief")["spec"]["volumeName"]))
    assert folder.is_dir()

    cluster.kubectl("delete", "pod/brief", "pvc/brief", seconds=120)

    wait("removal of the folder", lambda: not folder.exists(), seconds=180)


def test_a_claim_cannot_grow_on_these_volumes(dynamic: Database) -> None:
    """The class allows it, and the API accepts it, but this cluster has no CSI driver with a resizer."""
    larger = {"spec": {"resources": {"requests": {"storage": "11Gi"}}}}

    dynamic.kubectl("patch", "pvc", "datadir-mysql-0", f"--patch={json.dumps(larger)}")

    wait(
        "the event of the refusal",
        lambda: "ExternalExpanding" in dynamic.kubectl("get", "events", "--output=jsonpath={.items[*].reason}"),
        seconds=120,
    )
    assert dynamic.kubectl.get("pvc", "datadir-mysql-0")["status"]["capacity"]["storage"] == "10Gi"


def write_overlay(folder: Path) -> Path:
    """Write an overlay: overlays/lab with the component, in a namespace of its own; returns its folder."""
    patch = [
        {"op": "replace", "path": "/provisioner", "value": provisioner.NAME},
        {"op": "remove", "path": "/parameters"},
    ]
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": NAMESPACE,
        "resources": [os.path.relpath(OVERLAY, folder.resolve())],
        "components": [os.path.relpath(COMPONENT, folder.resolve())],
        "patches": [{"patch": json.dumps(patch), "target": {"kind": "StorageClass", "name": CLASS}}],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization))  # JSON is YAML
    return folder


def claim(name: str, storage_class: str) -> dict[str, Any]:
    spec = {
        "storageClassName": storage_class,
        "accessModes": ["ReadWriteOncePod"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def second_pod(name: str, of: str) -> dict[str, Any]:
    """A pod that uses the volume of that claim."""
    pod = listener(name, {})
    pod["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": of}}]
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    return pod


def wait_consumer_event(kubectl: Kubectl, name: str) -> bool:
    """Wait for the event that a claim is not bound before there is a consumer."""

    def has_event() -> bool:
        return "WaitForFirstConsumer" in kubectl("get", "events", f"--field-selector=involvedObject.name={name}")

    return wait("WaitForFirstConsumer", has_event, seconds=60)


def why_unscheduled(kubectl: Kubectl, pod: str) -> str:
    """Why the scheduler has no node for a pod; empty until it has reported a reason."""
    conditions = kubectl.get("pod", pod)["status"].get("conditions", ())
    return next((c["message"] for c in conditions if c.get("reason") == "Unschedulable"), "")


def folder_of(volume: dict[str, Any]) -> Path:
    """The folder of a volume on the node's disk, which is a folder of this machine."""
    return Path(volume["spec"]["hostPath"]["path"])
