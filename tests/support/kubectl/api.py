"""A Kubernetes API on loopback that a real kubectl asks: stored objects, logs, and commands in containers.

It is the boundary of `kubectl galera`: which pods there are, and how they are, is what a test stores.  A command in a
container is run by the test.  It serves what kubectl 1.30 and newer ask, with exec over WebSockets (RFC 6455, protocol
v5.channel.k8s.io).
"""

import base64
import hashlib
import json
import re
import struct
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]

RESOURCES = {
    "/api/v1": {"pods": "Pod", "events": "Event", "persistentvolumeclaims": "PersistentVolumeClaim"},
    "/apis/apps/v1": {"statefulsets": "StatefulSet"},
    "/apis/batch/v1": {"jobs": "Job", "cronjobs": "CronJob"},
}

SHORT = {"persistentvolumeclaims": ["pvc"], "statefulsets": ["sts"]}

STDIN, STDOUT, STDERR, ERROR, CLOSE = 0, 1, 2, 3, 255
"""Channels of the protocol."""

PROTOBUF = b"k8s\x00"
"""With this begins an object that is not JSON."""

PREPARATION = 0.2
"""Seconds before a command answers.  A kubectl before 1.34 loses what arrives before it has made its streams
(kubernetes/kubernetes#131203), and no real container is that quick."""

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""Of RFC 6455, section 1.3."""


class Call(NamedTuple):
    """A command in a container."""

    pod: str
    container: str
    argv: tuple[str, ...]
    stdin: bytes = b""
    """What was sent to it; empty if nothing could be."""


class Ended(NamedTuple):
    """How it ended."""

    stdout: str = ""
    stderr: str = ""
    code: int = 0


Run = Callable[[Call], Ended]


class Api(ThreadingHTTPServer):
    """The server; a context manager."""

    daemon_threads = True

    def __init__(self, run: Run = lambda _: Ended()) -> None:
        """Listen at once."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.run = run
        self.objects: dict[str, list[Object]] = {kind: [] for group in RESOURCES.values() for kind in group}
        self.logs: dict[tuple[str, str], str] = {}
        """(pod, container) -> its log."""
        self.calls: list[Call] = []
        self.asked: list[str] = []
        """The paths of all requests, with their queries."""
        self.on_create: Callable[[Object], None] = lambda _: None
        """Called with each object that kubectl creates, before it is stored."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def write_config(self, path: Path, *, context: str = "lab", namespace: str = "db") -> Path:
        """Write a kubeconfig with this context."""
        host = f"http://127.0.0.1:{self.server_address[1]}"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [{"name": "lab", "cluster": {"server": host}}],
            "users": [{"name": "lab", "user": {}}],
            "contexts": [{"name": context, "context": {"cluster": "lab", "user": "lab", "namespace": namespace}}],
        }
        path.write_text(json.dumps(config))
        return path

    def select(self, kind: str, namespace: str, query: Mapping[str, list[str]]) -> list[Object]:
        """Return the stored objects that a request selects."""
        labels = _read_selector(query.get("labelSelector", [""])[0])
        fields = _read_selector(query.get("fieldSelector", [""])[0])
        return [
            one
            for one in self.objects[kind]
            if one["metadata"]["namespace"] == namespace
            and labels.items() <= one["metadata"].get("labels", {}).items()
            and all(str(_field(one, path)) == value for path, value in fields.items())
        ]


class Handler(BaseHTTPRequestHandler):
    """Answers kubectl."""

    server: Api
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # http.server's name
        """Discovery, lists, objects, logs; and exec, which is an upgrade of a GET."""
        url = urlsplit(self.path)
        query = parse_qs(url.query, keep_blank_values=True)
        self.server.asked.append(self.path)
        if discovered := _discover(url.path):
            self._send(discovered)
            return
        group, _, rest = url.path.partition("/namespaces/")
        namespace, kind, *more = rest.split("/")
        if more[1:] == ["exec"]:
            self._exec(more[0], query)
        elif more[1:] == ["log"]:
            wanted = (more[0], *query.get("container", ()))
            text = next((text for key, text in self.server.logs.items() if key[: len(wanted)] == wanted), "")
            lines = int(query.get("tailLines", ["1000"])[0])
            self._send("".join(f"{line}\n" for line in text.splitlines()[-lines:]))
        elif more:
            found = [one for one in self.server.objects[kind] if one["metadata"]["name"] == more[0]]
            self._send(found[0] if found else _not_found(kind, more[0]), 200 if found else 404)
        elif group in RESOURCES and kind in RESOURCES[group]:
            items = self.server.select(kind, namespace, query)
            version = group.removeprefix("/apis/").removeprefix("/api/")
            listed = f"{RESOURCES[group][kind]}List"
            self._send({"kind": listed, "apiVersion": version, "metadata": {}, "items": items})
        else:
            self._send(_not_found(kind, ""), 404)

    def do_POST(self) -> None:  # as above
        """Create an object; exec without an upgrade is refused, as kubectl may try SPDY."""
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        group, _, rest = urlsplit(self.path).path.partition("/namespaces/")
        namespace, kind, *more = rest.split("/")
        if more:
            self._send({}, 400)
            return
        if raw.startswith(PROTOBUF):
            # Of what kubectl makes from another object only the name is read: it is the first text that ends in a time.
            found = re.search(rb"[a-z0-9-]+-[0-9]{14}", raw)
            meta = {"name": found[0].decode() if found else "?"}
            version = group.removeprefix("/apis/")
            body: Object = {"apiVersion": version, "kind": RESOURCES[group][kind], "metadata": meta, "spec": {}}
        else:
            body = json.loads(raw)
        body["metadata"]["namespace"] = namespace
        self.server.on_create(body)
        self.server.objects[kind].append(body)
        self._send(body, 201)

    def _send(self, answer: Object | str, status: int = 200) -> None:
        raw = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(answer, str) else "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Log nothing."""

    # Exec.

    def _exec(self, pod: str, query: Mapping[str, list[str]]) -> None:
        key = self.headers["Sec-WebSocket-Key"] + GUID
        accept = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest()).decode()
        self.send_response(101)
        for name, value in (
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", accept),
            ("Sec-WebSocket-Protocol", "v5.channel.k8s.io"),
        ):
            self.send_header(name, value)
        self.end_headers()
        stdin = self._receive() if query.get("stdin") == ["true"] else b""
        call = Call(pod, query["container"][0], tuple(query["command"]), stdin)
        self.server.calls.append(call)
        ended = self.server.run(call)
        time.sleep(PREPARATION)
        self._frame(STDOUT, ended.stdout.encode())
        self._frame(STDERR, ended.stderr.encode())
        self._frame(ERROR, json.dumps(_status(ended.code)).encode())
        self.wfile.write(b"\x88\x02" + struct.pack(">H", 1000))  # close, normally
        self.close_connection = True

    def _receive(self) -> bytes:
        """Read standard input up to its end."""
        found = b""
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 0x0F == 8:
                return found
            length = head[1] & 0x7F
            if length >= 126:
                raw = self.rfile.read(2 if length == 126 else 8)
                length = int.from_bytes(raw)
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[n % 4] for n, byte in enumerate(self.rfile.read(length)))
            if head[0] & 0x0F != 2 or not data:
                continue  # a ping
            if data[0] == CLOSE:
                return found
            if data[0] == STDIN:
                found += data[1:]

    def _frame(self, channel: int, data: bytes) -> None:
        payload = bytes([channel]) + data
        length = len(payload)
        head = bytes([length]) if length < 126 else b"\x7e" + struct.pack(">H", length)
        if length >= 1 << 16:
            head = b"\x7f" + struct.pack(">Q", length)
        self.wfile.write(b"\x82" + head + payload)


def _status(code: int) -> Object:
    """What the kubelet says of the end of a command."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    causes = [{"reason": "ExitCode", "message": str(code)}]
    message = f"command terminated with non-zero exit code: exit status {code}"
    details = {"causes": causes}
    return {"metadata": {}, "status": "Failure", "message": message, "reason": "NonZeroExitCode", "details": details}


def _discover(path: str) -> Object | None:
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        names = [group.split("/")[2] for group in RESOURCES if group.startswith("/apis/")]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in names]}
    if path == "/version":
        return {"major": "1", "minor": "32", "gitVersion": "v1.32.4"}
    if path not in RESOURCES:
        return None
    version = path.removeprefix("/apis/").removeprefix("/api/")
    listed = [_resource(name, kind) for name, kind in RESOURCES[path].items()]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": listed}


def _group(name: str) -> Object:
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _resource(name: str, kind: str) -> Object:
    return {
        "name": name, "singularName": kind.lower(), "namespaced": True, "kind": kind,
        "shortNames": SHORT.get(name, []), "verbs": ["create", "get", "list", "watch"],
    }  # fmt: skip


def _not_found(kind: str, name: str) -> Object:
    message = f'{kind} "{name}" not found'
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": "NotFound",
        "code": 404,
    }


def _read_selector(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.replace("==", "=").split(",") if part)


def _field(one: Object, path: str) -> object:
    value: Any = one
    for name in path.split("."):
        value = value.get(name, "")
    return value
