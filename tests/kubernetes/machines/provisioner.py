"""Volumes on demand: Rancher's local-path-provisioner, which k3s and kind have, as a process of the control plane.

For each claim it starts a short-lived pod that makes a folder on the node where the claim's pod was placed.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.kubernetes.machines.control import ControlPlane, argv
from tests.kubernetes.machines.node import Node

NAME = "rancher.io/local-path"
"""Its name in a StorageClass."""

CLASS = "local-path"
NAMESPACE = "local-path-storage"
CONFIG = "local-path-config"

IMAGE = "localhost/peerfinder-busybox:1"
"""The image of the pods that make and remove folders."""

BUSYBOX = Path("/bin/busybox")
"""The static program of Debian's busybox-static; the image has nothing else."""

RECIPE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "/bin"]
"""

SETUP = 'mkdir -m 0777 -p "$VOL_DIR"\n'
TEARDOWN = 'rm -rf "$VOL_DIR"\n'
"""The scripts of upstream."""


def volumes(node: Node) -> Path:
    """The folder on a node's disk in which volumes are made."""
    return node.machine.folder / "volumes-on-demand"


def start(control: ControlPlane, nodes: Sequence[Node]) -> None:
    """Start the provisioner; its objects and its image must be there before the first claim."""
    folder = control.machine.folder
    config = folder / "local-path.json"
    paths = [{"node": node.name, "paths": [str(volumes(node))]} for node in nodes]
    config.write_text(json.dumps({"nodePathMap": paths}))
    pod = folder / "local-path-pod.json"
    pod.write_text(json.dumps(helper_pod()))  # JSON is YAML
    options: dict[str, object] = {
        "config": config,
        "helper-pod-file": pod,
        "helper-image": IMAGE,
        "configmap-name": CONFIG,
        "namespace": NAMESPACE,
        "service-account-name": "default",
        "provisioner-name": NAME,
        "kubeconfig": control.authority.kubeconfig("provisioner"),
    }
    path, *rest = argv("local-path-provisioner", options)
    control.machine.start("local-path-provisioner", (path, "start", *rest))


def objects() -> Iterator[dict[str, Any]]:
    """The objects that it needs in the cluster, and a StorageClass, as in upstream's manifest."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CONFIG, "namespace": NAMESPACE},
        "data": {"setup": SETUP, "teardown": TEARDOWN},
    }
    yield {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS},
        "provisioner": NAME,
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
    }


def helper_pod() -> dict[str, Any]:
    """The template of a pod; the provisioner adds command, volumes and node."""
    container = {"name": "helper-pod", "image": IMAGE, "imagePullPolicy": "IfNotPresent"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "helper-pod"},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
    }
