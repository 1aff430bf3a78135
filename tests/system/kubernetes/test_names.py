"""Two clusters in one namespace: under names of their own they start, lose all pods together, and come back apart."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.database import Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.overlay import OVERLAY
from tests.kubernetes.shared import full
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import wait

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1800), full]

NAMESPACE = "galera-two"

LABEL = "app.kubernetes.io/instance"

RECIPE = {
    "namePrefix": "shop-",
    "nameSuffix": "-eu",
    "labels": [{"includeSelectors": True, "pairs": {LABEL: "shop"}}],
}
"""As in docs/manifests.md."""

OWN_ID = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "galera"}, "stringData": {"cluster-id": "shop"}}


def members(instance: str) -> str:
    """The selector of a cluster's pods."""
    return f"app.kubernetes.io/name=mysql,{LABEL}={instance}"


@pytest.fixture
def both(kubectl: Kubectl, tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    """The lab's members, and those of another cluster beside them."""
    here = kubectl.in_namespace(NAMESPACE)
    plain = Database(here, members("mysql"))
    named = Database(here, members("shop"), name="shop-mysql-eu", secret="shop-galera-eu")  # a name
    plain.remove()
    for database, rules in ((plain, {}), (named, {**RECIPE, "patches": [{"patch": json.dumps(OWN_ID)}]})):
        folder = tmp_path / database.name
        folder.mkdir()
        base = {"namespace": NAMESPACE, "resources": [os.path.relpath(OVERLAY, folder)]}
        (folder / "kustomization.yaml").write_text(json.dumps({**base, **rules}))
        database.apply(folder)
    yield plain, named
    plain.remove()


def addresses(kubectl: Kubectl, service: str) -> set[str]:
    """The names of the pods to which a Service sends clients."""
    slices = kubectl.get("endpointslices", f"--selector=kubernetes.io/service-name={service}")["items"]
    return {end["targetRef"]["name"] for one in slices for end in one.get("endpoints") or ()}


def wait_addresses(kubectl: Kubectl, service: str, wanted: set[str]) -> None:
    """Wait until a Service sends clients to exactly these pods: its controller is some moments behind."""
    wait(f"{wanted} behind {service}", lambda: addresses(kubectl, service) == wanted, seconds=60)


def test_two_clusters_in_one_namespace_lose_all_pods_together_and_come_back_apart(
    both: tuple[Database, Database], times: Times
) -> None:
    with times.measure("two clusters in one namespace: apply to 3 and 3 members Synced"):
        for database in both:
            database.wait_synced(3)
    uuids = [database.status(f"{database.name}-0", "wsrep_cluster_state_uuid") for database in both]
    for database in both:
        with database.writer():
            database.wait_acknowledged(30)

    for database in both:
        database.delete_all_pods()
    with times.measure("two clusters in one namespace: all pods deleted by force, to 3 and 3 members Synced"):
        for database in both:
            database.wait_synced(3)

    assert uuids[0] != uuids[1]
    for database, uuid in zip(both, uuids, strict=True):
        verdict = database.judge()
        assert verdict.complaints == []
        assert verdict.expected >= 30
        assert set(verdict.uuids.values()) == {uuid}
        pods = {f"{database.name}-{ordinal}" for ordinal in range(3)}
        writer = "mysql-writer" if database.name == "mysql" else "shop-mysql-writer-eu"
        for service, wanted in ((database.name, pods), (writer, {f"{database.name}-0"})):
            wait_addresses(database.kubectl, service, wanted)
        assert database.answers(f"{database.name}-1").keys() == pods
