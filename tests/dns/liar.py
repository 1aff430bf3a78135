"""A name server that lies: each test defines what it sends, even the single octets.

Use it as a context manager with a function that gets the query and returns what to send::

    def forged(query, over_tcp):
        return [answer(query, ["mysql-0.galera.default.svc.cluster.local"])]

    with Liar(forged) as liar:
        liar.nameserver  # "127.0.0.1:40053"

The function returns octets to send and numbers of seconds to wait; over TCP the octets are sent unchanged.
"""

import selectors
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.IN.SRV
import dns.rrset
from tests.dns.knot import free_port

Lie = Callable[[dns.message.Message, bool], Iterable[bytes | float]]


class Liar:
    """One name server on loopback, UDP and TCP, in a thread."""

    def __init__(self, lie: Lie) -> None:
        self.lie = lie
        self.questions: list[dns.message.Message] = []
        self.port = free_port("127.0.0.1")
        self._stopped = threading.Event()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def nameserver(self) -> str:
        """Its address and port, in the form of `-nameserver`."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        for sock in (self._udp, self._tcp):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", self.port))
        self._tcp.listen()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        self._udp.close()
        self._tcp.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._udp, selectors.EVENT_READ, self._answer_udp)
            selector.register(self._tcp, selectors.EVENT_READ, self._answer_tcp)
            while not self._stopped.is_set():
                for key, _ in selector.select(0.05):
                    key.data()

    def _answer_udp(self) -> None:
        wire, sender = self._udp.recvfrom(65535)
        self._send_lies(wire, over_tcp=False, send=lambda part: self._udp.sendto(part, sender))

    def _answer_tcp(self) -> None:
        connection, _ = self._tcp.accept()
        with connection:
            size = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
            wire = connection.recv(size, socket.MSG_WAITALL)
            self._send_lies(wire, over_tcp=True, send=connection.send)

    def _send_lies(self, wire: bytes, *, over_tcp: bool, send: Callable[[bytes], int]) -> None:
        query = dns.message.from_wire(wire)
        self.questions.append(query)
        for part in self.lie(query, over_tcp):
            if isinstance(part, float):
                self._stopped.wait(part)
                continue
            try:
                send(part)
            except OSError:
                return


def answer(query: dns.message.Message, targets: Sequence[str | tuple[bytes, ...]], *, truncated: bool = False) -> bytes:
    """Make an answer with an SRV record for each target; a tuple contains raw labels."""
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.TC if truncated else 0
    records = [_make_srv(target, port) for port, target in enumerate(targets)]
    if records:
        reply.answer.append(dns.rrset.from_rdata_list(query.question[0].name, 5, records))
    return reply.to_wire(max_size=65535)


def compressed(query: dns.message.Message, hosts: Sequence[str]) -> bytes:
    """Make an answer whose targets are hosts below the queried name, with compression pointers as old kube-dns did.

    RFC 2782 forbids such pointers in SRV, and Go's resolver refuses them.
    """
    name = query.question[0].name.to_wire() or b""
    head = query.id.to_bytes(2, "big") + b"\x85\0\0\1" + len(hosts).to_bytes(2, "big") + bytes(4)
    wire = head + name + b"\0\x21\0\1"
    for host in hosts:
        target = bytes([len(host)]) + host.encode() + b"\xc0\x0c"
        wire += b"\xc0\x0c\0\x21\0\1\0\0\0\5" + (6 + len(target)).to_bytes(2, "big") + b"\0\0\0\n\x0c\xea" + target
    return wire


def status(query: dns.message.Message, rcode: dns.rcode.Rcode) -> bytes:
    """Make an answer that contains only a response code."""
    reply = dns.message.make_response(query)
    reply.set_rcode(rcode)
    return reply.to_wire()


def framed(wire: bytes) -> bytes:
    """Put the length before a message, as DNS over TCP requires."""
    return len(wire).to_bytes(2, "big") + wire


def _make_srv(target: str | tuple[bytes, ...], port: int) -> dns.rdtypes.IN.SRV.SRV:
    name = dns.name.from_text(target) if isinstance(target, str) else dns.name.Name((*target, b""))
    return dns.rdtypes.IN.SRV.SRV(  # type: ignore[no-untyped-call]
        dns.rdataclass.IN, dns.rdatatype.SRV, 0, 10, port, name
    )
