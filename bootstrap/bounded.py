"""A TCP server with a thread for each connection and a bound on their number.

A client that only holds on costs a thread until it is the oldest of too many; it never shuts the next one out.
"""

import contextlib
import socket
import threading
from socketserver import BaseRequestHandler, ThreadingTCPServer

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


def shut(sock: object) -> None:
    """Cut a connection, whatever its other users are doing with it."""
    if isinstance(sock, socket.socket):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
