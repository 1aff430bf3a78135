"""Volumes on demand: Rancher's local-path-provisioner, which k3s and kind have, as a process of the control plane.

It makes a folder on the node where the claim's pod was placed, by a pod that runs there for a moment.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.kubernetes.control import ControlPlane, argv
from tests.kubernetes.node import Node

NAME = "rancher.io/local-path"
"""What a StorageClass calls it."""

CLASS = "local-path"
NAMESPACE = "local-path-storage"
CONFIG = "local-path-config"

IMAGE = "localhost/peerfinder-busybox:1"
"""The image of the pods that make and remove folders."""

BUSYBOX = Path("/bin/busybox")
"""Static, as Debian's busybox-static has it: all that is in the image."""

RECIPE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "/bin"]
"""

SETUP = 'mkdir -m 0777 -p "$VOL_DIR"\n'
TEARDOWN = 'rm -rf "$VOL_DIR"\n'
"""Upstream's own scripts."""


def volumes(node: Node) -> Path:
    """The folder on a node's disk that volumes are made in."""
    return node.machine.folder / "volumes-on-demand"


def start(control: ControlPlane, nodes: Sequence[Node]) -> None:
    """Start it; its objects and its image must be there before the first claim."""
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
    """What it needs in the cluster, and a StorageClass, as upstream's manifest has them."""
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
    """What the provisioner fills in: its command, its volumes, its node."""
    container = {"name": "helper-pod", "image": IMAGE, "imagePullPolicy": "IfNotPresent"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "helper-pod"},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
    }
