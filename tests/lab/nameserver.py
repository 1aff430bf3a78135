"""The cluster's DNS for a lab: SRV and A records of one headless Service, over UDP and TCP.

It answers as CoreDNS does for a Service with named ports and publishNotReadyAddresses: a pod has records from its
creation to its deletion, ready or not.
It does not forward and knows no other Service: the answer is then NXDOMAIN, or has no data.
"""

import socket
import socketserver
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import TracebackType
from typing import Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL = 5
"""Seconds; CoreDNS's default for the cluster's records."""

PORTS: Mapping[str, int] = {"mysql": 3306, "sst": 4444, "galera": 4567, "ist": 4568, "bootstrap": 4569}
"""The Service's named ports."""


@dataclass(frozen=True)
class Zone:
    """The name of a Service, and its pods."""

    service: str
    """The Service's full name without the final dot."""
    pods: Mapping[str, str] = field(default_factory=dict)
    """Addresses by pod name."""

    @cached_property
    def records(self) -> dict[tuple[dns.name.Name, str], list[str]]:
        """The data of each name and type, as text; made once, or else five pods ask faster than this can answer."""
        found: dict[tuple[dns.name.Name, str], list[str]] = {}

        def add(name: str, kind: str, data: str) -> None:
            found.setdefault((dns.name.from_text(name), kind), []).append(data)

        for pod, address in self.pods.items():
            kind = "AAAA" if ":" in address else "A"
            add(f"{pod}.{self.service}", kind, address)
            add(self.service, kind, address)
            for port_name, port in PORTS.items():
                srv = f"0 100 {port} {pod}.{self.service}."
                add(self.service, "SRV", srv)
                add(f"_{port_name}._tcp.{self.service}", "SRV", srv)
        return found


def make_answer(query: dns.message.Message, zone: Zone) -> dns.message.Message:
    """Make the answer to one query."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA
    if len(query.question) != 1:
        response.set_rcode(dns.rcode.FORMERR)
        return response
    question = query.question[0]
    data = zone.records.get((question.name, dns.rdatatype.to_text(question.rdtype)))
    if data:
        kind = dns.rdatatype.to_text(question.rdtype)
        response.answer.append(dns.rrset.from_text(question.name, TTL, "IN", kind, *data))
    elif all(name != question.name for name, _ in zone.records):
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response


def encode_answer(query: bytes, zone: Zone, *, limit: int | None) -> bytes | None:
    """Make the answer's bytes, truncated with TC if they exceed the limit; None if this is no DNS query.

    Without `limit` it is for TCP; otherwise the limit is the greater one of it and the size in the query's EDNS.
    """
    try:
        parsed = dns.message.from_wire(query)
    except dns.exception.DNSException:
        return None
    response = make_answer(parsed, zone)
    size = 65535 if limit is None else max(limit, parsed.payload)
    try:
        return response.to_wire(max_size=size)
    except dns.exception.TooBig:
        response.answer.clear()
        response.flags |= dns.flags.TC
        return response.to_wire()


QUEUE_BYTES = 16384
"""For a few questions only: on a busy machine one that waits for long is not answered in time, and delays the next."""


class _UDPServer(socketserver.UDPServer):
    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUE_BYTES)
        super().server_bind()


class _TCPServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


class NameServer:
    """A running server; the zone changes in one step, so that no answer mixes old and new records."""

    def __init__(self, address: str, port: int, zone: Zone) -> None:
        """Bind immediately; raises OSError (EADDRINUSE) if another server uses the address."""
        self._zone = zone
        self.is_silent = False
        """Whether it answers no question, as a name server that is gone."""
        self._changing = threading.Lock()
        self._servers: list[socketserver.BaseServer] = []
        try:
            self._servers.append(_UDPServer((address, port), self._make_udp_handler()))
            self._servers.append(_TCPServer((address, port), self._make_tcp_handler()))
        except OSError:
            self._close()
            raise
        self.address, self.port = address, port

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        for server in self._servers:
            server.shutdown()
        self._close()

    @property
    def zone(self) -> Zone:
        return self._zone

    def publish(self, pod: str, address: str) -> None:
        """Add the pod's records."""
        with self._changing:
            self._zone = replace(self._zone, pods={**self._zone.pods, pod: address})

    def withdraw(self, pod: str) -> None:
        """Remove the pod's records."""
        with self._changing:
            left = {name: address for name, address in self._zone.pods.items() if name != pod}
            self._zone = replace(self._zone, pods=left)

    def _close(self) -> None:
        for server in self._servers:
            server.server_close()

    def _make_udp_handler(self) -> type[socketserver.BaseRequestHandler]:
        owner = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                query, reply_on = self.request
                response = encode_answer(query, owner.zone, limit=512)
                if response is not None and not owner.is_silent:
                    reply_on.sendto(response, self.client_address)

        return Handler

    def _make_tcp_handler(self) -> type[socketserver.BaseRequestHandler]:
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            timeout = 5

            def handle(self) -> None:
                try:
                    while len(head := self.rfile.read(2)) == 2:
                        query = self.rfile.read(struct.unpack("!H", head)[0])
                        response = encode_answer(query, owner.zone, limit=None)
                        if response is None or owner.is_silent:
                            return
                        self.wfile.write(struct.pack("!H", len(response)) + response)
                except (TimeoutError, ConnectionError):
                    return

        return Handler
