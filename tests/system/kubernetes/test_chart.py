"""The chart on a real Kubernetes: install, test, upgrade, rollback, uninstall with the claims kept, and again."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kubernetes import helm as helms
from tests.kubernetes.database import Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.shared import full
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import ClusterError, wait
from tests.support.manifests import helm
from tests.support.manifests.helm import CHART

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1800), full]

RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}

LAB = f"--values={CHART / 'values-lab.yaml'}"

SMALL = (
    *("--set=resources.requests.cpu=50m", "--set=resources.requests.memory=256Mi"),
    *("--set=resources.limits.cpu=1", "--set=resources.limits.memory=768Mi"),
    *("--set=minReadySeconds=0", "--set=persistence.size=1Gi", "--set=auth.username=app", "--set=auth.database=app"),
)
"""Small members with random secrets."""


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[Kubectl]:
    """An empty namespace that enforces *restricted*."""
    if helm.find() is None:
        pytest.skip(helm.MISSING)
    here = kubectl.in_namespace("galera-chart")
    Database(here).remove()
    metadata = {"name": here.namespace, "labels": RESTRICTED}
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield here
    Database(here).remove()


def database_of(namespace: Kubectl, release: str) -> Database:
    """The members of a release; the name of each release here ends with `galera`, so that all names begin with it."""
    selector = f"app.kubernetes.io/name=mysql,app.kubernetes.io/instance={release}"
    return Database(namespace, selector, name=release, secret=release)


def secret(kubectl: Kubectl, name: str) -> dict[str, Any]:
    """The values of a Secret, and who it is."""
    found = kubectl.get("secret", name)
    return {"uid": found["metadata"]["uid"], **found["data"]}


def connections(database: Database, ordinal: int) -> str:
    """The option that the upgrade changes."""
    return database.sql(f"{database.name}-{ordinal}", "SELECT @@max_connections")[0][0]


def test_a_release_is_installed_upgraded_rolled_back_uninstalled_and_installed_again(
    namespace: Kubectl, times: Times
) -> None:
    database = database_of(namespace, "galera")
    with times.measure("chart: helm install to 3 members Synced"):
        output = helms.run(namespace, "install", "galera", str(CHART), LAB)
        database.wait_synced(3)
    helms.run(namespace, "test", "galera", seconds=240)
    first = secret(namespace, "galera")

    assert "galera-writer:3306" in output
    with database.writer():
        database.wait_acknowledged(30)
        change = "--set=configuration=[mysqld]\nmax_connections = 123\n"
        with times.measure("chart: helm upgrade of the options, to 3 members updated"):
            helms.run(namespace, "upgrade", "galera", str(CHART), LAB, change, "--wait", "--timeout=8m", seconds=500)
            database.wait_synced(3)
        assert [connections(database, ordinal) for ordinal in range(3)] == ["123"] * 3
        helms.run(namespace, "rollback", "galera", "1", "--wait", "--timeout=8m", seconds=500)
        database.wait_synced(3)
        assert [connections(database, ordinal) for ordinal in range(3)] == ["100"] * 3
        database.wait_acknowledged(10)
    assert database.judge().complaints == []
    assert secret(namespace, "galera") == first

    claims = {one["metadata"]["uid"] for one in namespace.get("pvc")["items"]}
    helms.run(namespace, "uninstall", "galera", "--wait", "--timeout=5m", seconds=330)
    wait("the end of all members", lambda: database.pods() == [], seconds=200)
    assert {one["metadata"]["uid"] for one in namespace.get("pvc")["items"]} == claims
    assert secret(namespace, "galera") == first

    with times.measure("chart: helm install on the volumes that are there, to 3 members Synced"):
        helms.run(namespace, "install", "galera", str(CHART), LAB)
        database.wait_synced(3)
    verdict = database.judge()
    assert verdict.complaints == []
    assert verdict.expected >= 40
    assert secret(namespace, "galera") == first


def test_random_secrets_and_certificates_are_made_once_and_a_release_without_its_secret_is_not_upgraded(
    namespace: Kubectl,
) -> None:
    """One member becomes three: the others get all data by TLS, with the certificate that the chart has made."""
    database = database_of(namespace, "galera")
    words = ("galera", str(CHART), *SMALL, "--set=tls.enabled=true")
    helms.run(namespace, "install", *words, "--set=replicaCount=1")
    database.wait_synced(1)
    first, certificate = secret(namespace, "galera"), secret(namespace, "galera-tls")

    helms.run(namespace, "upgrade", *words, "--set=replicaCount=3")
    database.wait_synced(3)
    helms.run(namespace, "test", "galera", seconds=240)
    database.delete_all_pods()
    database.wait_synced(3)

    assert (secret(namespace, "galera"), secret(namespace, "galera-tls")) == (first, certificate)
    assert database.sql("galera-2", "SELECT @@have_ssl")[0][0] == "YES"
    namespace("delete", "secret", "galera")
    with pytest.raises(ClusterError, match="the Secret galera of this release is gone"):
        helms.run(namespace, "upgrade", *words, "--set=replicaCount=3")
