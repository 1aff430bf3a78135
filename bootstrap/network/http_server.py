"""An HTTP server with a thread for each connection, and limits on the number, size and time of requests.

A client that only keeps its connection open costs a thread until its time is over, or until it is the oldest of too
many; it never blocks the next one.
"""

import contextlib
import io
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Request = socket.socket | tuple[bytes, socket.socket]
"""As in socketserver; the second form is for UDP."""


class BoundedServer(ThreadingTCPServer):
    """Listens at once, unlike http.server's, which asks DNS for the machine's name before it listens."""

    allow_reuse_address = True
    daemon_threads = True
    # Longer than the limit: accepting is quick, and a client that finds the queue full retries after a second.
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], handler: type[BaseRequestHandler], max_connections: int) -> None:
        """Serve at most so many connections at a time; for one more the oldest is cut.  Raises OSError."""
        self.max_connections = max_connections
        self.guard = threading.Lock()
        self.connections: dict[object, None] = {}
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """At `::` listen on the addresses of IPv4, too, whatever the machine's default is."""
        if self.address_family == socket.AF_INET6:
            only = self.server_address[0] != "::"
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        super().server_bind()

    def process_request(self, request: Request, client_address: object) -> None:
        """Give the connection a thread; if there are too many, cut the oldest."""
        with self.guard:
            while len(self.connections) >= self.max_connections:
                oldest = next(iter(self.connections))
                del self.connections[oldest]
                cut(oldest)
            self.connections[request] = None
        super().process_request(request, client_address)

    def process_request_thread(self, request: Request, client_address: object) -> None:
        """Serve one connection in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.guard:
                self.connections.pop(request, None)

    def handle_error(self, request: object, client_address: object) -> None:  # socketserver's signature
        """Log nothing when a client breaks off."""


class BoundedReader(io.RawIOBase):
    """Reads what a client sends, up to a number of bytes, and within a number of seconds in all."""

    def __init__(self, sock: socket.socket, max_bytes: int, seconds: float) -> None:
        super().__init__()
        self.sock = sock
        self.left = max_bytes
        self.seconds = seconds
        self.end = time.monotonic() + seconds

    def readable(self) -> bool:
        """For io.BufferedReader."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Wait for more.  Raises TimeoutError or ConnectionAbortedError at a limit: the data are cut, not ended."""
        room, seconds = memoryview(buffer)[: self.left], self.end - time.monotonic()
        if not room:
            raise ConnectionAbortedError("the request is too long")
        if seconds <= 0:
            raise TimeoutError("the request is too slow")
        self.sock.settimeout(seconds)
        try:
            count = self.sock.recv_into(room)
        finally:
            self.sock.settimeout(self.seconds)  # the time left is for the request, not for the answer
        self.left -= count
        return count


class OneRequestHandler(BaseHTTPRequestHandler):
    """One connection: one request within its limits, one answer, no line in the log."""

    timeout = 2.0
    """Seconds for the whole request, and again for sending the answer: a limit per read could be renewed forever."""
    max_bytes = 8192
    """Bytes of the whole request; probes and members send less."""
    server_version = "galera-bootstrap"
    sys_version = ""

    def setup(self) -> None:
        """Read from the client within the limits only."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(BoundedReader(self.connection, self.max_bytes, self.timeout))

    def parse_request(self) -> bool:
        """Read the head; whether it is a request by the letter, with a version, for exactly the path that it names.

        http.server would answer one without a version, and would shorten `//path`, as other programs read it.
        """
        if not super().parse_request():
            return False
        words = self.requestline.split()
        if len(words) != 3 or words[1] != self.path:
            self.refuse(400)
            return False
        return True

    def refuse(self, status: int) -> None:
        """Answer with a status only, also where no version of the protocol was named."""
        self.request_version = self.protocol_version
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Refuse a request; the base class would repeat it in a page of HTML."""
        self.refuse(code)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Log nothing: a line for each request would be several lines a second."""


def cut(sock: object) -> None:
    """Shut a connection down, whatever other threads are doing with it."""
    if isinstance(sock, socket.socket):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
