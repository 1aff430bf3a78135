"""An API server as far as helm asks one: it keeps objects, and nothing more.

No validation, no controllers, no admission: what a real one does with the chart is tested in tests/system/kubernetes.
Here the question is what the chart makes of what it finds, and that needs only somewhere to find it.
"""

import base64
import json
import re
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]

GROUPS: Mapping[str, Mapping[str, str]] = {
    "v1": {
        "secrets": "Secret",
        "configmaps": "ConfigMap",
        "services": "Service",
        "pods": "Pod",
        "serviceaccounts": "ServiceAccount",
        "persistentvolumeclaims": "PersistentVolumeClaim",
    },
    "apps/v1": {"statefulsets": "StatefulSet", "deployments": "Deployment"},
    "batch/v1": {"cronjobs": "CronJob"},
    "policy/v1": {"poddisruptionbudgets": "PodDisruptionBudget"},
    "networking.k8s.io/v1": {"networkpolicies": "NetworkPolicy"},
}
"""Group and version -> name in a path -> kind."""


class Store:
    """The objects, and a server on loopback that keeps them while the block runs."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        """Path -> object."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"store": self}))

    @property
    def url(self) -> str:
        """Where helm finds it."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def secret(self, name: str, namespace: str = "db") -> dict[str, str]:
        """The values of a Secret, in clear text; empty if it is not there."""
        data = self.objects.get(f"/api/v1/namespaces/{namespace}/secrets/{name}", {}).get("data", {})
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def put(self, path: str, found: Object) -> Object:
        """Keep an object, with the data of a Secret as an API server keeps them."""
        for key, value in found.pop("stringData", {}).items():
            found.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()
        found["metadata"].setdefault("uid", path)
        found["metadata"]["resourceVersion"] = str(int(found["metadata"].get("resourceVersion", "0")) + 1)
        self.objects[path] = found
        return found

    def list(self, path: str, selector: str) -> list[Object]:
        """All objects directly below a path whose labels match `key=value,...`."""
        wanted = dict(one.split("=", 1) for one in selector.split(",") if "=" in one)
        below = [one for at, one in self.objects.items() if at.rpartition("/")[0] == path]
        return [one for one in below if wanted.items() <= one["metadata"].get("labels", {}).items()]


def parse(body: bytes) -> Object:
    """The object that a client sends: JSON, or the protobuf form of a Secret, in which helm keeps its releases."""
    if not body.startswith(b"k8s\0"):
        found: Object = json.loads(body)
        return found
    # Unknown 2: raw.  Secret 1: metadata, 2: data, 3: type.  ObjectMeta 1: name, 6: resourceVersion, 11: labels.
    secret = fields(fields(body[4:])[2][0])
    meta = fields(secret[1][0])
    pairs = [fields(one) for one in meta.get(11, ())]
    values = [fields(one) for one in secret.get(2, ())]
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": meta[1][0].decode(),
            "labels": {one[1][0].decode(): one[2][0].decode() for one in pairs},
            "resourceVersion": meta.get(6, [b""])[0].decode() or "0",
        },
        "data": {one[1][0].decode(): base64.b64encode(one[2][0]).decode() for one in values},
        "type": secret[3][0].decode(),
    }


def fields(message: bytes) -> dict[int, list[bytes]]:
    """The fields of a protobuf message that have a length, by number."""
    found: dict[int, list[bytes]] = {}
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        size, at = varint(message, at)
        if tag & 7 == 2:
            found.setdefault(tag >> 3, []).append(message[at : at + size])
            at += size
    return found


def varint(message: bytes, at: int) -> tuple[int, int]:
    """A number, and where the next one begins."""
    value = shift = 0
    while True:
        byte = message[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def merge(old: Any, patch: Any) -> Any:
    """A merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    found = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        elif not key.startswith("$"):
            found[key] = merge(found.get(key), value)
    return found


def discovery(path: str) -> Object | None:
    """What an API server says of its own resources; None for any other path."""
    if path == "/version":
        return {"major": "1", "minor": "36", "gitVersion": "v1.36.3"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        found = [{"groupVersion": name, "version": name.split("/")[1]} for name in GROUPS if "/" in name]
        groups = [
            {"name": one["groupVersion"].split("/")[0], "versions": [one], "preferredVersion": one} for one in found
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    name = path.removeprefix("/apis/").removeprefix("/api/")
    if name in GROUPS:
        verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
        known = [{"name": at, "kind": kind, "namespaced": True, "singularName": "", "verbs": verbs}
                 for at, kind in GROUPS[name].items()]  # fmt: skip
        return {"kind": "APIResourceList", "groupVersion": name, "resources": known}
    return None


class Handler(BaseHTTPRequestHandler):
    """Answers one connection; `store` is set in a class of its own for each Store."""

    protocol_version = "HTTP/1.1"
    store: Store

    def answer(self, status: int, found: Object) -> None:
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: int, reason: str) -> None:
        self.answer(status, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason,
                             "code": status, "message": f"{self.path}: {reason}"})  # fmt: skip

    def body(self) -> Object:
        return parse(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}")

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if found := discovery(asked.path) or self.store.objects.get(asked.path):
            self.answer(200, found)
        elif re.search(r"/namespaces/[^/]+/[a-z]+$", asked.path):
            items = self.store.list(asked.path, parse_qs(asked.query).get("labelSelector", [""])[0])
            resource = asked.path.rpartition("/")[2]
            kind = next(known[resource] for known in GROUPS.values() if resource in known)
            group = "v1" if asked.path.startswith("/api/") else "/".join(asked.path.split("/")[2:4])
            self.answer(200, {"kind": f"{kind}List", "apiVersion": group, "metadata": {}, "items": items})
        else:
            self.refuse(404, "NotFound")

    def do_POST(self) -> None:
        found = self.body()
        path = f"{urlsplit(self.path).path}/{found['metadata']['name']}"
        if path in self.store.objects:
            self.refuse(409, "AlreadyExists")
        else:
            self.answer(201, self.store.put(path, found))

    def do_PUT(self) -> None:
        self.answer(200, self.store.put(urlsplit(self.path).path, self.body()))

    def do_PATCH(self) -> None:
        path, patch = urlsplit(self.path).path, self.body()
        is_apply = self.headers["Content-Type"].startswith("application/apply-patch")  # it creates what is not there
        if path in self.store.objects or is_apply:
            self.answer(200, self.store.put(path, merge(self.store.objects.get(path, {}), patch)))
        else:
            self.refuse(404, "NotFound")

    def do_DELETE(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.store.objects.pop(urlsplit(self.path).path, None) is None:
            self.refuse(404, "NotFound")
        else:
            self.answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002  # the name is the base class's
        """Nothing is printed."""
