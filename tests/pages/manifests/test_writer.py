"""The proxies of components/writer-haproxy: ports, names and policies are the same in all files."""

import re
from typing import Any

import pytest

from bootstrap.settings import DEFAULTS
from tests.pages.manifests.conftest import Built
from tests.support.manifests.built import MANIFESTS, Document, Documents, containers, of_kind, pods

NAME = "components/writer-haproxy"

PROXY = {"app.kubernetes.io/name": "mysql-writer", "app.kubernetes.io/instance": "mysql"}

HEALTH = int(DEFAULTS["HEALTH_PORT"][0])

CFG = (MANIFESTS / NAME / "writer.cfg").read_text()


@pytest.fixture
def documents(documents_of: Built) -> Documents:
    return documents_of(NAME)


@pytest.fixture
def proxies(documents: Documents) -> Document:
    return of_kind(documents, "StatefulSet")["mysql-writer"]


@pytest.fixture
def pod(documents: Documents) -> Document:
    return dict(pods(documents))["mysql-writer"]


def ports(policy: Document, direction: str, peer: str) -> set[int]:
    """Return the ports that a policy opens to pods with this name."""
    rules = policy["spec"][direction]
    key = "from" if direction == "ingress" else "to"
    return {
        port["port"]
        for rule in rules
        for one in rule.get(key, ())
        if one["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/name") == peer
        for port in rule["ports"]
    }


def test_the_service_sends_writers_to_the_proxies_and_no_other_service_does(documents: Documents) -> None:
    services = of_kind(documents, "Service")
    chosen = {name for name, one in services.items() if one["spec"]["selector"].items() <= PROXY.items()}

    assert services["mysql-writer"]["spec"]["selector"] == PROXY
    assert chosen == {"mysql-writer"}


def test_the_ports_are_those_that_haproxy_binds(documents: Documents, pod: Document) -> None:
    declared = {one["name"]: one["containerPort"] for one in containers(pod)["haproxy"]["ports"]}
    bound = dict(re.findall(r'^(?:frontend|peers) (\w+)(?:\n +.*?)*?\n +bind "\${POD_IP}:(\d+)"', CFG, re.MULTILINE))
    hook = re.findall(r'bind "%s:(\d+)"', (MANIFESTS / NAME / "writer.sh").read_text())

    assert {name: int(port) for name, port in bound.items()} == {
        "health": declared["metrics"],
        "clients": declared["mysql"],
    }
    assert hook == [str(declared["proxies"])]
    assert of_kind(documents, "Service")["mysql-writer"]["spec"]["ports"] == [{"name": "mysql", "port": 3306}]


def test_each_proxy_has_a_service_and_is_named_to_the_others(documents: Documents, proxies: Document) -> None:
    services = of_kind(documents, "Service")
    names = [f"mysql-writer-{ordinal}" for ordinal in range(proxies["spec"]["replicas"])]
    variables = {
        one["name"]: one.get("value") for one in containers(dict(pods(documents))["mysql-writer"])["members"]["env"]
    }

    assert variables["PROXIES"] == " ".join(f"$(PROXY_{ordinal}):10000" for ordinal in range(len(names)))
    for ordinal, name in enumerate(names):
        spec = services[name]["spec"]
        assert variables[f"PROXY_{ordinal}"] == name
        assert spec["selector"] == {**PROXY, "apps.kubernetes.io/pod-index": str(ordinal)}
        assert [one["port"] for one in spec["ports"]] == [10000]
        # A proxy must know which member is the writer before it is ready.
        assert spec["publishNotReadyAddresses"] is True
        assert spec.get("clusterIP") is None


def test_both_containers_have_the_same_environment_folders_and_image(pod: Document) -> None:
    """One container checks the configuration, and the other uses it."""
    members, haproxy = (containers(pod)[name] for name in ("members", "haproxy"))

    for key in ("env", "envFrom", "volumeMounts", "image"):
        assert members[key] == haproxy[key]
    assert list(containers(pod)) == ["members", "haproxy"]


def test_the_policies_allow_all_required_connections(documents: Documents) -> None:
    policies = of_kind(documents, "NetworkPolicy")
    database, proxy = policies["mysql"], policies["mysql-writer"]

    assert ports(database, "ingress", "mysql-writer") == ports(proxy, "egress", "mysql") == {3306, HEALTH}
    assert ports(proxy, "ingress", "mysql-writer") == ports(proxy, "egress", "mysql-writer") == {10000}
    assert next(one["from"] for one in proxy["spec"]["ingress"]) == [
        {"podSelector": {"matchExpressions": [{"key": "mysql-client", "operator": "In", "values": ["true"]}]}}
    ]


def test_the_health_check_uses_the_path_that_the_agent_answers() -> None:
    assert "option httpchk GET /readyz" in CFG
    assert f'"${{GALERA_BOOTSTRAP_HEALTH_PORT-{HEALTH}}}"' in CFG


def test_a_proxy_has_time_to_end_and_gets_the_signal_for_a_soft_stop(pod: Document) -> None:
    _, seconds = containers(pod)["haproxy"]["lifecycle"]["preStop"]["exec"]["command"]
    dockerfile = (MANIFESTS.parent / "images/haproxy/Dockerfile").read_text()

    assert pod["terminationGracePeriodSeconds"] - int(seconds) >= 30
    assert "\nSTOPSIGNAL SIGUSR1\n" in dockerfile


def test_the_image_runs_what_the_manifest_runs(pod: Document) -> None:
    dockerfile = (MANIFESTS.parent / "images/haproxy/Dockerfile").read_text()
    words: list[Any] = re.findall(r'"([^"]+)"', re.findall(r"^CMD \[(.+)\]$", dockerfile, re.MULTILINE)[0])

    assert words == containers(pod)["haproxy"]["command"]
