"""components/metrics/mysqld-exporter beside real members: its account and Secret as on the page, and a scrape."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.overlay import NAMESPACE, Overlay
from tests.kubernetes.pods.policy_attempts import address_of, find_reachable, listener
from tests.kubernetes.shared import full
from tests.kubernetes.times import Times
from tests.support.bootstrap.metrics import Metrics, parse_metrics
from tests.support.exporter import CONTAINER, PROGRAM, read_file, read_statements
from tests.support.go_program import NoGoError

pytestmark = [pytest.mark.galera, pytest.mark.images, full]

COMPONENT = "metrics/mysqld-exporter"

MONITORING, SCRAPER, PORT = "monitoring", "scraper", 9104

RECIPE = """\
FROM scratch
COPY mysqld_exporter /bin/mysqld_exporter
USER 65534
ENTRYPOINT ["/bin/mysqld_exporter"]
"""
"""As its own image, whose program is built in the same way."""


@pytest.fixture(scope="module")
def cluster(own_cluster: Cluster) -> Cluster:
    """The cluster, with the exporter's image on its nodes under the name in the manifest."""
    try:
        program = PROGRAM.ensure_built()
    except (NoGoError, subprocess.CalledProcessError) as exc:
        pytest.skip(f"NOT TESTED: mysqld_exporter: {exc}")
    own_cluster.make_image(CONTAINER["image"], RECIPE, Path(program))
    return own_cluster


@pytest.fixture
def scraper(cluster: Cluster) -> Iterator[Kubectl]:
    """A pod in the namespace of Prometheus, and one in another."""
    inside = cluster.kubectl.in_namespace(MONITORING)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": MONITORING}}
    cluster.kubectl.apply(namespace)
    inside.apply(listener(SCRAPER, {}))
    cluster.kubectl.apply(listener(SCRAPER, {}))
    for where in (inside, cluster.kubectl):
        where.wait(f"pod/{SCRAPER}", "condition=Ready", seconds=120)
    yield inside
    for where in (inside, cluster.kubectl):
        where("delete", "pod", SCRAPER, "--wait=false")
    cluster.kubectl("delete", "namespace", MONITORING, "--wait=false")


def read(scraper: Kubectl, host: str) -> Metrics:
    """What the exporter of a pod answers to the scraper."""
    # Its own end must stay open: a server in Go gives a request up whose client has closed.
    ask = 'exec 3<>"/dev/tcp/$0/$1"; printf "GET /metrics HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3'
    answer = scraper("exec", SCRAPER, "--", "bash", "-c", ask, host, str(PORT), seconds=120)
    head, _, text = answer.replace("\r\n", "\n").partition("\n\n")
    assert head.startswith("HTTP/1.0 200"), head
    return parse_metrics(text)


def test_prometheus_reads_each_member_s_server_and_nobody_else_does(
    cluster: Cluster, overlay: Overlay, scraper: Kubectl, times: Times
) -> None:
    overlay.apply()
    database = overlay.database
    database.wait_synced(3)
    for statement in read_statements():
        database.sql("mysql-0", statement)
    database.kubectl.apply(make_secret())
    with database.writer():
        database.wait_acknowledged(20)
        with times.measure("components/metrics/mysqld-exporter: added by a rolling update"):
            overlay.apply(components=(COMPONENT,))
            database.kubectl("rollout", "status", "statefulset/mysql", "--timeout=600s", seconds=620)
        database.wait_synced(3)
        database.wait_acknowledged(20)
    assert database.judge().complaints == []

    members = {pod: address_of(database.kubectl, pod) for pod in ("mysql-0", "mysql-1", "mysql-2")}
    for host in (f"galera-exporter.{NAMESPACE}.svc.cluster.local", *members.values()):
        found = read(scraper, host)
        assert found["mysql_up",] == 1, [
            database.kubectl("logs", pod, "--container=mysqld-exporter") for pod in members
        ]
        assert found["mysql_global_status_wsrep_cluster_size",] == 3
        assert not [name for name, value in found.items() if name[0].endswith("collector_success") and not value]
    if cluster.policies:
        places = {pod: f"{address}:{PORT}" for pod, address in members.items()}
        assert find_reachable(scraper, SCRAPER, places) == set(places)
        assert find_reachable(cluster.kubectl, SCRAPER, places) == set()


def make_secret() -> dict[str, object]:
    """The Secret of the page."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "galera-exporter"},
        "stringData": {"my.cnf": read_file()},
    }
