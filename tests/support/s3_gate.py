"""A gate before an S3 server: it passes requests on, and answers or cuts them as a network or a provider may."""

import http.client
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'

HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}


class Gate(ThreadingHTTPServer):
    """It listens on loopback; its attributes change what happens to the requests that come from now on."""

    daemon_threads = True

    def __init__(self, address: str, server: tuple[str, int], key: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__((address, 0), _Passer)
        self.scheme = "https" if tls else "http"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.behind = server
        self.key = key
        """The only access key that is known."""
        self.room: int | None = None
        """Bytes that may still be uploaded before the bucket is full; None = no limit."""
        self.cut_after: int | None = None
        """Bytes that may still be uploaded before every connection is cut in the middle; None = no limit."""
        self.is_silent = False
        """It accepts connections, and never answers."""
        self.falls_silent_at_lock = False
        """It becomes silent once the lock of a job is there."""
        self.uploaded = 0
        """Bytes of all uploads so far."""
        self.guard = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.server_address[0]!s}:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """A cut connection is no fault of the gate."""

    def __enter__(self) -> "Gate":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Passer(BaseHTTPRequestHandler):
    server: Gate
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_: object) -> None:
        """Nothing: the server behind logs enough."""

    def do_any(self) -> None:
        gate = self.server
        length = int(self.headers.get("Content-Length") or 0)
        if gate.is_silent:
            threading.Event().wait(120)
            return self._cut()
        if f"Credential={gate.key}/" not in self.headers.get("Authorization", ""):
            self.rfile.read(length)
            return self._refuse(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist.")
        if self.command == "PUT":
            with gate.guard:
                gate.uploaded += length
                full = gate.room is not None and length > gate.room
                if gate.room is not None and not full:
                    gate.room -= length
                cut = gate.cut_after is not None and length > gate.cut_after
                if gate.cut_after is not None and not cut:
                    gate.cut_after -= length
            if cut:
                self.rfile.read(length // 2)
                return self._cut()
            if full:
                self.rfile.read(length)
                # As Ceph answers (rgw_common.cc, QuotaExceeded).
                return self._refuse(403, "QuotaExceeded", "The quota of this bucket is exceeded.")
        self._pass(self.rfile.read(length))
        if gate.falls_silent_at_lock and self.command == "PUT" and "/locks/" in self.path:
            gate.is_silent = True
        return None

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_any  # noqa: N815  # http.server's names

    def _pass(self, body: bytes) -> None:
        behind = http.client.HTTPConnection(*self.server.behind, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            behind.request(self.command, self.path, body, headers)
            answer = behind.getresponse()
            content = answer.read()
        except OSError:
            self._cut()
            return
        finally:
            behind.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _refuse(self, status: int, code: str, message: str) -> None:
        content = ERROR.format(code=code, message=message).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.close()
