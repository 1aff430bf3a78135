"""Other forms than the lab's: the manifest of 2017, and manifests with a mistake, which must name their cure."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import NAMESPACE, OVERLAY
from tests.cluster.database import Database
from tests.cluster.kubectl import Kubectl
from tests.cluster.times import Times
from tests.cluster.waiting import wait

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(600)]

EXAMPLES = OVERLAY.parents[1] / "examples"

Mistaken = Callable[..., Database]
"""Makes the lab with patches, which are not waited for."""


@pytest.fixture
def mistaken(kubectl: Kubectl, tmp_path: Path) -> Iterator[Mistaken]:
    database = Database(kubectl.within(NAMESPACE))
    database.remove()

    def made(*patches: Mapping[str, Any]) -> Database:
        # Kustomize takes no absolute paths.
        overlay = os.path.relpath(OVERLAY, tmp_path)
        rules = {"resources": [overlay], "patches": [{"patch": json.dumps(patch)} for patch in patches]}
        (tmp_path / "kustomization.yaml").write_text(json.dumps(rules))
        database.apply(tmp_path)
        return database

    yield made
    database.remove()


def test_the_manifest_of_2017_starts_and_survives_the_deletion_of_all_pods(kubectl: Kubectl, times: Times) -> None:
    database = Database(kubectl.within("galera-2017"), members="app=mysql")
    database.remove()
    with times.of("manifest of 2017: apply to 3 members Synced"):
        database.apply(EXAMPLES / "petset-2017")
        database.wait_synced(3)
    database.sql("mysql-0", "CREATE DATABASE kept; CREATE TABLE kept.kept (id INT PRIMARY KEY)")
    database.sql("mysql-0", "INSERT INTO kept.kept VALUES (7)")
    cluster = database.status("mysql-0", "wsrep_cluster_state_uuid")

    with times.of("manifest of 2017: all pods deleted by force, to 3 members Synced"):
        database.kubectl("delete", "pod", "--selector=app=mysql", "--force", "--grace-period=0", "--wait=false")
        database.wait_synced(3)

    for pod in ("mysql-0", "mysql-1", "mysql-2"):
        assert database.sql(pod, "SELECT id FROM kept.kept") == [["7"]]
        assert database.status(pod, "wsrep_cluster_state_uuid") == cluster
    database.remove()


def test_one_member_after_the_other_waits_and_names_who_is_missing(mistaken: Mistaken) -> None:
    database = mistaken(changed("apps/v1", "StatefulSet", "mysql", {"podManagementPolicy": "OrderedReady"}))

    database.wait_log("mysql-0", "agent", r"wait: .*mysql-1.*mysql-2")

    assert len(database.pods()) == 1


def test_without_unready_addresses_the_bootstrap_container_names_the_cure(mistaken: Mistaken) -> None:
    database = mistaken(changed("v1", "Service", "galera", {"publishNotReadyAddresses": False}))

    database.wait_log("mysql-0", "bootstrap", "sets? publishNotReadyAddresses: true")


def test_without_its_secret_no_container_starts_and_an_event_names_it(mistaken: Mistaken) -> None:
    database = mistaken({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "galera"}, "$patch": "delete"})

    wait_event(database, 'secret "galera" not found')
    assert {pod["status"]["phase"] for pod in database.pods()} == {"Pending"}

    database.apply(OVERLAY)
    database.wait_synced(3, seconds=240)


def changed(version: str, kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """A patch of an object's specification."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def wait_event(database: Database, text: str) -> None:
    """Until an event of the namespace says this."""
    wait(text, lambda: text in database.kubectl("get", "events", "--output=custom-columns=M:.message"), seconds=60)
