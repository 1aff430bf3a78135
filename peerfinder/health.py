"""The answers to probes: HTTP on a port or on a Unix socket, in one thread, read-only, without authentication.

Knows the little of HTTP that a kubelet, Prometheus and `peer-finder healthz` speak.
Every answer is made of what the loop has noted already; who asks slowly or too often costs nothing and stops nobody.
The server of the standard library is left out: its import alone is 60 ms and 7 MB.
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

from peerfinder.core import status
from peerfinder.core.status import Status
from peerfinder.errors import HealthNotServedError, UsageError

MOST = 32
"""So many connections are held at a time; for one more the oldest is cut."""

REQUEST_SECONDS = 2.0
"""The longest time for a request."""

REQUEST_MAX = 8192
"""The longest request, octets."""

FULL_SECONDS = 0.1
"""Pause after a connection that could not be taken."""

PLAIN = "text/plain; charset=utf-8"

PATHS: dict[str, tuple[Callable[[Status, float], tuple[bool, str]], str]] = {
    "/livez": (status.livez, PLAIN),
    "/readyz": (status.readyz, PLAIN),
    "/metrics": (status.metrics, "text/plain; version=0.0.4; charset=utf-8"),
}

REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


@dataclass
class _Connection:
    """Somebody who asks."""

    sock: socket.socket
    until: float
    """When it is cut, monotonic, seconds."""
    head: bytes = b""
    """What came so far."""


def serve(where: str, told: Status) -> None:
    """Answer at *where*, [ADDRESS]:PORT or the path of a socket, until the process ends.

    Raises UsageError for what is neither, HealthNotServedError when it cannot be listened there, or no thread started.
    """
    listener = _listener(where)
    listener.settimeout(0)
    # Signals are for the main thread, whose waits they end.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        threading.Thread(target=_answer_all, args=(listener, told), daemon=True).start()
    except RuntimeError as exc:
        listener.close()
        raise HealthNotServedError(f"nobody can answer at {where}: {exc}; raise the limit of processes") from exc
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def address(where: str) -> tuple[str, int] | str:
    """Read [ADDRESS]:PORT, or a path; raises UsageError."""
    if "/" in where:
        return where
    host, colon, port = where.rpartition(":")
    if not (colon and port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        raise UsageError(f"invalid value {where!a} for -health: it should be [ADDRESS]:PORT or the path of a socket")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _listener(where: str) -> socket.socket:
    at = address(where)
    try:
        if isinstance(at, str):
            return _at_path(at)
        if at[0]:
            family = socket.AF_INET6 if ":" in at[0] else socket.AF_INET
            return socket.create_server(at, family=family)
        # The kubelet probes the pod's first address, which is of either family.
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", at[1]), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", at[1]))
    except OSError as exc:
        raise HealthNotServedError(f"nothing can listen at {where}: {exc.strerror or exc}; change -health") from exc


def _at_path(path: str) -> socket.socket:
    """Listen at a path; the socket that a killed process has left there is replaced, a living one is not."""
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


def _answer_all(listener: socket.socket, told: Status) -> None:
    selector, live = selectors.DefaultSelector(), list[_Connection]()

    def forget(one: _Connection) -> None:
        live.remove(one)
        selector.unregister(one.sock)
        one.sock.close()

    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select(max(0.0, live[0].until - monotonic()) if live else None):
            if key.data is None:
                if sock := _accepted(listener):
                    live.append(_Connection(sock, monotonic() + REQUEST_SECONDS))
                    selector.register(sock, selectors.EVENT_READ, live[-1])
            elif key.data in live and _is_done(key.data, told):
                forget(key.data)
        while live and (len(live) > MOST or live[0].until <= monotonic()):
            forget(live[0])


def _accepted(listener: socket.socket) -> socket.socket | None:
    try:
        sock, _address = listener.accept()
    except OSError:  # It is gone already, or descriptors are short: those that are held will end.
        sleep(FULL_SECONDS)
        return None
    sock.settimeout(0)
    return sock


def _is_done(one: _Connection, told: Status) -> bool:
    """Take in what came, and answer if that is a whole request; tell whether the connection is over."""
    try:
        part = one.sock.recv(REQUEST_MAX)
        one.head += part
        if b"\r\n\r\n" in one.head:
            # Into an empty buffer: a few hundred octets always fit.
            one.sock.send(_answer(one.head, told))
            one.sock.shutdown(socket.SHUT_WR)
            return True
    except BlockingIOError:
        return False
    except OSError:
        return True
    return not part or len(one.head) > REQUEST_MAX


def _answer(head: bytes, told: Status) -> bytes:
    words = head.partition(b"\r\n")[0].decode("ascii", "replace").split(" ")
    code, kind, text = 400, PLAIN, ""
    if len(words) == 3 and words[2].startswith("HTTP/1."):
        code = 405 if words[0] not in ("GET", "HEAD") else 404
        path = PATHS.get(words[1].partition("?")[0])
        if path and code == 404:
            good, text = path[0](told, monotonic())
            code, kind, text = 200 if good else 503, path[1], f"{text}\n"
    lines = [
        f"HTTP/1.1 {code} {REASONS[code]}", f"Content-Type: {kind}", f"Content-Length: {len(text)}",
        "Cache-Control: no-store", "Connection: close", "", "" if words[0] == "HEAD" else text,
    ]  # fmt: skip
    return "\r\n".join(lines).encode()
