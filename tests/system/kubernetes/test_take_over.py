"""Another Galera cluster's claims are taken over in place by the chart, with the values of the page of their origin."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes import helm as helms
from tests.kubernetes.database import Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.pods.foreign import ROOT_PASSWORD, Foreign
from tests.kubernetes.shared import full
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import wait
from tests.support.manifests import helm
from tests.support.manifests.built import parse
from tests.support.manifests.helm import CHART
from tests.support.manifests.take_over import read_blocks, read_values

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1500), full]

SECRET = {
    "root-password": ROOT_PASSWORD,
    **{key: f"random-{key}-random" for key in ("exchange-key", "cluster-id", "agent-password", "sst-password")},
}

CREATE = "CREATE DATABASE shop; CREATE TABLE shop.items (id INT PRIMARY KEY, name TEXT)"


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[Kubectl]:
    """An empty namespace with the Secret that the pages make."""
    if helm.find() is None:
        pytest.skip(helm.MISSING)
    here = kubectl.in_namespace("taken-over")
    Database(here).remove()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "galera"}, "stringData": SECRET}
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": here.namespace}})
    here.apply(secret)
    yield here
    Database(here).remove()


def values_of(page: str, folder: Path) -> Path:
    """The values that a page tells its reader to save."""
    path = folder / "values.yaml"
    path.write_text(read_values(page))
    return path


def write_rows(foreign: Foreign, count: int) -> None:
    """Write rows through one member, each acknowledged."""
    foreign.sql(0, CREATE)
    foreign.sql(0, f"INSERT INTO shop.items SELECT seq, CONCAT('item ', seq) FROM shop.seq_1_to_{count}")


def assert_taken_over(database: Database, history: str, rows: int, claims: set[str]) -> None:
    """Check that all rows are on every member, in the old history, on the old volumes."""
    database.wait_synced(3)
    for ordinal in range(3):
        pod = f"{database.name}-{ordinal}"
        ask = "SET SESSION wsrep_sync_wait=1; SELECT COUNT(*) FROM shop.items"
        assert database.sql(pod, ask) == [[str(rows)]]
        assert database.status(pod, "wsrep_cluster_state_uuid") == history
    assert {one["metadata"]["uid"] for one in database.kubectl.get("pvc")["items"]} == claims


def members(namespace: Kubectl, release: str, name: str) -> Database:
    """Those of the release that takes over."""
    selector = f"app.kubernetes.io/name=mysql,app.kubernetes.io/instance={release}"
    return Database(namespace, selector, name=name)


def uids_of_claims(namespace: Kubectl) -> set[str]:
    return {one["metadata"]["uid"] for one in namespace.get("pvc")["items"]}


def go_back(namespace: Kubectl, name: str) -> None:
    """Stop the new set as the page says: ordinal 0 is the last one."""
    left = [f"pod/{name}-{ordinal}" for ordinal in (2, 1)]
    for replicas, pods in ((1, left), (0, [f"pod/{name}-0"])):
        namespace("scale", f"statefulset/{name}", f"--replicas={replicas}")
        namespace("wait", "--for=delete", *pods, "--timeout=10m", seconds=610)
    helms.run(namespace, "uninstall", "shop")


def inspect(namespace: Kubectl) -> str:
    """Look at the volume of ordinal 0 as the common page says; returns what is printed."""
    (pod,) = [parse(one)[0] for one in read_blocks("README") if one.startswith("# inspect.yaml")]
    options = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "inspect-options"}}
    namespace.apply(options | {"data": {"server.cnf": "[mysqld]\nlog_bin = mysql-bin\n"}}, pod)

    def has_ended() -> bool:
        return namespace("get", "pod/inspect", "-o", "jsonpath={.status.phase}") in ("Succeeded", "Failed")

    wait("the end of `inspect`", has_ended, seconds=240)
    log = namespace("logs", "inspect")
    namespace("delete", "pod/inspect", "configmap/inspect-options")
    return log


def test_claims_of_the_bitnami_layout_are_taken_over_after_a_stop_in_order_and_go_back(
    namespace: Kubectl, tmp_path: Path, times: Times
) -> None:
    name = "shop-mariadb-galera"
    foreign = Foreign(namespace, name, claim="data", mount="/bitnami/mariadb", place="data", uid=1001)
    foreign.up()
    write_rows(foreign, 1000)
    history = foreign.history()
    claims = uids_of_claims(namespace)
    foreign.stop()
    assert "nothing: a start makes the accounts, and takes it over" in inspect(namespace)

    database = members(namespace, "shop", name)
    with times.measure("take over of a Bitnami layout: helm install to 3 members Synced"):
        helms.run(namespace, "install", "shop", str(CHART), f"--values={values_of('from-bitnami', tmp_path)}")
        assert_taken_over(database, history, 1000, claims)
    database.delete_all_pods()
    assert_taken_over(database, history, 1000, claims)

    database.sql(f"{name}-1", "INSERT INTO shop.items VALUES (1001, 'written here')")
    go_back(namespace, name)
    foreign.up()
    assert (foreign.history(), foreign.sql(2, "SELECT COUNT(*) FROM shop.items")) == (history, ["1001"])


def test_claims_with_the_datadir_at_their_root_are_taken_over_after_a_kill(
    namespace: Kubectl, tmp_path: Path, times: Times
) -> None:
    foreign = Foreign(namespace, "db", claim="mysql", mount="/var/lib/mysql", place=".", uid=999)
    foreign.up()
    write_rows(foreign, 500)
    history = foreign.history()
    claims = uids_of_claims(namespace)
    foreign.kill()
    wait("the end of the old pods", lambda: not namespace.get("pods", "--selector=app=db")["items"], seconds=60)

    database = members(namespace, "db", "db")
    more = "--set=configuration=[mysqld]\nlog_bin=mysql-bin\n"
    with times.measure("take over of a datadir at the root of killed volumes: helm install to 3 members Synced"):
        helms.run(namespace, "install", "db", str(CHART), f"--values={values_of('from-hand-made', tmp_path)}", more)
        assert_taken_over(database, history, 500, claims)
