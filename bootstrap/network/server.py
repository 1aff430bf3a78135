"""Answers other agents over HTTP: verified requests only."""

from collections.abc import Callable

from bootstrap.core.model.codec import (
    Json,
    MessageInvalidError,
    decode,
    dump_record,
    encode,
    load_prepare,
)
from bootstrap.core.model.facts import PodState
from bootstrap.core.model.messages import Prepare, Refusal
from bootstrap.network.auth import Message
from bootstrap.network.http_server import Bounded, OneRequest
from bootstrap.network.protocol import DEADLINE_S, MAX_BODY, MAX_HEAD, PREPARE, RECORD, Membership

MAX_CONNECTIONS = 64
"""At once; for one more the oldest is cut: a member needs milliseconds, and who only holds on must not shut it out."""


class Server(Bounded):
    """Answers other agents."""

    def __init__(
        self,
        address: tuple[str, int],
        membership: Membership,
        record: Callable[[], PodState],
        prepare: Callable[[Prepare], Refusal | None],
        noticed: Callable[[str, str], None] = lambda _sender, _state: None,
    ) -> None:
        """Listen at once; `record`, `prepare` and `noticed` (who asks, and its state) are called from other threads."""
        self.membership = membership
        self.noticed = noticed
        self.own_record = record
        self.own_prepare = prepare
        super().__init__(address, Handler, MAX_CONNECTIONS)

    def reply_to(self, request: Message) -> Json | None:
        """The answer to a verified request, or None when there is no such path."""
        if request.target == f"GET {RECORD}":
            return dump_record(self.own_record())
        if request.target == f"POST {PREPARE}":
            prepare = load_prepare(decode(request.body))
            winner, promise = prepare.candidate, prepare.promise
            itself = winner.ordinal == promise.candidate and winner.pod.endswith(f"-{winner.ordinal}")
            if request.sender != f"{winner.pod}/{promise.boot_id}" or not itself:
                raise MessageInvalidError("a pod can ask for a promise for itself only")
            refusal = self.own_prepare(prepare)
            return {"record": dump_record(self.own_record()), "refusal": refusal.reason if refusal else None}
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
