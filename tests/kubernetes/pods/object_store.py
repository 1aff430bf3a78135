"""A real S3 server as a pod in a namespace of its own, and the Secret of a repository in it."""

from pathlib import Path
from typing import Any

from images.inputs import version
from tests.kubernetes.kubectl import Kubectl

NAMESPACE = "storage"

HOST = f"s3.{NAMESPACE}.svc.cluster.local"

BUCKET = "backups"

LABELS = {"app": "s3"}


def run(kubectl: Kubectl, program: Path) -> None:
    """Start it, and wait until it is ready; `program` is gofakes3 on the machine of the nodes.

    It listens at port 443, because the policies of the components open that one to all addresses.
    """
    here = kubectl.in_namespace(NAMESPACE)
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    service = {"selector": LABELS, "ports": [{"name": "s3", "port": 443}]}
    here.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "s3"},
            "spec": service,
        },
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "s3", "labels": LABELS}, "spec": _spec(program)},
    )
    here.wait("pod/s3", "condition=Ready", seconds=120)


def remove(kubectl: Kubectl) -> None:
    """Remove it with all that it stores."""
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=100s", seconds=110)


def secret() -> dict[str, Any]:
    """The Secret of a repository in it."""
    values = {
        "repository": f"s3:http://{HOST}:443/{BUCKET}/galera",
        "password": "a-long-password",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "galera-repository"}, "stringData": values}


def _spec(program: Path) -> dict[str, Any]:
    options = ["-host=0.0.0.0:443", "-backend=bolt", "-bolt.db=/tmp/s3.db", f"-initialbucket={BUCKET}"]
    container = {
        "name": "s3",
        "image": f"localhost/mysql-galera:{version()}",
        "imagePullPolicy": "IfNotPresent",
        "command": [f"/programs/{program.name}", *options],
        "readinessProbe": {"tcpSocket": {"port": 443}, "periodSeconds": 1},
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"name": "programs", "mountPath": "/programs", "readOnly": True}],
    }
    volumes = [{"name": "programs", "hostPath": {"path": str(program.parent)}}]
    return {"terminationGracePeriodSeconds": 1, "containers": [container], "volumes": volumes}
