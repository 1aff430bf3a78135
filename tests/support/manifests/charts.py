"""Values of the chart, each with what kustomize builds for it, and how both are made comparable."""

import re
from collections.abc import Mapping
from typing import Any

from tests.support.manifests import helm
from tests.support.manifests.built import MANIFESTS, Document, Documents, parse
from tests.support.manifests.helm import CHART, Values

RELEASE = "mysql"
"""With this name of a release and of its objects, most names and all labels are those of kustomize."""

COMMON: Values = {
    "fullnameOverride": "mysql",
    "auth": {"existingSecret": "galera", "accountsSecret": "galera-accounts"},
    # Also without TLS: guests refer to it in both cases.
    "tls": {"existingSecret": "galera-tls"},
    "backup": {"s3": {"existingSecret": "galera-repository"}, "pointInTime": {"existingSecret": "galera-log"}},
}

PRODUCTION, LAB = CHART / "values-production.yaml", CHART / "values-lab.yaml"

(OFFICIAL,) = parse((MANIFESTS / "components/official-image/kustomization.yaml").read_text())[0]["images"]

REGISTRY, _, REPOSITORY = OFFICIAL["newName"].partition("/")

CLIENTS: Values = {"matchExpressions": [{"key": "mysql-client", "operator": "In", "values": ["true"]}]}
"""Pods that the policy lets in."""

MEMBERS_ONLY = "4444,4567,4568,4569"
"""Ports that do not go through the proxy of a mesh."""


def to_namespace(name: str, *ports: int) -> Values:
    """A rule of a policy that lets members connect to these ports of a namespace."""
    selector = {"matchLabels": {"kubernetes.io/metadata.name": name}}
    return {"to": [{"namespaceSelector": selector}], "ports": [{"protocol": "TCP", "port": port} for port in ports]}


CASES: Mapping[str, Values] = {
    "base": {},
    "overlays/lab": {**parse(LAB.read_text())[0]},
    "overlays/production": {**parse(PRODUCTION.read_text())[0]},
    "components/anti-affinity-hard": {"podAntiAffinityPreset": "hard"},
    "components/arbitrator": {"arbitrator": {"enabled": True}, "replicaCount": 2},
    "components/backup": {"backup": {"enabled": True}},
    "components/backup-log": {
        "backup": {"enabled": True, "s3": {"enabled": True}, "pointInTime": {"enabled": True}},
    },
    "components/backup-s3": {"backup": {"enabled": True, "s3": {"enabled": True}}},
    "components/clients-elsewhere": {
        "networkPolicy": {
            "clients": [{"namespaceSelector": {"matchLabels": {"galera-clients": "true"}}, "podSelector": CLIENTS}]
        }
    },
    "components/dual-stack": {"dualStack": {"enabled": True}},
    "components/load-balancer": {
        "writer": {
            "service": {
                "type": "LoadBalancer",
                "externalTrafficPolicy": "Local",
                "loadBalancerSourceRanges": ["10.0.0.0/8"],
            }
        },
        "networkPolicy": {"clients": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
    },
    "components/mesh-istio": {
        "podAnnotations": {
            "sidecar.istio.io/nativeSidecar": "true",
            "traffic.sidecar.istio.io/excludeInboundPorts": f"{MEMBERS_ONLY},8080,9104",
            "traffic.sidecar.istio.io/excludeOutboundPorts": MEMBERS_ONLY,
        },
        "networkPolicy": {"extraEgress": [to_namespace("istio-system", 15012)]},
    },
    "components/mesh-linkerd": {
        "podAnnotations": {
            "config.beta.linkerd.io/proxy-enable-native-sidecar": "true",
            "config.linkerd.io/opaque-ports": "3306",
            "config.linkerd.io/skip-inbound-ports": f"{MEMBERS_ONLY},8080,9104",
            "config.linkerd.io/skip-outbound-ports": MEMBERS_ONLY,
        },
        "networkPolicy": {
            "extraEgress": [to_namespace("linkerd", 8080, 8086, 8090)],
            "extraIngress": [{"from": [{"podSelector": CLIENTS}], "ports": [{"protocol": "TCP", "port": 4143}]}],
        },
    },
    "components/metrics/dashboard": {"metrics": {"dashboard": {"enabled": True}}},
    "components/metrics/mysqld-exporter": {"metrics": {"mysqldExporter": {"enabled": True}}},
    "components/metrics/operator": {
        "metrics": {"enabled": True, "serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}
    },
    "components/metrics/plain": {"metrics": {"enabled": True}},
    "components/official-image": {
        "image": {"registry": REGISTRY, "repository": REPOSITORY, "tag": str(OFFICIAL["newTag"])}
    },
    "components/openshift": {"openshift": {"enabled": True}},
    "components/restore": {"restore": {"enabled": True}},
    "components/restore-s3": {"restore": {"s3": {"enabled": True}}},
    "components/sst-mariabackup": {"sst": {"method": "mariabackup"}},
    "components/storage-dynamic/fast": {
        "persistence": {"storageClass": "galera-fast", "accessModes": ["ReadWriteOncePod"]}
    },
    "components/storage-dynamic/slow": {
        "persistence": {"storageClass": "galera-slow", "accessModes": ["ReadWriteOncePod"], "size": "125Gi"}
    },
    "components/storage-emptydir": {"persistence": {"enabled": False}},
    "components/storage-static-hostpath": {"persistence": {"storageClass": "galera-hostpath"}},
    "components/storage-static-nfs": {"persistence": {"storageClass": "galera-nfs"}},
    "components/take-over": {"takeOver": {"enabled": True}},
    "components/tls": {"tls": {"enabled": True, "existingSecret": "galera-tls"}},
    "components/writer-haproxy": {"writer": {"haproxy": {"enabled": True}}},
}
"""Manifest -> the values that ask the chart for the same."""

NOT_OF_A_CHART = {"Namespace", "PersistentVolume", "StorageClass"}
"""Objects of the whole cluster, which a release must not own."""

OWN_NAMES = {
    ("ServiceMonitor", "galera"): "mysql",
    ("PrometheusRule", "galera"): "mysql",
    ("Service", "galera"): "mysql-peers",
}
"""Kind and name by kustomize -> name by the chart."""

SAME_EVERYWHERE = {
    "galera-settings": "mysql-settings",
    "galera-metrics": "mysql-metrics",
    "galera-exporter": "mysql-exporter",
    "galera-dashboard": "mysql-dashboard",
}
"""Names that nothing else has: by kustomize -> by the chart."""

HELM_LABELS = {"app.kubernetes.io/managed-by", "helm.sh/chart"}

HELM_ANNOTATIONS = {"checksum/options", "helm.sh/resource-policy"}


def render(name: str, **more: Any) -> Documents:
    """Render the chart with the values for a manifest."""
    return helm.template(merge(COMMON, CASES[name], more), release=RELEASE)


def merge(*several: Values) -> dict[str, Any]:
    """The values of several files, as helm puts them together."""
    found: dict[str, Any] = {}
    for values in several:
        for key, value in values.items():
            both = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
            found[key] = merge(found[key], value) if both else value
    return found


def by_helm(documents: Documents) -> dict[tuple[str, str], Document]:
    """The chart's objects by kind and name, without what only helm needs; without hooks."""
    found = {}
    for document in documents:
        metadata = document["metadata"]
        if "helm.sh/hook" in metadata.get("annotations", {}):
            continue
        assert metadata["labels"].keys() >= HELM_LABELS
        found[document["kind"], metadata["name"]] = _without(document)
    return found


def by_kustomize(documents: Documents) -> dict[tuple[str, str], Document]:
    """Kustomize's objects by kind and name, under the names of the chart; without objects of the whole cluster."""
    found = {}
    for document in documents:
        kind, name = document["kind"], document["metadata"]["name"]
        if kind in NOT_OF_A_CHART:
            continue
        renamed = _rename(document)
        renamed["metadata"]["name"] = OWN_NAMES.get((kind, name), renamed["metadata"]["name"])
        renamed["metadata"].pop("namespace", None)
        found[kind, renamed["metadata"]["name"]] = renamed
    return found


def _without(value: Any, above: str = "") -> Any:
    """A copy without helm's labels and annotations, and without the namespace."""
    if isinstance(value, Mapping):
        dropped = {"labels": HELM_LABELS, "annotations": HELM_ANNOTATIONS, "metadata": {"namespace"}}.get(above, set())
        inner = {key: _without(one, key) for key, one in value.items() if key not in dropped}
        return {key: one for key, one in inner.items() if key != "annotations" or one}
    return [_without(one) for one in value] if isinstance(value, list) else value


def _rename(value: Any, above: str = "") -> Any:
    """A copy with the chart's names where other objects are named."""
    if isinstance(value, Mapping):
        return {key: _rename(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_rename(one) for one in value]
    if isinstance(value, str):
        if above in {"serviceName", "GALERA_BOOTSTRAP_SERVICE"} and value == "galera":
            return "mysql-peers"
        # The suffix hash of a generated ConfigMap.
        value = re.sub(r"^(mysql-options|mysql-writer)-[a-z0-9]{10}$", r"\1", value)
        return SAME_EVERYWHERE.get(value, value)
    return value


def differences(found: Any, wanted: Any, path: str = "") -> list[str]:
    """Where two values differ, one line each."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        keys = [*found, *(key for key in wanted if key not in found)]
        return [one for key in keys for one in differences(found.get(key), wanted.get(key), f"{path}.{key}")]
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        pairs = enumerate(zip(found, wanted, strict=True))
        return [one for place, (a, b) in pairs for one in differences(a, b, f"{path}[{place}]")]
    return [] if found == wanted else [f"{path}: the chart has {found!r}, kustomize {wanted!r}"]
