"""The StatefulSet and the pods of a cluster as the API of Kubernetes 1.32 returns them, for `Api`.

Labels and containers are those of the manifests; what a container does is what a test says.
"""

from typing import Any

Object = dict[str, Any]

LABELS = {
    "app.kubernetes.io/name": "mysql",
    "app.kubernetes.io/instance": "mysql",
    "app.kubernetes.io/component": "database",
    "app.kubernetes.io/part-of": "galera",
}

RUNNING: Object = {"running": {"startedAt": "2026-11-30T01:02:03Z"}}
DONE: Object = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": None, "finishedAt": None}}
NOT_YET: Object = {"waiting": {"reason": "PodInitializing"}}


def crashed(code: int, message: str = "", reason: str = "Error") -> Object:
    """A container that has ended with an error."""
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def waiting(reason: str, message: str = "") -> Object:
    """A container that does not run, and why."""
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


def container(
    name: str, state: Object, *, ready: bool = False, restarts: int = 0, last: Object | None = None
) -> Object:
    """The status of a container."""
    return {
        "name": name, "state": state, "lastState": last or {}, "ready": ready, "restartCount": restarts,
        "image": "x", "imageID": "",
    }  # fmt: skip


def stateful_set(name: str = "mysql", *, namespace: str = "db", instance: str = "mysql", replicas: int = 3) -> Object:
    """A cluster."""
    labels = LABELS | {"app.kubernetes.io/instance": instance}
    containers = [{"name": one} for one in ("install", "agent", "bootstrap")]
    return {
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "serviceName": "galera", "replicas": replicas, "template": {"spec": {"initContainers": containers}},
            "volumeClaimTemplates": [{"metadata": {"name": "datadir"}}],
        },
    }  # fmt: skip


def pod(  # each is what a test may want otherwise
    name: str,
    *,
    namespace: str = "db",
    instance: str = "mysql",
    phase: str = "Running",
    ready: bool = True,
    init: tuple[Object, ...] | None = None,
    main: Object | None = None,
    **status: Any,
) -> Object:
    """A member; without more, one that is ready."""
    metadata: Object = {
        "name": name, "namespace": namespace, "labels": LABELS | {"app.kubernetes.io/instance": instance},
        "ownerReferences": [{"kind": "StatefulSet", "name": name.rpartition("-")[0], "controller": True}],
    }  # fmt: skip
    if init is None:
        init = (container("install", DONE), container("agent", RUNNING, ready=True), container("bootstrap", DONE))
    main = main or container("mysql", RUNNING, ready=ready)
    boxes = [{"name": "install"}, {"name": "agent", "restartPolicy": "Always"}, {"name": "bootstrap"}]
    conditions = [{"type": "Ready", "status": str(ready)}, *status.pop("conditions", ())]
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata | status.pop("metadata", {}),
        "spec": {"initContainers": boxes, "containers": [{"name": "mysql"}]},
        "status": {
            "phase": phase, "conditions": conditions, "initContainerStatuses": list(init),
            "containerStatuses": [main], **status,
        },
    }  # fmt: skip


def warning(about: str, reason: str, message: str, *, at: str = "2026-11-30T01:02:03Z") -> Object:
    """An event."""
    namespace = "db"
    return {
        "apiVersion": "v1", "kind": "Event", "type": "Warning", "reason": reason, "message": message,
        "metadata": {"name": f"{about}.{reason}.{at}", "namespace": namespace}, "lastTimestamp": at,
        "involvedObject": {"kind": "Pod", "name": about, "namespace": namespace},
    }  # fmt: skip
