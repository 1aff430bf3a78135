"""One DNS question to one server: over UDP, and over TCP when the answer is truncated.

Knows sockets, deadlines and what makes a datagram an answer to our question (RFC 5452 section 9).
Does not know what the answer means, nor which other server could be asked.
"""

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic

import dns.exception
import dns.flags
import dns.message

from peerfinder.dns.nameservers import Server
from peerfinder.dns.same_answer import Content, content
from peerfinder.errors import AnswerWithheldError, LookupFailedError

EDNS_SIZE = 1232
"""The largest UDP answer we ask for, octets: it crosses every usual path unfragmented (DNS flag day 2020)."""

WINDOW = 100
"""How many questions of many are on their way at once: what a socket's buffer holds even where it is small."""

AGAIN_SECONDS = 0.5
"""After so long without an answer the unanswered of many questions are asked again, seconds."""


@dataclass
class Last:
    """The last whole answer to a question that is asked again and again: one that says the same is not read again.

    To read 1 000 records takes 100 ms of CPU time, to see that they are the same takes 2.
    """

    answer: dns.message.QueryMessage | None = None
    """Whole, and read by the rules; it stays the same object while nothing changes."""
    wire: bytes = b""
    """Its octets, or those of the last one that said the same."""
    said: Content | None = field(default=None, repr=False)
    """Their content; None: not known (yet)."""
    asked: tuple[str, str] = ("", "")
    """Name and record type of `query`."""
    query: dns.message.QueryMessage | None = field(default=None, repr=False)
    """The question; the same object with another id each time."""
    octets: bytes = b""
    """Those of the question; the first two, its id, do not count."""

    def question(self, name: str, record_type: str) -> dns.message.QueryMessage:
        """Give the question with a new id: to make it anew were half the CPU time of a lookup that brings no news."""
        if self.query is None or self.asked != (name, record_type):
            query = _query(name, record_type)
            self.asked, self.octets, self.query = (name, record_type), query.to_wire(), query
        self.query.id = int.from_bytes(os.urandom(2), "big")
        return self.query

    def again(self, query: dns.message.Message, wire: bytes) -> dns.message.QueryMessage | None:
        """Give the answer if *wire* answers *query* and says what it says, else None."""
        if self.answer is None or wire[:2] != query.id.to_bytes(2, "big") or self.answer.question != query.question:
            return None
        if wire[2:] != self.wire[2:]:
            said = content(wire)
            self.said = self.said or content(self.wire)
            if said is None or said != self.said:
                return None
            self.wire = wire
        return self.answer

    def remember(self, answer: dns.message.QueryMessage, wire: bytes) -> None:
        """Take a new answer; a part of one is none."""
        if not answer.flags & dns.flags.TC:
            self.answer, self.wire, self.said = answer, wire, None


def ask(
    name: str, record_type: str, server: Server, seconds: float, last: Last | None = None
) -> dns.message.QueryMessage:
    """Ask *server* for the records of *name* and give its whole answer, whatever its response code.

    Raises TimeoutError when no answer came within *seconds*, LookupFailedError when it cannot come or is a part only.
    """
    end = monotonic() + seconds
    query = last.question(name, record_type) if last else _query(name, record_type)
    try:
        answer = over_udp(query, server, end, last)
        if answer.flags & dns.flags.TC:
            answer = over_tcp(query, server, end, last)
    except TimeoutError:
        raise
    except OSError as exc:
        raise LookupFailedError(f"cannot be asked: {exc.strerror or exc}") from exc
    if answer.flags & dns.flags.TC:
        raise AnswerWithheldError("cuts its answer off even over TCP, and a part of the records is not the records")
    return answer


def ask_many(
    names: Iterable[str], record_type: str, server: Server, seconds: float
) -> dict[str, dns.message.QueryMessage]:
    """Ask *server* for the records of many names at once over UDP; give every whole answer by name.

    Raises TimeoutError when any answer did not come within *seconds*, LookupFailedError when any is cut off.
    """
    end = monotonic() + seconds
    waiting = [(name, _query(name, record_type)) for name in names]
    found: dict[str, dns.message.QueryMessage] = {}
    try:
        while waiting:
            window = {query.id: (name, query) for name, query in waiting[:WINDOW]}
            found |= _window(window, server, end)
            waiting = [pair for pair in waiting if pair[0] not in found]
    except TimeoutError:
        raise
    except OSError as exc:
        raise LookupFailedError(f"cannot be asked: {exc.strerror or exc}") from exc
    return found


def _window(
    asked: dict[int, tuple[str, dns.message.QueryMessage]], server: Server, end: float
) -> dict[str, dns.message.QueryMessage]:
    """Send a few questions together; give the answers that came before a pause: what is missing is asked again."""
    family, address = server.resolved()
    found: dict[str, dns.message.QueryMessage] = {}
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        for _, query in asked.values():
            sock.send(query.to_wire())
        while len(found) < len(asked):
            sock.settimeout(min(_left(end), AGAIN_SECONDS))
            try:
                wire = sock.recv(65535)
            except TimeoutError:
                break
            number = int.from_bytes(wire[:2], "big")
            if number not in asked or (answer := _parsed(asked[number][1], wire)) is None:
                continue
            name = asked[number][0]
            if answer.flags & dns.flags.TC:
                raise LookupFailedError(f"cuts the answer for {name} off")
            found[name] = answer
    return found


def over_udp(
    query: dns.message.Message, server: Server, end: float, last: Last | None = None
) -> dns.message.QueryMessage:
    """Ask in one datagram; raises TimeoutError at *end* (monotonic), OSError when nobody listens."""
    family, address = server.resolved()
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        # A connected socket takes datagrams from this address and port only, and reports a closed port at once.
        sock.connect(address)
        sock.send(_octets(query, last))
        while True:
            sock.settimeout(_left(end))
            answer = _parsed(query, sock.recv(65535), last)
            # Whoever can guess may send anything: what is no answer of ours is passed over, and the true one awaited.
            if answer is not None:
                return answer


def over_tcp(
    query: dns.message.Message, server: Server, end: float, last: Last | None = None
) -> dns.message.QueryMessage:
    """Ask over a connection; raises TimeoutError at *end* (monotonic), OSError, LookupFailedError for nonsense."""
    family, address = server.resolved()
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(_left(end))
        sock.connect(address)
        wire = _octets(query, last)
        sock.sendall(len(wire).to_bytes(2, "big") + wire)
        size = int.from_bytes(_received(sock, 2, end), "big")
        answer = _parsed(query, _received(sock, size, end), last)
    if answer is None:
        raise LookupFailedError("answers something else than was asked over TCP")
    return answer


def _query(name: str, record_type: str) -> dns.message.QueryMessage:
    return dns.message.make_query(name, record_type, use_edns=0, payload=EDNS_SIZE)


def _octets(query: dns.message.Message, last: Last | None) -> bytes:
    if last and last.query is query:
        return query.id.to_bytes(2, "big") + last.octets[2:]
    return query.to_wire()


def _received(sock: socket.socket, size: int, end: float) -> bytes:
    """Receive exactly *size* octets before *end*, however slowly they drip in."""
    parts = bytearray()
    while len(parts) < size:
        sock.settimeout(_left(end))
        part = sock.recv(size - len(parts))
        if not part:
            raise ConnectionResetError("the connection ended in the middle of the answer")
        parts += part
    return bytes(parts)


def _left(end: float) -> float:
    """Give the seconds until *end* (monotonic); raises TimeoutError when there are none."""
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _parsed(query: dns.message.Message, wire: bytes, last: Last | None = None) -> dns.message.QueryMessage | None:
    """Give the message if it is a well-formed answer to *query*, else None."""
    if last and (answer := last.again(query, wire)):
        return answer
    if (answer := _read(query, wire)) and last:
        last.remember(answer, wire)
    return answer


def _read(query: dns.message.Message, wire: bytes) -> dns.message.QueryMessage | None:
    if wire[:2] != query.id.to_bytes(2, "big"):
        return None  # To read a guess would cost us more than it costs to guess.
    try:
        answer = dns.message.from_wire(wire, raise_on_truncation=True)
    except dns.message.Truncated as exc:
        answer = exc.kwargs["message"]
    except (dns.exception.DNSException, ValueError, NotImplementedError) as exc:
        # Whatever is raised while a record is read becomes a FormError in dnspython; a stop signal's exception, too.
        if isinstance(exc.__cause__, BaseException) and not isinstance(exc.__cause__, Exception):
            raise exc.__cause__ from None
        return None
    return answer if isinstance(answer, dns.message.QueryMessage) and query.is_response(answer) else None
