"""Other forms than the lab's: the manifest of 2017, and manifests with a mistake, which must name their cure."""

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

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1200)]

EXAMPLES = OVERLAY.parents[1] / "examples"

Patch = Mapping[str, Any]


def changed(version: str, kind: str, name: str, spec: Mapping[str, Any]) -> Patch:
    """A patch of an object's specification."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def members(**spec: object) -> Patch:
    """A patch of the set."""
    return changed("apps/v1", "StatefulSet", "mysql", spec)


def settings(**words: str) -> Patch:
    """A patch of what the commands read."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "galera-settings"}, "data": words}


def flag(word: str) -> Patch:
    """Another word in peer-finder's command line, in its list of init containers as docs/manifests.md says."""
    hook = "-on-start=/work-dir/galera-bootstrap on-start"
    bootstrap = {"name": "bootstrap", "command": ["/work-dir/peer-finder", "-service=galera", word, hook]}
    return members(template={"spec": {"initContainers": [{"name": "install"}, {"name": "agent"}, bootstrap]}})


ONE = members(replicas=1)
"""What is wrong shows in one pod, although three are expected."""

ALONE = (ONE, settings(GALERA_BOOTSTRAP_REPLICAS="1"))
"""One pod, which expects no other."""

WITHOUT = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "galera"}, "$patch": "delete"}

MISTAKES: Mapping[str, tuple[Patch, ...]] = {
    "ordered": (members(podManagementPolicy="OrderedReady"),),
    "hidden": (ONE, changed("v1", "Service", "galera", {"publishNotReadyAddresses": False})),
    "service-flag": (ONE, flag("-service=nobody")),
    "domain-flag": (ONE, flag("-domain=other.cluster.local")),
    "service-of-the-set": (ONE, members(serviceName="mysql")),
    "service-setting": (ONE, settings(GALERA_BOOTSTRAP_SERVICE="nobody")),
    "secret": (*ALONE, WITHOUT),
}
"""What is wrong, by the name of a namespace, which begins with `mistake-`."""

SLOW = 180.0
"""Seconds that a line may take to appear: all mistakes start at the same time."""


@pytest.fixture(scope="module")
def mistaken(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Database]]:
    """The lab with each mistake, none waited for."""
    made = {name: Database(kubectl.within(f"mistake-{name}")) for name in MISTAKES}
    namespaces = [database.kubectl.namespace for database in made.values()]
    kubectl("delete", "namespace", *namespaces, "--ignore-not-found", "--timeout=150s", seconds=150)
    for name, database in made.items():
        database.apply(patched(tmp_path_factory.mktemp(name), database, MISTAKES[name]))
    yield made
    kubectl("delete", "namespace", *namespaces, "--wait=false")


def patched(folder: Path, database: Database, patches: Sequence[Patch]) -> Path:
    """The lab in the database's namespace, with patches."""
    # Kustomize takes no absolute paths.
    rules = {"resources": [os.path.relpath(OVERLAY, folder)], "namespace": database.kubectl.namespace}
    (folder / "kustomization.yaml").write_text(
        json.dumps({**rules, "patches": [{"patch": json.dumps(patch)} for patch in patches]})
    )
    return folder


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


def test_one_member_after_the_other_waits_and_names_missing_and_cure(mistaken: Mapping[str, Database]) -> None:
    database = mistaken["ordered"]

    database.wait_log("mysql-0", "agent", r"wait: .*mysql-1.*mysql-2.*; .*must be Parallel", seconds=SLOW)

    assert len(database.pods()) == 1


@pytest.mark.parametrize(
    ("mistake", "container", "cure"),
    [
        ("hidden", "bootstrap", "sets? publishNotReadyAddresses: true"),
        ("service-flag", "bootstrap", r"knows no name nobody\..*; check -service, -ns and -domain"),
        ("domain-flag", "bootstrap", r"knows no name galera\..*; check -service, -ns and -domain"),
        # Pods have no names of their own then.
        ("service-of-the-set", "bootstrap", "serviceName must be the Service of -service"),
        ("service-setting", "agent", r"mysql-1\.nobody\.\S+ has no address\).*; .*GALERA_BOOTSTRAP_SERVICE must be"),
    ],
)
def test_a_mistake_is_named_in_a_log_with_its_cure(
    mistaken: Mapping[str, Database], mistake: str, container: str, cure: str
) -> None:
    mistaken[mistake].wait_log("mysql-0", container, cure, seconds=SLOW)


def test_without_its_secret_no_container_starts_and_an_event_names_it(
    mistaken: Mapping[str, Database], tmp_path: Path
) -> None:
    database = mistaken["secret"]

    wait_event(database, 'secret "galera" not found')
    assert {pod["status"]["phase"] for pod in database.pods()} == {"Pending"}

    database.apply(patched(tmp_path, database, ALONE))
    database.wait_synced(1, seconds=240)


def wait_event(database: Database, text: str) -> None:
    """Until an event of the namespace says this."""
    wait(text, lambda: text in database.kubectl("get", "events", "--output=custom-columns=M:.message"), seconds=120)
