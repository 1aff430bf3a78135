"""Which pods the selectors of built manifests choose."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.manifests.built import Document, Documents, of_kind, pods

Labels = Mapping[str, str]

INDEX = "apps.kubernetes.io/pod-index"
"""The label that the controller of a StatefulSet gives to its pods: their ordinal."""


def pod_labels(documents: Documents) -> list[Labels]:
    """The labels of each pod of each controller."""
    found: list[Labels] = []
    for one in of_kind(documents, "StatefulSet").values():
        labels = one["spec"]["template"]["metadata"]["labels"]
        start = one["spec"].get("ordinals", {}).get("start", 0)
        found += [{**labels, INDEX: str(start + number)} for number in range(one["spec"]["replicas"])]
    found += [one["spec"]["template"]["metadata"]["labels"] for one in of_kind(documents, "Deployment").values()]
    jobs = (one["spec"]["jobTemplate"] for one in of_kind(documents, "CronJob").values())
    found += [one["spec"]["template"]["metadata"]["labels"] for one in jobs]
    return found


def of_owners(documents: Documents) -> Iterator[Labels]:
    """The selectors by which an object chooses pods of its own cluster, as labels: all kinds that have one."""
    for kind in ("StatefulSet", "Deployment", "PodDisruptionBudget"):
        yield from (one["spec"]["selector"]["matchLabels"] for one in of_kind(documents, kind).values())
    yield from (one["spec"]["selector"] for one in of_kind(documents, "Service").values())
    for policy in of_kind(documents, "NetworkPolicy").values():
        yield policy["spec"]["podSelector"]["matchLabels"]
        yield from of_peers(policy)
    for _, pod in pods(documents):
        yield from (one["labelSelector"]["matchLabels"] for one in pod.get("topologySpreadConstraints", ()))
        yield from (one["matchLabels"] for one in under(pod.get("affinity", {}), "labelSelector"))


def of_peers(policy: Document) -> Iterator[Labels]:
    """The pods of the same cluster that a policy lets in or out; clients are chosen by expressions."""
    for one in under(policy["spec"], "podSelector"):
        if "matchLabels" in one:
            yield one["matchLabels"]


def under(value: Any, key: str) -> Iterator[Any]:
    """Everything that stands under this key, at any depth."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == key:
                yield inner
            else:
                yield from under(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from under(inner, key)
