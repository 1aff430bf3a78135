"""An HTTP server with a thread for each connection, and bounds on what clients can make it hold and wait for.

A client that only holds on costs a thread until its time is over, or until it is the oldest of too many; it never
shuts the next one out.
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
"""As socketserver has it; the second form is for UDP."""


class Bounded(ThreadingTCPServer):
    """Listens at once; not the one of http.server, which asks DNS for the machine's name before it listens."""

    allow_reuse_address = True
    daemon_threads = True
    # Longer than the bound: accepting is quick, and who finds the queue full tries again only after a second.
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], handler: type[BaseRequestHandler], most: int) -> None:
        """Serve at most so many connections at a time; for one more the oldest is cut.  Raises OSError."""
        self.most = most
        self.guard = threading.Lock()
        self.live: dict[object, None] = {}
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Where all addresses are meant, those of IPv4, too, whatever the machine's default."""
        if self.address_family == socket.AF_INET6:
            only = self.server_address[0] != "::"
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        super().server_bind()

    def process_request(self, request: Request, client_address: object) -> None:
        """Give the connection a thread; when there are too many, cut the oldest."""
        with self.guard:
            while len(self.live) >= self.most:
                oldest = next(iter(self.live))
                del self.live[oldest]
                shut(oldest)
            self.live[request] = None
        super().process_request(request, client_address)

    def process_request_thread(self, request: Request, client_address: object) -> None:
        """Serve one connection in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.guard:
                self.live.pop(request, None)

    def handle_error(self, request: object, client_address: object) -> None:  # socketserver's signature
        """A caller that breaks off is nothing to log."""


class Limited(io.RawIOBase):
    """What a client sends, up to a number of bytes and for so many seconds in all."""

    def __init__(self, sock: socket.socket, most: int, seconds: float) -> None:
        super().__init__()
        self.sock = sock
        self.left = most
        self.seconds = seconds
        self.end = time.monotonic() + seconds

    def readable(self) -> bool:
        """For io.BufferedReader."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Wait for more.  Raises TimeoutError or ConnectionAbortedError at a bound: cut off is not ended."""
        room, seconds = memoryview(buffer)[: self.left], self.end - time.monotonic()
        if not room:
            raise ConnectionAbortedError("the request is too long")
        if seconds <= 0:
            raise TimeoutError("the request is too slow")
        self.sock.settimeout(seconds)
        try:
            count = self.sock.recv_into(room)
        finally:
            self.sock.settimeout(self.seconds)  # what is left must do for the request, not for the answer
        self.left -= count
        return count


class OneRequest(BaseHTTPRequestHandler):
    """One connection: one request within its bounds, one answer, no line in the log."""

    timeout = 2.0
    """Seconds for the whole request, and again for taking the answer: a single read could be repeated for ever."""
    most = 8192
    """Bytes of the whole request; what probes and members send is below."""
    server_version = "galera-bootstrap"
    sys_version = ""

    def setup(self) -> None:
        """Read from the client within bounds only."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(Limited(self.connection, self.most, self.timeout))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """One line a request would be some lines a second."""


def shut(sock: object) -> None:
    """Cut a connection, whatever its other users are doing with it."""
    if isinstance(sock, socket.socket):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
