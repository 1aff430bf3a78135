"""Answers other agents over HTTP, if their requests are sealed."""

from collections.abc import Callable
from typing import NamedTuple

from bootstrap.core.model.codec import MessageInvalidError, decode, encode
from bootstrap.core.model.facts import PodState
from bootstrap.core.model.messages import PodNote, Prepare, PrepareReply, Refusal
from bootstrap.core.model.text import one_line
from bootstrap.core.status.events import PodEvents
from bootstrap.network.auth import Message
from bootstrap.network.callers import Callers
from bootstrap.network.http_server import BoundedServer, OneRequestHandler
from bootstrap.network.protocol import DEADLINE_S, EVENTS, MAX_BODY, MAX_HEAD, NOTE, PREPARE, STATE, Membership

MAX_CONNECTIONS = 64
"""At a time; for one more the oldest is cut: a member needs milliseconds, and an idle client must not block it."""


class Answers(NamedTuple):
    """What other agents get; the functions are called from the server's threads."""

    own_state: Callable[[], PodState]
    """The pod's state."""
    promise: Callable[[Prepare], Refusal | None]
    """A request for a promise; why it is refused."""
    may_answer: Callable[[str, str], bool] = lambda _sender, _state: True
    """Each sender and its state, before it is answered."""
    own_note: Callable[[], PodNote] = lambda: PodNote("none", "", "")
    """What the pod says to humans."""
    own_events: Callable[[], PodEvents] = lambda: PodEvents(0.0, ())
    """What has happened on the pod; its JSON fits into MAX_BODY."""


class Server(BoundedServer):
    """Answers other agents."""

    def __init__(self, address: tuple[str, int], membership: Membership, answers: Answers) -> None:
        """Listen at once."""
        self.membership = membership
        self.callers = Callers()
        self.answers = answers
        super().__init__(address, Handler, MAX_CONNECTIONS)

    def reply_to(self, request: Message) -> PodState | PrepareReply | PodNote | PodEvents | None:
        """Answer a sealed request; None if there is no such path.  Raises MessageInvalidError."""
        if request.target == f"GET {STATE}":
            return self.answers.own_state()
        if request.target == f"GET {NOTE}":
            return self.answers.own_note()
        if request.target == f"GET {EVENTS}":
            return self.answers.own_events()
        if request.target == f"POST {PREPARE}":
            prepare = decode(Prepare, request.body)
            candidate, promise = prepare.candidate, prepare.promise
            is_own = candidate.ordinal == promise.candidate and candidate.pod.endswith(f"-{candidate.ordinal}")
            if request.sender != f"{candidate.pod}/{promise.run_id}" or not is_own:
                raise MessageInvalidError("a pod can ask for a promise for itself only")
            refusal = self.answers.promise(prepare)
            return PrepareReply(self.answers.own_state(), refusal and Refusal(one_line(refusal.reason)))
        return None


class Handler(OneRequestHandler):
    """Verify, answer, close."""

    server: Server
    timeout = DEADLINE_S
    max_bytes = MAX_HEAD + MAX_BODY

    def do_GET(self) -> None:  # noqa: N802  # http.server's name
        """Answer a request without a body."""
        self._answer(b"")

    def do_POST(self) -> None:  # noqa: N802  # http.server's name
        """Answer a request with a body of limited length."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 10) or int(length) > MAX_BODY:
            self.refuse(413)
            return
        self._answer(self.rfile.read(int(length)))

    def _answer(self, body: bytes) -> None:
        me = self.server.membership
        names = ("Sender", "Receiver", "Nonce", "State")
        sender, receiver, nonce, state = (self.headers.get(name, "") for name in names)
        target = f"{self.command} {self.path}"
        request = Message("request", target, me.cluster_id, sender, receiver, nonce, body, state)
        is_for_me = receiver.partition("/")[0] == me.pod
        if not is_for_me or not request.is_sealed(me.keys, self.headers.get("Seal", "")):
            self.refuse(403)
            return
        if receiver != me.sender:
            self._send(409, b"", request.answer_run(me.sender).seal(self._key(request)))
            return
        if not self.server.callers.is_new(sender, nonce):
            self.refuse(410)
            return
        if not self.server.answers.may_answer(sender, state):
            self.refuse(503)
            return
        try:
            reply = self.server.reply_to(request)
        except MessageInvalidError:
            self.refuse(400)
            return
        if reply is None:
            self.refuse(404)
            return
        raw = encode(reply)
        self._send(200, raw, request.answer(me.sender, raw).seal(self._key(request)))

    def _send(self, status: int, raw: bytes, seal: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.send_header("Sender", self.server.membership.sender)
        self.send_header("Seal", seal)
        self.end_headers()
        self.wfile.write(raw)

    def _key(self, request: Message) -> bytes:
        """The key of the request's seal: while keys are rotated, its sender may not have our newest one yet."""
        seal = self.headers.get("Seal", "")
        return next(key for key in self.server.membership.keys if request.is_sealed((key,), seal))
