"""One DNS question to one server: over UDP, and over TCP when the answer is truncated.

Knows sockets, deadlines and what makes a datagram an answer to our question (RFC 5452 section 9).
Does not know what the answer means, nor which other server could be asked.
"""

import os
import socket
from collections import Counter
from collections.abc import Iterable
from time import monotonic

import dns.exception
import dns.flags
import dns.message
import dns.name

from peerfinder.core.dns_message import DnsMessageInvalidError, reduce_message
from peerfinder.dns.nameservers import Server
from peerfinder.dns.same_answer import Content, extract_content
from peerfinder.errors import AnswerWithheldError, LookupFailedError

EDNS_SIZE = 1232
"""The largest UDP answer we ask for, octets: it crosses every usual path unfragmented (DNS flag day 2020)."""

WINDOW = 100
"""How many questions of many are in flight at once: as many as even a small socket buffer holds."""

DATAGRAM_MAX = EDNS_SIZE + 1
"""How many octets of a datagram are read: one more than we asked for shows that there are too many."""

SAME_HASH_MAX = 16
"""How many names of an answer may have one hash in dnspython; of the pods of a set it is two or three."""

RESEND_SECONDS = 0.5
"""After this time without an answer the unanswered of many questions are sent again, seconds."""


class CannotAskError(LookupFailedError):
    """The question did not reach the server: its port is closed, or there is no way to it."""


class LastAnswer:
    """The last whole answer to a question that is asked again and again: an equal answer is not parsed again.

    Parsing 1 000 records takes 100 ms of CPU time; seeing that they are the same takes 2.
    """

    def __init__(self) -> None:
        self.answer: dns.message.QueryMessage | None = None
        """Whole and parsed; it stays the same object while nothing changes."""
        self.wire = b""
        """Its octets, or those of the last answer with equal content."""
        self.content: Content | None = None
        """Their content; None: not extracted yet, or not possible."""
        self.question = ("", "")
        """Name and record type of `query`."""
        self.query: dns.message.QueryMessage | None = None
        """The query; the same object with another id each time."""
        self.query_wire = b""
        """The octets of the query; the first two, its id, do not count."""

    def make_query(self, name: str, record_type: str) -> dns.message.QueryMessage:
        """Return the query with a new id; rebuilding it would take half the CPU time of an unchanged lookup."""
        if self.query is None or self.question != (name, record_type):
            query = _make_query(name, record_type)
            self.question, self.query_wire, self.query = (name, record_type), query.to_wire(), query
        self.query.id = int.from_bytes(os.urandom(2), "big")
        return self.query

    def match(self, query: dns.message.Message, wire: bytes) -> dns.message.QueryMessage | None:
        """Return the last answer if *wire* answers *query* with equal content, else None."""
        if self.answer is None or wire[:2] != query.id.to_bytes(2, "big") or self.answer.question != query.question:
            return None
        if wire[2:] != self.wire[2:]:
            content = extract_content(wire)
            self.content = self.content or extract_content(self.wire)
            if content is None or content != self.content:
                return None
            self.wire = wire
        return self.answer

    def remember(self, answer: dns.message.QueryMessage, wire: bytes) -> None:
        """Remember a new answer, unless it is truncated."""
        if not answer.flags & dns.flags.TC:
            self.answer, self.wire, self.content = answer, wire, None


def ask(  # noqa: PLR0913 - each is one property of the question
    name: str, record_type: str, server: Server, seconds: float, last: LastAnswer | None = None, *, tcp: bool = False
) -> dns.message.QueryMessage:
    """Ask *server* for the records of *name* and return its whole answer, whatever its response code.

    With *tcp*, ask over TCP only.
    Raises TimeoutError when no answer came within *seconds*, CannotAskError when none can come, LookupFailedError when
    it is incomplete.
    """
    end = monotonic() + seconds
    query = last.make_query(name, record_type) if last else _make_query(name, record_type)
    try:
        answer = None if tcp else ask_udp(query, server, end, last)
        if answer is None or answer.flags & dns.flags.TC:
            answer = ask_tcp(query, server, end, last)
    except TimeoutError:
        raise
    except OSError as exc:
        raise CannotAskError(f"cannot be asked: {exc.strerror or exc}") from exc
    if answer.flags & dns.flags.TC:
        raise AnswerWithheldError("cuts its answer off even over TCP, and a part of the records is not enough")
    return answer


def ask_many(
    names: Iterable[str], record_type: str, server: Server, seconds: float
) -> dict[str, dns.message.QueryMessage]:
    """Ask *server* for the records of many names at once over UDP; return every whole answer by name.

    Raises TimeoutError when any answer did not come within *seconds*, LookupFailedError when any is truncated.
    """
    end = monotonic() + seconds
    waiting = [(name, _make_query(name, record_type)) for name in names]
    answers: dict[str, dns.message.QueryMessage] = {}
    try:
        while waiting:
            window = {query.id: (name, query) for name, query in waiting[:WINDOW]}
            answers |= _ask_window(window, server, end)
            waiting = [pair for pair in waiting if pair[0] not in answers]
    except TimeoutError:
        raise
    except OSError as exc:
        raise LookupFailedError(f"cannot be asked: {exc.strerror or exc}") from exc
    return answers


def _ask_window(
    queries: dict[int, tuple[str, dns.message.QueryMessage]], server: Server, end: float
) -> dict[str, dns.message.QueryMessage]:
    """Send a few questions together; return the answers that came before a pause. The caller sends the rest again."""
    family, address = server.resolve()
    answers: dict[str, dns.message.QueryMessage] = {}
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        for _, query in queries.values():
            sock.send(query.to_wire())
        while len(answers) < len(queries):
            sock.settimeout(min(_time_left(end), RESEND_SECONDS))
            try:
                wire = sock.recv(DATAGRAM_MAX)
            except TimeoutError:
                break
            number = int.from_bytes(wire[:2], "big")
            if number not in queries or len(wire) > EDNS_SIZE:
                continue
            if (answer := _parse_or_reuse(queries[number][1], wire)) is None:
                continue
            name = queries[number][0]
            if answer.flags & dns.flags.TC:
                raise LookupFailedError(f"cuts the answer for {name} off")
            answers[name] = answer
    return answers


def ask_udp(
    query: dns.message.Message, server: Server, end: float, last: LastAnswer | None = None
) -> dns.message.QueryMessage:
    """Ask in one datagram; raises TimeoutError at *end* (monotonic), OSError when the port is closed."""
    family, address = server.resolve()
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        # A connected socket takes datagrams from this address and port only, and reports a closed port at once.
        sock.connect(address)
        sock.send(_encode(query, last))
        while True:
            sock.settimeout(_time_left(end))
            wire = sock.recv(DATAGRAM_MAX)
            # Anyone may send guesses: ignore what does not answer our question, and wait for the true answer.
            if len(wire) <= EDNS_SIZE and (answer := _parse_or_reuse(query, wire, last)) is not None:
                return answer


def ask_tcp(
    query: dns.message.Message, server: Server, end: float, last: LastAnswer | None = None
) -> dns.message.QueryMessage:
    """Ask over a connection; raises TimeoutError at *end* (monotonic), OSError, LookupFailedError for nonsense."""
    family, address = server.resolve()
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(_time_left(end))
        sock.connect(address)
        wire = _encode(query, last)
        sock.sendall(len(wire).to_bytes(2, "big") + wire)
        size = int.from_bytes(_receive(sock, 2, end), "big")
        answer = _parse_or_reuse(query, _receive(sock, size, end), last)
    if answer is None:
        raise LookupFailedError("answers something else than was asked over TCP")
    return answer


def _make_query(name: str, record_type: str) -> dns.message.QueryMessage:
    return dns.message.make_query(name, record_type, use_edns=0, payload=EDNS_SIZE)


def _encode(query: dns.message.Message, last: LastAnswer | None) -> bytes:
    if last and last.query is query:
        return query.id.to_bytes(2, "big") + last.query_wire[2:]
    return query.to_wire()


def _receive(sock: socket.socket, size: int, end: float) -> bytes:
    """Receive exactly *size* octets before *end*, however slowly they come."""
    parts = bytearray()
    while len(parts) < size:
        sock.settimeout(_time_left(end))
        part = sock.recv(size - len(parts))
        if not part:
            raise ConnectionResetError("the connection ended in the middle of the answer")
        parts += part
    return bytes(parts)


def _time_left(end: float) -> float:
    """Return the seconds until *end* (monotonic); raises TimeoutError when no time is left."""
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _parse_or_reuse(
    query: dns.message.Message, wire: bytes, last: LastAnswer | None = None
) -> dns.message.QueryMessage | None:
    """Return the message if it is a well-formed answer to *query*, else None."""
    if last and (answer := last.match(query, wire)):
        return answer
    if (answer := _parse(query, wire)) and last:
        last.remember(answer, wire)
    return answer


def refuse_equal_hashes(owners: frozenset[bytes]) -> None:
    """Raise DnsMessageInvalidError for names that were chosen to be slow in dnspython's tables.

    Its hash of a name is a sum that a sender can make equal for thousands of them, which is then quadratic.
    """
    if len(owners) <= SAME_HASH_MAX:
        return
    hashes = Counter(hash(dns.name.from_wire(owner, 0)[0]) for owner in owners)
    if max(hashes.values()) > SAME_HASH_MAX:
        raise DnsMessageInvalidError("its names were chosen to have one hash")


def _parse(query: dns.message.Message, wire: bytes) -> dns.message.QueryMessage | None:
    if wire[:2] != query.id.to_bytes(2, "big"):
        return None  # Parsing a guess would cost us more than guessing costs the sender.
    try:
        reduced, owners = reduce_message(wire, query.question[0].rdtype)
        refuse_equal_hashes(owners)
        answer = dns.message.from_wire(reduced, raise_on_truncation=True)
    except dns.message.Truncated as exc:
        answer = exc.kwargs["message"]
    except (dns.exception.DNSException, ValueError, NotImplementedError) as exc:
        # dnspython turns whatever is raised while it reads a record into a FormError, also a stop signal's exception.
        if isinstance(exc.__cause__, BaseException) and not isinstance(exc.__cause__, Exception):
            raise exc.__cause__ from None
        return None
    return answer if isinstance(answer, dns.message.QueryMessage) and query.is_response(answer) else None
