"""Asks other agents for their state and for promises: HTTP/1.1, JSON, sealed with an HMAC in both directions.

Knows how a message travels and who may send one, but not what it means for a decision.
Every fault on the way becomes an `Unknown` with its reason: refused, silent, too long, wrongly sealed.  It also notes
whether anything answered at that address, because a pod that is not understood is not silent.
"""

import errno
import itertools
import secrets
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TypeVar

from bootstrap.core.model.codec import MessageInvalidError, decode, encode
from bootstrap.core.model.facts import PodState
from bootstrap.core.model.messages import PodNote, Prepare, PrepareReply
from bootstrap.core.model.text import one_line
from bootstrap.core.model.unknown import (
    HANGS,
    ITS_VOLUME,
    SAME_KEY,
    SAME_RELEASE,
    UNREACHED,
    WRONG_ADDRESS,
    Contact,
    Unknown,
)
from bootstrap.core.status.events import PodEvents
from bootstrap.network.auth import Message
from bootstrap.network.callers import make_nonce
from bootstrap.network.http_server import cut
from bootstrap.network.protocol import DEADLINE_S, EVENTS, MAX_BODY, NOTE, PREPARE, STATE, Membership, Reply

About = TypeVar("About", PodState, PrepareReply)


class Client:
    """Asks other agents."""

    def __init__(self, membership: Membership, port: int) -> None:
        self.membership = membership
        self.port = port
        self.runs: dict[str, str] = {}
        """By pod, the run of its agent as it last answered."""
        self.numbers = itertools.count(time.monotonic_ns())
        """What a request has that a later one of this run has more of."""
        self.state: Callable[[], str] = lambda: ""
        """Returns the state of the own agent that peers may be waiting for; empty = none."""

    @property
    def port_cure(self) -> str:
        """The cure of every `Unknown` of a peer from which nothing came at all."""
        return f"{UNREACHED} {self.port}"

    def ask_state(self, pod: str, address: str) -> PodState | Unknown:
        """Ask a pod for its state."""
        reply = self._exchange("GET", STATE, pod, address, b"")
        return reply if isinstance(reply, Unknown) else _parse(pod, reply, PodState)

    def ask_promise(self, pod: str, address: str, prepare: Prepare) -> PrepareReply | Unknown:
        """Ask a pod to promise."""
        reply = self._exchange("POST", PREPARE, pod, address, encode(prepare))
        return reply if isinstance(reply, Unknown) else _parse(pod, reply, PrepareReply)

    def ask_note(self, pod: str, address: str) -> PodNote | Unknown:
        """Ask a pod what it says to humans."""
        reply = self._exchange("GET", NOTE, pod, address, b"")
        return reply if isinstance(reply, Unknown) else _decode(reply, PodNote)

    def ask_events(self, pod: str, address: str) -> PodEvents | Unknown:
        """Ask a pod what has happened there."""
        reply = self._exchange("GET", EVENTS, pod, address, b"")
        return reply if isinstance(reply, Unknown) else _decode(reply, PodEvents)

    def _exchange(self, method: str, path: str, pod: str, address: str, body: bytes) -> bytes | Unknown:
        """Ask with the newest key, then with the previous one: a pod not restarted yet knows only that (R34)."""
        was_refused = False
        for key in self.membership.keys:
            reply = self._ask(key, f"{method} {path}", pod, address, body)
            if reply is not FORBIDDEN:
                # What has refused one key lives, whatever the next question meets.
                return FORBIDDEN if was_refused and isinstance(reply, Unknown) and reply.is_silent else reply
            was_refused = True
        return FORBIDDEN

    def _ask(self, key: bytes, target: str, pod: str, address: str, body: bytes) -> bytes | Unknown:
        """Ask the run of the agent that answered last; another one shows which it is, and is asked then."""
        reply = self._ask_run(key, target, pod, address, body)
        return self._ask_run(key, target, pod, address, body) if reply is ANOTHER_RUN else reply

    def _ask_run(self, key: bytes, target: str, pod: str, address: str, body: bytes) -> bytes | Unknown:
        me = self.membership
        nonce = make_nonce(next(self.numbers), secrets.token_hex(16))
        receiver = f"{pod}/{self.runs.get(pod, '')}"
        request = Message("request", target, me.cluster_id, me.sender, receiver, nonce, body, self.state())
        headers = {"Sender": me.sender, "Receiver": receiver, "Nonce": nonce, "State": request.state}
        headers["Seal"] = request.seal(key)
        answer = _fetch(HTTPConnection(address, self.port, timeout=DEADLINE_S), target, body, headers)
        if isinstance(answer, Unknown):
            return answer._replace(cure=self.port_cure)
        response, raw = answer
        if response.status == HTTPStatus.FORBIDDEN:
            return FORBIDDEN
        sender, seal = response.getheader("Sender", ""), response.getheader("Seal", "")
        if response.status == HTTPStatus.CONFLICT and request.answer_run(sender).is_sealed(me.keys, seal):
            self.runs[pod] = sender.partition("/")[2]
            return ANOTHER_RUN
        if response.status != HTTPStatus.OK:
            cure = ITS_VOLUME if response.status == HTTPStatus.SERVICE_UNAVAILABLE else SAME_RELEASE
            return Unknown(f"it answers {response.status} {one_line(response.reason)[:40]}", cure, Contact.ANSWER)
        if len(raw) > MAX_BODY or not request.answer(sender, raw).is_sealed(me.keys, seal):
            return Unknown("its answer is not sealed with our key and cluster id", SAME_KEY, Contact.ANSWER)
        if sender.partition("/")[0] != pod:
            return Unknown(f"{sender.partition('/')[0]} answers in its place", WRONG_ADDRESS, Contact.ANSWER)
        return raw


ANOTHER_RUN = Unknown("its agent has restarted twice in a moment", contact=Contact.ANSWER)

FORBIDDEN = Unknown("it does not accept our key or our cluster id", SAME_KEY, Contact.ANSWER)


def _fetch(
    connection: HTTPConnection, target: str, body: bytes, headers: dict[str, str]
) -> tuple[HTTPResponse, bytes] | Unknown:
    """Send one request and read its whole answer, within the deadline.

    A peer that sends a byte now and then stays below every timeout of the socket, so a timer cuts the socket.  (Not the
    connection: while an answer without keep-alive is read, http.client no longer holds its socket.)
    """
    began, late = time.monotonic(), threading.Event()
    timer = threading.Timer(0, lambda: None)
    try:
        connection.connect()
    except (OSError, HTTPException, ValueError) as exc:
        connection.close()
        return Unknown(_explain(exc), contact=_contact_of(exc))
    try:
        timer = threading.Timer(DEADLINE_S - (time.monotonic() - began), _cut_late, [connection.sock, late])
        timer.daemon = True
        timer.start()
        method, _, path = target.partition(" ")
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        raw = response.read(MAX_BODY + 1)
    except (OSError, HTTPException, ValueError) as exc:
        is_slow = late.is_set() or isinstance(exc, TimeoutError)
        return SLOW if is_slow else Unknown(_explain(exc), contact=Contact.ANSWER)
    finally:
        timer.cancel()
        connection.close()
    return SLOW if late.is_set() else (response, raw)


SLOW = Unknown(f"no whole answer within {DEADLINE_S:g} s", HANGS, Contact.ANSWER)


def _decode(raw: bytes, kind: type[Reply]) -> Reply | Unknown:
    try:
        return decode(kind, raw)
    except MessageInvalidError as exc:
        return Unknown(f"its answer is not understood: {exc}", SAME_RELEASE, Contact.ANSWER)


def _parse(pod: str, raw: bytes, kind: type[About]) -> About | Unknown:
    reply = _decode(raw, kind)
    if isinstance(reply, Unknown):
        return reply
    state = reply if isinstance(reply, PodState) else reply.state
    # A pod answers only for itself, and its name ends in its ordinal.
    if state.pod != pod or not pod.endswith(f"-{state.ordinal}"):
        return Unknown(f"it answers as {state.pod}", WRONG_ADDRESS, Contact.ANSWER)
    return reply


def _contact_of(exc: Exception) -> Contact:
    """What a failed connect shows of the other end; a fault of this end shows nothing."""
    if isinstance(exc, ConnectionRefusedError):
        return Contact.REFUSAL
    if isinstance(exc, TimeoutError) or (isinstance(exc, OSError) and exc.errno in NO_WAY):
        return Contact.NOTHING
    return Contact.NOT_ASKED


NO_WAY = (errno.EHOSTUNREACH, errno.EHOSTDOWN)
"""The errors of a connect where no machine has that address; without a network of its own, a pod has asked nobody."""


def _explain(exc: Exception) -> str:
    if isinstance(exc, TimeoutError):
        return f"silent for {DEADLINE_S:g} s"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror.lower()
    # This text may come from any program at that address, and it goes to logs and terminals.
    return one_line(str(exc))[:80].strip() or type(exc).__name__


def _cut_late(sock: socket.socket, late: threading.Event) -> None:
    late.set()
    cut(sock)
