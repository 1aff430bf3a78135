"""A port for the kubelet's probes and for Prometheus: HTTP, read-only, without authentication, texts only."""

import contextlib
from collections.abc import Callable
from http import HTTPStatus

from bootstrap.network.http_server import BoundedServer, OneRequestHandler

MAX_CONNECTIONS = 32
"""At a time; a probe needs milliseconds."""

PLAIN = "text/plain; charset=utf-8"

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
"""The text exposition format of Prometheus."""

Answer = tuple[int, str, str]
"""Status, type and text."""


class TextServer(BoundedServer):
    """Answers every client that can reach the port."""

    def __init__(self, address: tuple[str, int], answer: Callable[[str], Answer | None]) -> None:
        """Listen at once; `answer` gets a path, is called from other threads, and must not block.  Raises OSError."""
        self.answer = answer
        super().__init__(address, Handler, MAX_CONNECTIONS)


def listen(address: str, port: int, answer: Callable[[str], Answer | None]) -> TextServer:
    """Listen at this address; 0.0.0.0 includes the addresses of IPv6 where there are any.  Raises OSError.

    The kubelet probes the pod's first address, which may be of either family.
    """
    if address == "0.0.0.0":  # noqa: S104  # the setting's default: a pod's own network
        with contextlib.suppress(OSError):
            return TextServer(("::", port), answer)
    return TextServer((address, port), answer)


class Handler(OneRequestHandler):
    """Answers GET and HEAD."""

    server: TextServer

    def do_GET(self) -> None:  # noqa: N802  # http.server's name
        """Answer with a text."""
        self._answer(body=True)

    def do_HEAD(self) -> None:  # noqa: N802  # http.server's name
        """Answer with the same status and headers, without the text."""
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        found = self.server.answer(self.path.partition("?")[0])
        self._send(found or (HTTPStatus.NOT_FOUND, PLAIN, ""), body=body)

    def _send(self, answer: Answer, *, body: bool) -> None:
        status, kind, text = answer
        raw = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        if body:
            self.wfile.write(raw)
