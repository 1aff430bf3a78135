"""components/metrics: which pods may read metrics, what is scraped, and whether the alerts use existing metrics."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bootstrap.core.status.metrics.families import KINDS, PREFIX
from bootstrap.settings import DEFAULTS
from tests.pages.manifests.conftest import Built
from tests.paths import ROOT
from tests.support.exporter import CONTAINER
from tests.support.manifests.built import Document, Documents, containers, of_kind, stateful_set, template

PLAIN, OPERATOR = "components/metrics/plain", "components/metrics/operator"

EXPORTER = "components/metrics/mysqld-exporter"

DASHBOARD = "components/metrics/dashboard"

PORT = int(DEFAULTS["HEALTH_PORT"][0])

EXPORTER_PORT = CONTAINER["ports"][0]["containerPort"]

PAGE = (ROOT / "docs" / "metrics.md").read_text()

OF_KUBE_STATE_METRICS = {"GaleraBackupNotProven", "GaleraLogNotSent"}
"""Alerts about jobs and deployments, which have no agent."""

BOTH = pytest.mark.parametrize("name", [PLAIN, OPERATOR])


@pytest.fixture
def rules(documents_of: Built) -> list[Document]:
    (group,) = of_kind(documents_of(OPERATOR), "PrometheusRule")["galera"]["spec"]["groups"]
    rules: list[Document] = group["rules"]
    return rules


def added(documents: Documents, base: Documents) -> list[Document]:
    """Return the rules that the component's policy adds to those of base."""
    before, after = (of_kind(those, "NetworkPolicy")["mysql"]["spec"] for those in (base, documents))
    assert after["egress"] == before["egress"]
    return [rule for rule in after["ingress"] if rule not in before["ingress"]]


@pytest.mark.parametrize(("name", "port"), [(PLAIN, PORT), (OPERATOR, PORT), (EXPORTER, EXPORTER_PORT)])
def test_the_port_is_open_only_to_the_monitoring_namespace(
    documents_of: Built, base: Documents, name: str, port: int
) -> None:
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}

    assert added(documents_of(name), base) == [
        {"from": [monitoring], "ports": [{"protocol": "TCP", "port": port}]},
    ]


@BOTH
def test_only_this_component_turns_all_metrics_on(documents_of: Built, base: Documents, name: str) -> None:
    setting = "GALERA_BOOTSTRAP_METRICS"

    assert of_kind(documents_of(name), "ConfigMap")["galera-settings"]["data"][setting] == "full"
    assert setting not in of_kind(base, "ConfigMap")["galera-settings"]["data"]
    assert DEFAULTS["METRICS"][0] == "basic"


@pytest.mark.parametrize(
    ("name", "service_name", "port"),
    [(PLAIN, "galera-metrics", PORT), (OPERATOR, "galera-metrics", PORT), (EXPORTER, "galera-exporter", EXPORTER_PORT)],
)
def test_every_member_is_a_target_ready_or_not(documents_of: Built, name: str, service_name: str, port: int) -> None:
    documents = documents_of(name)
    service = of_kind(documents, "Service")[service_name]
    notes = service["metadata"]["annotations"]

    assert service["spec"]["publishNotReadyAddresses"] is True
    assert service["spec"]["selector"] == stateful_set(documents)["spec"]["selector"]["matchLabels"]
    assert [one["port"] for one in service["spec"]["ports"]] == [port] == [int(notes["prometheus.io/port"])]
    assert (notes["prometheus.io/scrape"], notes["prometheus.io/path"]) == ("true", "/metrics")


def test_only_the_variant_for_the_prometheus_operator_needs_crds(documents_of: Built) -> None:
    kinds = {one["kind"] for one in documents_of(OPERATOR) if "coreos" in one["apiVersion"]}

    assert kinds == {"ServiceMonitor", "PrometheusRule"}
    assert not [one for one in documents_of(PLAIN) if "coreos" in one["apiVersion"]]


def test_the_service_monitor_selects_only_the_services_of_metrics(documents_of: Built) -> None:
    """That of the exporter is there only with its component."""
    documents = (*documents_of(OPERATOR), of_kind(documents_of(EXPORTER), "Service")["galera-exporter"])
    spec = of_kind(documents, "ServiceMonitor")["galera"]["spec"]
    wanted = spec["selector"]["matchLabels"].items()
    chosen = {
        name: {port["name"] for port in one["spec"]["ports"]}
        for name, one in of_kind(documents, "Service").items()
        if wanted <= one["metadata"]["labels"].items()
    }

    assert chosen == {"galera-metrics": {"health"}, "galera-exporter": {"exporter"}}
    assert [(one["port"], one["path"]) for one in spec["endpoints"]] == [
        ("health", "/metrics"),
        ("exporter", "/metrics"),
    ]


def test_the_exporter_has_no_file_of_the_others_and_no_probe(documents_of: Built) -> None:
    """It could read the agents' key, and a slow answer would take the member out of its Services."""
    pod = template(documents_of(EXPORTER))
    found = containers(pod)["mysqld-exporter"]
    (mount,) = found["volumeMounts"]
    (volume,) = (one for one in pod["volumes"] if one["name"] == mount["name"])

    assert volume["secret"] == {"secretName": "galera-exporter", "defaultMode": 0o440, "optional": True}
    assert not [key for key in found if key.endswith("Probe") or key in {"env", "envFrom"}]


def test_the_rules_use_metrics_and_labels_that_exist(rules: list[Document]) -> None:
    listed = dict(re.findall(rf"^\| `({PREFIX}_\w+?)(?:{{([\w,]+)}})?`", PAGE, re.MULTILINE))
    own = [rule for rule in rules if rule["alert"] not in OF_KUBE_STATE_METRICS]
    assert len(rules) - len(own) == len(OF_KUBE_STATE_METRICS)
    for rule in own:
        asked = set(re.findall(rf"{PREFIX}_\w+", rule["expr"]))
        # `label_replace` makes the set from the pod's name.
        labels = {"namespace", "pod", "set", *(label for name in asked for label in listed[name].split(","))}
        used = {label for text in rule["annotations"].values() for label in re.findall(r"\$labels\.(\w+)", text)}
        kept = [set(re.findall(r"\w+", one)) for one in re.findall(r"by \(([^)]*)\)", rule["expr"])]

        assert asked
        assert used <= labels.intersection(*kept[:1])
        assert set(re.findall(r'kind="(\w+)"', rule["expr"])) <= set(KINDS)


def test_the_dashboard_uses_metrics_and_labels_that_exist(documents_of: Built) -> None:
    config = of_kind(documents_of(DASHBOARD), "ConfigMap")["galera-dashboard"]
    dashboard = json.loads(config["data"]["galera.json"])
    listed = dict(re.findall(rf"^\| `({PREFIX}_\w+?)(?:{{([\w,]+)}})?`", PAGE, re.MULTILINE))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]

    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in panels:
        assert panel["description"]
        for target in panel["targets"]:
            asked = re.findall(rf"({PREFIX}_\w+)(?:{{([^}}]*)}})?", target["expr"])
            assert asked
            assert [name for name, _ in asked if name not in listed] == []
            # What belongs to no set would mix the clusters of a namespace; `and` joins by the pod.
            alone = [name for name, labels in asked if 'namespace="$namespace", pod=~"$set-[0-9]+"' not in labels]
            assert set(alone) <= {f"{PREFIX}_server_primary"}
            shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert shown <= {"pod", *(label for name, _ in asked for label in listed[name].split(","))}


def test_every_rule_has_a_severity_and_an_advice_and_is_on_the_page(rules: list[Document]) -> None:
    listed = re.findall(r"^\| `(Galera\w+)`", PAGE, re.MULTILINE)

    assert [rule["alert"] for rule in rules] == listed
    for rule in rules:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "description"}
        # At night nobody puts a command together.
        assert "kubectl -n {{ $labels.namespace }} " in rule["annotations"]["description"]


def test_alerts_fire_when_they_should_and_not_before(rules: list[Document], tmp_path: Path) -> None:
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("NOT TESTED: whether alerts fire; promtool is missing: apt-get install prometheus")
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "galera", "rules": rules}]}))
    shutil.copy(Path(__file__).parent / "alerts.yml", tmp_path)
    done = subprocess.run(
        (promtool, "test", "rules", tmp_path / "alerts.yml"), capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
