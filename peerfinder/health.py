"""Answers to probes: HTTP on a port or on a Unix socket, in one thread, read-only, without authentication.

Knows the little of HTTP that a kubelet, Prometheus and `peer-finder healthz` speak.
Every answer is made from the recorded status; a slow or frequent client costs nothing and blocks no other.
The server of the standard library is not used: its import alone takes 60 ms and 7 MB.
"""

import os
import selectors
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from stat import S_ISSOCK
from time import monotonic, sleep

from peerfinder.core.status import Status, check_live, check_ready, format_metrics
from peerfinder.errors import CannotListenError, UsageError

CONNECTIONS_MAX = 32
"""How many connections are held at a time; for one more the oldest is closed."""

REQUEST_SECONDS = 2.0
"""The longest time for a request."""

REQUEST_MAX = 8192
"""The longest request, octets."""

FULL_SECONDS = 0.1
"""Pause after a connection that could not be accepted."""

PLAIN = "text/plain; charset=utf-8"

PATHS: dict[str, tuple[Callable[[Status, float], tuple[bool, str]], str]] = {
    "/livez": (check_live, PLAIN),
    "/readyz": (check_ready, PLAIN),
    "/metrics": (format_metrics, "text/plain; version=0.0.4; charset=utf-8"),
}

REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


@dataclass
class _Connection:
    """A client's connection."""

    sock: socket.socket
    until: float
    """When it is closed, monotonic, seconds."""
    head: bytes = b""
    """The part of the request that has come."""


def serve(where: str, status: Status) -> None:
    """Answer at *where*, [ADDRESS]:PORT or the path of a socket, until the process ends.

    Raises UsageError for any other text, CannotListenError if we cannot listen there or start a thread.
    """
    listener = _listen(where)
    listener.settimeout(0)
    # Signals must reach the main thread, because they end its waits.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        threading.Thread(target=_answer_all, args=(listener, status), daemon=True).start()
    except RuntimeError as exc:
        listener.close()
        raise CannotListenError(f"probes cannot be answered at {where}: {exc}; raise the limit of processes") from exc
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def parse_address(where: str) -> tuple[str, int] | str:
    """Read [ADDRESS]:PORT, or a path; raises UsageError."""
    if "/" in where:
        return where
    host, colon, port = where.rpartition(":")
    if not (colon and port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        raise UsageError(f"invalid value {where!a} for -health: it should be [ADDRESS]:PORT or the path of a socket")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _listen(where: str) -> socket.socket:
    address = parse_address(where)
    try:
        if isinstance(address, str):
            return _listen_at_path(address)
        return listen_at_port(*address)
    except OSError as exc:
        raise CannotListenError(f"cannot listen at {where}: {exc.strerror or exc}; change -health") from exc


def listen_at_port(host: str, port: int) -> socket.socket:
    """Listen at an address, or at all of both families if it is empty; raises OSError."""
    if host:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    # A pod's first address, at which it is reached, may be of either family.
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _listen_at_path(path: str) -> socket.socket:
    """Listen at a path; replace a socket that a killed process has left there, but not one that is in use."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(path)
    except OSError:
        with socket.socket(socket.AF_UNIX) as other:
            if not S_ISSOCK(os.stat(path).st_mode) or other.connect_ex(path) == 0:  # noqa: PTH116 - pathlib is slow
                raise
        os.unlink(path)  # noqa: PTH108 - pathlib is slow
        listener.bind(path)
    listener.listen()
    return listener


def _answer_all(listener: socket.socket, status: Status) -> None:
    selector, live = selectors.DefaultSelector(), list[_Connection]()

    def close(connection: _Connection) -> None:
        live.remove(connection)
        selector.unregister(connection.sock)
        connection.sock.close()

    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select(max(0.0, live[0].until - monotonic()) if live else None):
            if key.data is None:
                if sock := _accept(listener):
                    live.append(_Connection(sock, monotonic() + REQUEST_SECONDS))
                    selector.register(sock, selectors.EVENT_READ, live[-1])
            elif key.data in live and _receive(key.data, status):
                close(key.data)
        while live and (len(live) > CONNECTIONS_MAX or live[0].until <= monotonic()):
            close(live[0])


def _accept(listener: socket.socket) -> socket.socket | None:
    try:
        sock, _address = listener.accept()
    except OSError:  # The client is gone already, or descriptors are short: held connections will end.
        sleep(FULL_SECONDS)
        return None
    sock.settimeout(0)
    return sock


def _receive(connection: _Connection, status: Status) -> bool:
    """Receive a part of the request, and answer once it is whole; return whether the connection is to be closed."""
    try:
        part = connection.sock.recv(REQUEST_MAX)
        connection.head += part
        if b"\r\n\r\n" in connection.head:
            # The buffer is empty, and a few hundred octets always fit.
            connection.sock.send(_make_response(connection.head, status))
            connection.sock.shutdown(socket.SHUT_WR)
            return True
    except BlockingIOError:
        return False
    except OSError:
        return True
    return not part or len(connection.head) > REQUEST_MAX


def _make_response(head: bytes, status: Status) -> bytes:
    words = head.partition(b"\r\n")[0].decode("ascii", "replace").split(" ")
    code, kind, text = 400, PLAIN, ""
    if len(words) == 3 and words[2].startswith("HTTP/1."):
        code = 405 if words[0] not in ("GET", "HEAD") else 404
        path = PATHS.get(words[1].partition("?")[0])
        if path and code == 404:
            good, text = path[0](status, monotonic())
            code, kind, text = 200 if good else 503, path[1], f"{text}\n"
    lines = [
        f"HTTP/1.1 {code} {REASONS[code]}", f"Content-Type: {kind}", f"Content-Length: {len(text)}",
        "Cache-Control: no-store", "Connection: close", "", "" if words[0] == "HEAD" else text,
    ]  # fmt: skip
    return "\r\n".join(lines).encode()
