"""`peer-finder doctor` in a real Kubernetes: common mistakes in manifests, and its findings for each."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from images.inputs import version
from tests.kubernetes.cluster import Cluster, why_unavailable
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.waiting import wait

pytestmark = [pytest.mark.galera, pytest.mark.images]

PEERS, HALF = {"app": "doctor-peer"}, {"app": "doctor-half"}
"""Labels: of one pod, which is ready; of two pods, of which one is ready."""

HEADLESS = {"clusterIP": "None", "publishNotReadyAddresses": True}

PORTS = {"ports": [{"name": "mysql", "port": 3306}]}

SERVICES: dict[str, dict[str, Any]] = {
    "doctor": HEADLESS | PORTS,
    "doctor-cluster-ip": PORTS,
    "doctor-no-port": HEADLESS,
    "doctor-other-name": HEADLESS | PORTS,
    "doctor-ready-only": {"clusterIP": "None", "selector": HALF} | PORTS,
}
"""All except the last have the same pod."""

DNS_BY_UDP = {"ports": [{"protocol": "UDP", "port": 53}]}

POLICIES: dict[str, list[dict[str, Any]]] = {"udp-only": [DNS_BY_UDP], "cut-off": []}
"""Pod -> where it may connect to."""


@pytest.mark.parametrize(
    ("service", "pod", "codes"),
    [
        ("doctor", "doctor-0", set()),
        ("doctor-cluster-ip", "doctor-0", {"not-headless"}),
        ("doctor-no-port", "doctor-0", {"no-ports"}),
        ("doctor-other-name", "doctor-0", {"no-hostname"}),
        ("doctor-none", "doctor-0", {"no-service"}),
        ("doctor-ready-only", "ready-only-1", {"own-missing"}),
        ("doctor", "on-the-node", {"own-missing"}),
    ],
)
def test_doctor_finds_mistakes_in_service_and_pod(peers: Kubectl, service: str, pod: str, codes: set[str]) -> None:
    wait(f"{codes or 'no finding'}", lambda: set(find_cures(peers, pod, service)) == codes, seconds=120)


def test_doctor_finds_a_resolv_conf_of_the_node_and_distinguishes_two_reasons_of_a_missing_name(peers: Kubectl) -> None:
    assert "domain-unknown" in find_cures(peers, "of-the-node", "doctor")
    assert "publishNotReadyAddresses" in find_cures(peers, "ready-only-1", "doctor-ready-only")["own-missing"]
    assert "POD_NAME" in find_cures(peers, "on-the-node", "doctor")["own-missing"]


def test_doctor_finds_connections_that_a_network_policy_forbids(own_cluster: Cluster, peers: Kubectl) -> None:
    if not own_cluster.policies:
        pytest.skip(f"NOT TESTED: the findings of doctor under a network policy: {why_unavailable(policies=True)}")

    wait(
        "tcp-blocked",
        lambda: "tcp-blocked" in find_cures(peers, "udp-only", "doctor", "--no-require-self"),
        seconds=120,
    )
    wait("server-silent", lambda: set(find_cures(peers, "cut-off", "doctor")) == {"server-silent"}, seconds=120)


@pytest.fixture(scope="module")
def peers(kubectl: Kubectl) -> Iterator[Kubectl]:
    """Services with mistakes, and pods of which one is never ready."""
    objects = [
        *(service(name, spec) for name, spec in SERVICES.items()),
        *(policy(name, egress) for name, egress in POLICIES.items()),
        pod("doctor-0", PEERS, hostname="doctor-0", subdomain="doctor"),
        *(pod(name, HALF, hostname=name, subdomain="doctor-ready-only") for name in ("ready-only-0", "ready-only-1")),
        pod("on-the-node", {}, hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet"),
        pod("of-the-node", {}, dnsPolicy="Default"),
        *(pod(name, {"policy": name}) for name in POLICIES),
    ]
    kubectl.apply(*objects)
    try:
        wait("the pods", lambda: are_running(kubectl), seconds=180)
        yield kubectl
    finally:
        kubectl("delete", "pod,service,networkpolicy", "--selector=made-by=doctor", "--now", "--wait=false")


def are_running(kubectl: Kubectl) -> bool:
    """Whether all pods run."""
    pods = kubectl.get("pods", "--selector=made-by=doctor")["items"]
    return all(pod["status"]["phase"] == "Running" for pod in pods)


def find_cures(kubectl: Kubectl, pod: str, service: str, *words: str) -> dict[str, str]:
    """Run doctor in a pod; returns the cure of each finding by its code, without the hint that every pod gets."""
    run = '/opt/galera-tools/peer-finder doctor "$@" --output=json; [ $? -le 1 ]'
    output = kubectl("exec", pod, "--", "sh", "-c", run, "sh", service, "--timeout=500ms", *words)
    findings = [one for one in json.loads(output)["findings"] if one["code"] != "search-list"]
    return {one["code"]: one["cure"] for one in findings}


def service(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """A Service of the peers."""
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(name), "spec": {"selector": PEERS, **spec}}


def policy(name: str, egress: list[dict[str, Any]]) -> dict[str, Any]:
    """Pods with this label may connect there, and nowhere else."""
    spec = {"podSelector": {"matchLabels": {"policy": name}}, "policyTypes": ["Egress"], "egress": egress}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta(name), "spec": spec}


def pod(name: str, labels: Mapping[str, str], **spec: Any) -> dict[str, Any]:
    """A waiting pod with the tools; Pod Security allows it."""
    container = {
        "name": "tools",
        "image": f"localhost/galera-install:{version()}",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "3600"],
        "env": [{"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}],
        "readinessProbe": {"exec": {"command": ["sh", "-c", '[ "$(hostname)" != ready-only-1 ]']}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    confined = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    whole = {"containers": [container], "securityContext": confined, "terminationGracePeriodSeconds": 0, **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta(name, labels), "spec": whole}


def meta(name: str, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The metadata, with a label by which the object is removed at the end."""
    return {"name": name, "labels": {"made-by": "doctor", **(labels or {})}}
