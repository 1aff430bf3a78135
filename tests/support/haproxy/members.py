"""Members that are a name and two ports: one sends its name to each client, one answers the probe as the test wants it.

They test what HAProxy does with a member's answers.  Other tests use real members and their answers.
"""

import http.server
import socketserver
import threading
from types import TracebackType
from typing import Self

from tests.lab.lab import Lab
from tests.lab.layout import HEALTH_PORT


class _Port(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128
    daemon_threads = True
    name = ""


class _Probe(http.server.ThreadingHTTPServer):
    daemon_threads = True
    ready = True
    refusals = 0
    """How many of the next answers are negative."""


class _NameHandler(socketserver.BaseRequestHandler):
    """Sends the member's name at once, and again for each message."""

    server: _Port

    def handle(self) -> None:
        try:
            self.request.sendall(f"{self.server.name}\n".encode())
            while self.request.recv(100):
                self.request.sendall(f"{self.server.name}\n".encode())
        except OSError:
            return


class _ProbeHandler(http.server.BaseHTTPRequestHandler):
    server: _Probe

    def do_GET(self) -> None:
        ready = self.server.ready and self.path == "/readyz"
        if self.server.refusals:
            self.server.refusals -= 1
            ready = False
        self.send_response(200 if ready else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Members:
    """Members of a lab, by ordinal."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._servers: dict[int, tuple[_Port, _Probe]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        for ordinal in list(self._servers):
            self.die(ordinal)

    def add(self, ordinal: int, ip: str | None = None) -> None:
        """Add a member that is ready, and in DNS; at its address in the lab, or at another one if given."""
        ip, name = ip or self._lab.layout.ip(ordinal), f"mysql-{ordinal}"
        port, probe = _Port((ip, 3306), _NameHandler), _Probe((ip, HEALTH_PORT), _ProbeHandler)
        port.name = name
        self._servers[ordinal] = port, probe
        for server in (port, probe):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self._lab.nameserver.publish(name, ip)

    def set_ready(self, ordinal: int, *, value: bool) -> None:
        """Set the member's answer to the probe from now on."""
        self._servers[ordinal][1].ready = value

    def fail_probes(self, ordinal: int, answers: int) -> None:
        """Let so many answers to the probe be negative; then the member is ready again."""
        self._servers[ordinal][1].refusals = answers

    def is_failing(self, ordinal: int) -> bool:
        """Whether some negative answers are left."""
        return self._servers[ordinal][1].refusals > 0

    def refuse_clients(self, ordinal: int) -> None:
        """Refuse new clients; connected clients may stay, and the probe does not notice it."""
        port, _ = self._servers[ordinal]
        port.shutdown()
        port.server_close()

    def die(self, ordinal: int) -> None:
        """Close both ports; the name stays in DNS."""
        for server in self._servers.pop(ordinal):
            server.shutdown()
            server.server_close()
