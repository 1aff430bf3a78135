"""The port for the kubelet's probes and for Prometheus: HTTP, read-only, without authentication.

Every answer is made of what the agent knows already: it waits for nobody, so that a probe costs nothing and cannot be
used to load the database.  Nothing in it is a name, a uuid, an address or a position, unless the settings ask for it.
"""

import contextlib
from collections.abc import Callable
from http import HTTPStatus

from bootstrap.core.status import probes
from bootstrap.core.status.metrics import metrics as text
from bootstrap.core.status.probes import ProbeView, Readiness
from bootstrap.network.http_server import Bounded, OneRequest

MAX_CONNECTIONS = 32
"""At once; a probe needs milliseconds."""

PLAIN = "text/plain; charset=utf-8"

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text exposition format."""

Answer = tuple[int, str, str]
"""Status, type and text."""


def livez(view: ProbeView) -> Answer:
    """Whether the agent lives; never about the server."""
    return (200, PLAIN, "live\n") if probes.is_alive(view) else (503, PLAIN, "stuck\n")


def readyz(view: ProbeView) -> Answer:
    """Whether clients may be sent to the server."""
    word = probes.find_readiness(view)
    return 200 if word is Readiness.READY else 503, PLAIN, f"{word}\n"


def metrics(view: ProbeView) -> Answer:
    """For Prometheus."""
    return 200, PROMETHEUS, text(view)


PATHS: dict[str, Callable[[ProbeView], Answer]] = {"/livez": livez, "/readyz": readyz, "/metrics": metrics}


class Server(Bounded):
    """Answers whoever can reach the port."""

    def __init__(self, address: tuple[str, int], view: Callable[[], ProbeView]) -> None:
        """Listen at once; `view` is called from other threads and must not block.  Raises OSError."""
        self.view = view
        super().__init__(address, Handler, MAX_CONNECTIONS)


def listen(address: str, port: int, view: Callable[[], ProbeView]) -> Server:
    """A server at this address; 0.0.0.0 means the addresses of IPv6, too, where there are any.  Raises OSError.

    The kubelet probes the pod's first address, and that is of either family.
    """
    if address == "0.0.0.0":  # noqa: S104  # the setting's default: a pod's own network
        with contextlib.suppress(OSError):
            return Server(("::", port), view)
    return Server((address, port), view)


class Handler(OneRequest):
    """Read-only."""

    server: Server

    def do_GET(self) -> None:  # noqa: N802  # http.server's name
        """Answer with a text."""
        self._answer(body=True)

    def do_HEAD(self) -> None:  # noqa: N802  # http.server's name
        """Answer with the same status and headers."""
        self._answer(body=False)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """A request that is not understood; the base class would repeat it in a page of HTML."""
        self._send((code, PLAIN, ""), body=False)

    def _answer(self, *, body: bool) -> None:
        path = PATHS.get(self.path.partition("?")[0])
        self._send(path(self.server.view()) if path else (HTTPStatus.NOT_FOUND, PLAIN, ""), body=body)

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
