"""Other manifests than the lab's: the one of 2017, and manifests with a mistake, where a log must say how to fix it."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.database import Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.overlay import OVERLAY
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import wait

pytestmark = [pytest.mark.galera, pytest.mark.images]

EXAMPLES = OVERLAY.parents[1] / "examples"

Patch = Mapping[str, Any]


def patch_of(version: str, kind: str, name: str, spec: Mapping[str, Any]) -> Patch:
    """A patch of an object's specification."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def members(**spec: object) -> Patch:
    """A patch of the set."""
    return patch_of("apps/v1", "StatefulSet", "mysql", spec)


def settings(**values: str) -> Patch:
    """A patch of the settings that the commands read."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "galera-settings"}, "data": values}


def flag(option: str) -> Patch:
    """A patch with another option of peer-finder, with the whole list of init containers as in docs/manifests.md."""
    hook = "-on-start=/work-dir/galera-bootstrap on-start"
    bootstrap = {"name": "bootstrap", "command": ["/work-dir/peer-finder", "-service=galera", option, hook]}
    return members(template={"spec": {"initContainers": [{"name": "install"}, {"name": "agent"}, bootstrap]}})


ONE = members(replicas=1)
"""A patch: one pod is enough to see a mistake, although three are expected."""

ALONE = (ONE, settings(GALERA_BOOTSTRAP_REPLICAS="1"))
"""Patches: one pod, which expects no other."""

WITHOUT = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "galera"}, "$patch": "delete"}

MISTAKES: Mapping[str, tuple[Patch, ...]] = {
    "ordered": (members(podManagementPolicy="OrderedReady"),),
    "hidden": (ONE, patch_of("v1", "Service", "galera", {"publishNotReadyAddresses": False})),
    "service-flag": (ONE, flag("-service=nobody")),
    "domain-flag": (ONE, flag("-domain=other.cluster.local")),
    "service-of-the-set": (ONE, members(serviceName="mysql")),
    "service-name": (ONE, settings(GALERA_BOOTSTRAP_SERVICE="nobody")),
    # peer-finder asks for another Service than the agent.
    "service-setting": (ONE, flag("-exit-status=hook"), settings(GALERA_BOOTSTRAP_SERVICE="nobody")),
    "secret": (*ALONE, WITHOUT),
}
"""Namespace, without its prefix `mistake-` -> the patches that make the mistake."""

SLOW = 180.0
"""Seconds that a line may take to appear: all mistakes start at the same time."""


@pytest.fixture(scope="module")
def mistaken(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Database]]:
    """The lab with each mistake, without waiting for any."""
    databases = {name: Database(kubectl.in_namespace(f"mistake-{name}")) for name in MISTAKES}
    namespaces = [database.kubectl.namespace for database in databases.values()]
    kubectl("delete", "namespace", *namespaces, "--ignore-not-found", "--timeout=150s", seconds=150)
    for name, database in databases.items():
        database.apply(write_overlay(tmp_path_factory.mktemp(name), database, MISTAKES[name]))
    yield databases
    kubectl("delete", "namespace", *namespaces, "--wait=false")


def write_overlay(folder: Path, database: Database, patches: Sequence[Patch]) -> Path:
    """Write an overlay: the lab in the database's namespace, with patches; returns its folder."""
    # Kustomize takes no absolute paths.
    rules = {"resources": [os.path.relpath(OVERLAY, folder)], "namespace": database.kubectl.namespace}
    (folder / "kustomization.yaml").write_text(
        json.dumps({**rules, "patches": [{"patch": json.dumps(patch)} for patch in patches]})
    )
    return folder


def test_the_manifest_of_2017_starts_and_survives_the_deletion_of_all_pods(kubectl: Kubectl, times: Times) -> None:
    database = Database(kubectl.in_namespace("galera-2017"), members="app=mysql")
    database.remove()
    with times.measure("manifest of 2017: apply to 3 members Synced"):
        database.apply(EXAMPLES / "petset-2017")
        database.wait_synced(3)
    database.sql("mysql-0", "CREATE DATABASE kept; CREATE TABLE kept.kept (id INT PRIMARY KEY)")
    database.sql("mysql-0", "INSERT INTO kept.kept VALUES (7)")
    cluster = database.status("mysql-0", "wsrep_cluster_state_uuid")

    with times.measure("manifest of 2017: all pods deleted by force, to 3 members Synced"):
        database.kubectl("delete", "pod", "--selector=app=mysql", "--force", "--grace-period=0", "--wait=false")
        database.wait_synced(3)

    for pod in ("mysql-0", "mysql-1", "mysql-2"):
        assert database.sql(pod, "SELECT id FROM kept.kept") == [["7"]]
        assert database.status(pod, "wsrep_cluster_state_uuid") == cluster
    database.remove()


def test_a_set_that_starts_members_in_order_waits_and_names_the_missing_members_and_the_fix(
    mistaken: Mapping[str, Database],
) -> None:
    database = mistaken["ordered"]

    database.wait_log("mysql-0", "agent", r"wait: .*mysql-1.*mysql-2.*; .*must be Parallel", seconds=SLOW)

    assert len(database.pods()) == 1


@pytest.mark.parametrize(
    ("mistake", "container", "fix"),
    [
        ("hidden", "bootstrap", "sets? publishNotReadyAddresses: true"),
        ("service-flag", "bootstrap", r"knows no name nobody\..*; check -service, -ns and -domain"),
        ("service-name", "bootstrap", r"knows no name nobody\..*; check -service, -ns and -domain"),
        ("domain-flag", "bootstrap", r"knows no name galera\..*; check -service, -ns and -domain"),
        # Then pods have no names of their own.
        ("service-of-the-set", "bootstrap", "serviceName must be the Service of -service"),
        ("service-setting", "agent", r"mysql-1\.nobody\.\S+ has no address\).*; .*GALERA_BOOTSTRAP_SERVICE must be"),
    ],
)
def test_a_mistake_is_logged_with_its_fix(
    mistaken: Mapping[str, Database], mistake: str, container: str, fix: str
) -> None:
    mistaken[mistake].wait_log("mysql-0", container, fix, seconds=SLOW)


def test_without_its_secret_no_container_starts_and_an_event_names_it(
    mistaken: Mapping[str, Database], tmp_path: Path
) -> None:
    database = mistaken["secret"]

    wait_event(database, 'secret "galera" not found')
    assert {pod["status"]["phase"] for pod in database.pods()} == {"Pending"}

    database.apply(write_overlay(tmp_path, database, ALONE))
    database.wait_synced(1, seconds=240)


def wait_event(database: Database, text: str) -> None:
    """Wait until an event of the namespace contains this text."""
    wait(text, lambda: text in database.kubectl("get", "events", "--output=custom-columns=M:.message"), seconds=120)
