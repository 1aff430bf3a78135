"""Answers other agents over HTTP: verified requests only."""

from collections.abc import Callable

from bootstrap.core.model.codec import MessageInvalidError, decode, encode
from bootstrap.core.model.facts import PodState
from bootstrap.core.model.messages import Prepare, PrepareReply, Refusal
from bootstrap.core.model.text import one_line
from bootstrap.network.auth import Message
from bootstrap.network.http_server import Bounded, OneRequest
from bootstrap.network.protocol import DEADLINE_S, MAX_BODY, MAX_HEAD, PREPARE, STATE, Membership

MAX_CONNECTIONS = 64
"""At once; for one more the oldest is cut: a member needs milliseconds, and who only holds on must not shut it out."""


class Server(Bounded):
    """Answers other agents."""

    def __init__(
        self,
        address: tuple[str, int],
        membership: Membership,
        own_state: Callable[[], PodState],
        promise: Callable[[Prepare], Refusal | None],
        noticed: Callable[[str, str], None] = lambda _sender, _state: None,
    ) -> None:
        """Listen at once.  The functions are called from other threads; `noticed` gets the asker and its state."""
        self.membership = membership
        self.noticed = noticed
        self.own_state = own_state
        self.promise = promise
        super().__init__(address, Handler, MAX_CONNECTIONS)

    def reply_to(self, request: Message) -> PodState | PrepareReply | None:
        """The answer to a verified request; None when there is no such path.  Raises MessageInvalidError."""
        if request.target == f"GET {STATE}":
            return self.own_state()
        if request.target == f"POST {PREPARE}":
            prepare = decode(Prepare, request.body)
            candidate, promise = prepare.candidate, prepare.promise
            itself = candidate.ordinal == promise.candidate and candidate.pod.endswith(f"-{candidate.ordinal}")
            if request.sender != f"{candidate.pod}/{promise.boot_id}" or not itself:
                raise MessageInvalidError("a pod can ask for a promise for itself only")
            refusal = self.promise(prepare)
            return PrepareReply(self.own_state(), refusal and Refusal(one_line(refusal.reason)))
        return None


class Handler(OneRequest):
    """Verify, answer, close."""

    server: Server
    timeout = DEADLINE_S
    most = MAX_HEAD + MAX_BODY

    def do_GET(self) -> None:  # noqa: N802  # http.server's name
        """Answer a request without a body."""
        self._answer(b"")

    def do_POST(self) -> None:  # noqa: N802  # http.server's name
        """Answer a request with a bounded body."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 10) or int(length) > MAX_BODY:
            self._refuse(413)
            return
        self._answer(self.rfile.read(int(length)))

    def _answer(self, body: bytes) -> None:
        me = self.server.membership
        sender, nonce = self.headers.get("Sender", ""), self.headers.get("Nonce", "")
        request = Message("request", f"{self.command} {self.path}", me.cluster_id, sender, me.pod, nonce, body)
        if not request.verified(me.keys, self.headers.get("Seal", "")):
            self._refuse(403)
            return
        # Not under the seal, which an agent of an earlier version would not understand: a hint, and nobody believes it.
        self.server.noticed(sender, self.headers.get("State", ""))
        try:
            reply = self.server.reply_to(request)
        except MessageInvalidError:
            self._refuse(400)
            return
        if reply is None:
            self._refuse(404)
            return
        raw = encode(reply)
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.send_header("Sender", me.sender)
        self.send_header("Seal", request.answer(me.sender, raw).seal(self._key(request)))
        self.end_headers()
        self.wfile.write(raw)

    def _key(self, request: Message) -> bytes:
        """The key that the asker sealed with: while keys are rotated it may not have ours yet."""
        seal = self.headers.get("Seal", "")
        return next(key for key in self.server.membership.keys if request.verified((key,), seal))

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
