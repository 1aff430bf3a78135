"""TLS on a real Kubernetes: switched on while a client writes, certificates replaced, a transfer by mariabackup.

It also has the test of the component for metrics, which are for another namespace.
"""

from pathlib import Path

import pytest

from tests.kubernetes.cluster import Cluster, why_unavailable
from tests.kubernetes.database import UNNOTICED, Database
from tests.kubernetes.overlay import Overlay
from tests.kubernetes.pods.policy_attempts import address_of, find_reachable, listener
from tests.kubernetes.shared import full
from tests.kubernetes.times import Times
from tests.kubernetes.waiting import wait
from tests.support.authority import Authority

pytestmark = [pytest.mark.galera, pytest.mark.images, pytest.mark.timeout(1500), full]

SST_PASSWORD = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "galera"},
    "stringData": {"sst-password": "lab-lab-lab-lab-sst"},
}

ASK = "printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' | socat -t 5 - TCP:$0:8080"


def test_tls_is_switched_on_while_all_members_are_down_and_certificates_are_replaced_while_they_run(
    overlay: Overlay, times: Times, tmp_path: Path
) -> None:
    """The steps are those of docs/tls.md."""
    database, authority = overlay.database, Authority(tmp_path / "authority")
    overlay.apply(SST_PASSWORD)
    database.wait_synced(3)
    overlay.certificate(authority, "first")

    with database.writer():
        database.wait_acknowledged(30)
        with times.measure("components/tls on an existing cluster: all down, applied, 3 members Synced"):
            database.scale(0)
            overlay.apply(SST_PASSWORD, components=("tls", "metrics/plain"))
            database.wait_synced(3)
        database.wait_acknowledged(10)
    times.note("components/tls on an existing cluster: a client had no row acknowledged", database.longest_gap())
    for pod in ("mysql-0", "mysql-1", "mysql-2"):
        assert "socket.ssl = YES" in database.sql(pod, "SELECT @@wsrep_provider_options")[0][0]

    servers, before = database.containers("mysql"), end_of_certificate(database)
    with (
        database.writer(),
        times.measure("components/tls: certificates replaced in the Secret, until all servers have them"),
    ):
        authority.days = 60
        overlay.certificate(authority, "second")
        for pod in servers:
            database.wait_log(pod, "agent", "the server has loaded the new certificates", seconds=150)
        database.wait_acknowledged(10)
    assert end_of_certificate(database) != before
    assert database.containers("mysql") == servers

    with database.writer(), times.measure("components/tls: a member without its volume, by an encrypted mariabackup"):
        database.replace_volume("mysql-2")
        database.wait_synced(3)
    assert "mariabackup" in database.kubectl("logs", "mysql-2", "--container=mysql", "--tail=-1")

    assert database.longest_gap() < UNNOTICED
    assert database.judge().complaints == []
    database.delete_all_pods()
    database.wait_synced(3)
    assert database.judge().complaints == []


def end_of_certificate(database: Database) -> str:
    """The end of the certificate that the server of mysql-0 was given last, as its agent's metrics have it."""
    metrics = database.kubectl("exec", "mysql-0", "--container=mysql", "--", "sh", "-c", ASK, "localhost")
    (line,) = (one for one in metrics.splitlines() if one.startswith("galera_bootstrap_certificate_expiry"))
    return line


def test_only_the_monitoring_namespace_can_read_metrics(own_cluster: Cluster, overlay: Overlay) -> None:
    if not own_cluster.policies:
        pytest.skip(f"NOT TESTED: access to metrics: {why_unavailable(policies=True)}")
    database, monitoring = overlay.database, own_cluster.kubectl.in_namespace("monitoring")
    overlay.apply(components=("metrics/plain",))
    database.wait_synced(3)
    own_cluster.kubectl("create", "namespace", "monitoring")
    try:
        monitoring.apply(listener("prometheus", {}))
        database.kubectl.apply(listener("other", {"mysql-client": "true"}))
        for where, pod in ((monitoring, "prometheus"), (database.kubectl, "other")):
            where.wait(f"pod/{pod}", "condition=Ready", seconds=120)
        targets = {name: f"{address_of(database.kubectl, name)}:8080" for name in ("mysql-0", "mysql-1", "mysql-2")}

        wait("all targets", lambda: find_reachable(monitoring, "prometheus", targets) == set(targets), seconds=120)
        assert find_reachable(database.kubectl, "other", targets) == set()
        metrics = monitoring("exec", "prometheus", "--", "sh", "-c", ASK, targets["mysql-1"].partition(":")[0])
        assert 'galera_bootstrap_phase{phase="running"} 1' in metrics
        assert 'galera_bootstrap_exchange_up{peer="mysql-0"} 1' in metrics
        assert (
            f'galera_bootstrap_cluster_info{{uuid="{database.status("mysql-0", "wsrep_cluster_state_uuid")}"}} 1'
            in metrics
        )
    finally:
        own_cluster.kubectl("delete", "namespace", "monitoring", "--timeout=120s", seconds=120)
