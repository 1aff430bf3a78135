"""Volumes on the nodes' disks, for a cluster that has no provisioner."""

from collections.abc import Iterator
from typing import Any

from tests.kubernetes.machines.node import Node

CLASS = "local"


def storage_class() -> dict[str, Any]:
    """The default class: a claim gets one of the volumes on the node where its pod was scheduled."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def volumes(node: Node, count: int) -> Iterator[dict[str, Any]]:
    """Empty volumes on a node, of type `local`, because the kubelet applies fsGroup to these, but not to hostPath."""
    for number in range(1, count + 1):
        folder = node.volumes / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node.name]}
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"{node.name}-{number}"},
            "spec": {
                "capacity": {"storage": "10Gi"},
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": CLASS,
                "persistentVolumeReclaimPolicy": "Retain",
                "local": {"path": str(folder)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
            },
        }
