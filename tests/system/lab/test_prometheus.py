"""A real Prometheus reads a cluster through an outage: each panel shows something, each alert can be evaluated."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.faults.cluster import Cluster
from tests.lab.lab import Lab
from tests.lab.layout import HEALTH_PORT
from tests.paths import ROOT
from tests.support.installed import require
from tests.support.prometheus import Prometheus, prometheus

pytestmark = pytest.mark.galera

METRICS = ROOT / "manifests/components/metrics"

DASHBOARD = json.loads((METRICS / "dashboard/galera.json").read_text())

VARIABLES = {"$__rate_interval": "10s", "$namespace": "lab", "$set": "mysql"}
"""What Grafana writes into an expression."""


def read_expressions() -> dict[str, str]:
    """Panel and target -> expression, for this lab."""
    found = {}
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            found[f"{panel['title']}, {target['refId']}"] = expression
    return found


def read_rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((METRICS / "operator/prometheus-rule.yaml").read_text())["spec"]["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Cluster, Prometheus]]:
    require()
    with Lab(env={"GALERA_BOOTSTRAP_METRICS": "full"}) as lab:
        targets = {f"{lab.layout.ip(k)}:{HEALTH_PORT}": {"namespace": "lab", "pod": f"mysql-{k}"} for k in range(3)}
        with prometheus(tmp_path, targets, read_rules()) as running:
            lab.up()
            lab.wait_synced(3)
            yield Cluster(lab, tmp_path / "acknowledged"), running


def test_every_panel_shows_an_outage_and_every_alert_can_be_evaluated(watched: tuple[Cluster, Prometheus]) -> None:
    cluster, running = watched
    lab, began = cluster.lab, time.monotonic()
    cluster.write(200)
    lab.pod(1).crash_server()
    lab.wait("Prometheus sees the end of the server", lambda: bool(running.query(ENDED, 2)))
    lab.wait_synced(3)
    cluster.cut_power()
    lab.start_all((0, 1))
    lab.wait("Prometheus sees who waits for whom", lambda: bool(running.query(WAITING, 2)))
    lab.start_all()
    cluster.assert_recovers()
    lab.pod(2).power_off()
    lab.pod(2).wipe_volume()
    lab.pod(2).start()
    cluster.assert_recovers()
    lab.wait("Prometheus sees all three", lambda: is_complete(running))
    seconds = int(time.monotonic() - began) + 1

    shown = {name: running.query(expression, seconds) for name, expression in read_expressions().items()}
    assert {name for name, series in shown.items() if not series} == set()
    assert read_values(shown["What each pod does, A"], "mysql-2") >= {4.0, 6.0, 7.0}, "frozen, joining, running"
    assert read_values(shown["Each server, A"], "mysql-0") >= {0.0, 3.0}
    assert read_values(shown["Decisions, A"], "mysql-0") >= {1.0, 2.0}
    assert "mysql-2" in {one["metric"]["peer"] for one in shown["Who waits for whom, A"]}
    assert max(read_values(shown["Ends of each server, A"], "mysql-1")) >= 1
    assert max(read_values(shown["Ends of each server, A"], "mysql-0")) == 0
    alerts = running.read_alerts()
    assert alerts.keys() == {rule["alert"] for rule in read_rules()}
    assert set(alerts.values()) <= {"inactive", "pending"}


WAITING = 'galera_bootstrap_waiting_seconds{pod="mysql-0", peer="mysql-2"} > 0'


ENDED = 'galera_bootstrap_server_ends_total{pod="mysql-1"} > 0'


def is_complete(running: Prometheus) -> bool:
    return bool(running.query("sum(galera_bootstrap_server_synced) == 3", 1))


def read_values(series: list[dict[str, Any]], pod: str) -> set[float]:
    """The values that a pod had."""
    (found,) = (one["values"] for one in series if one["metric"]["pod"] == pod)
    return {float(value) for _, value in found}
