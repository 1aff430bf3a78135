"""The SRV set of a Service, or an error; the addresses of a name.

Knows which servers to ask, in which order and for how long, and what their answers mean.
An empty set does not exist here: no records and no answer are two different errors, and neither is "no peers".
No search list is walked: the caller gives full names, so a foreign zone cannot shadow the Service.
"""

from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Self

import dns.exception
import dns.message
import dns.rcode

from peerfinder.domain import Names, directives
from peerfinder.errors import LookupFailedError, NoRecordsError, UsageError
from peerfinder.resolver import Server, ask

SERVERS_MAX = 3
"""How many name servers of resolv.conf count (MAXNS in resolv.h)."""

TRY_SECONDS = 1.0
"""How long one server is waited for in the first round; doubled in each further round, seconds."""

MAX_ROUNDS = 6
"""1 s doubled so often is longer than any sensible deadline; bounds the loop."""


@dataclass(frozen=True)
class Nameservers:
    """The servers to ask, in order."""

    servers: tuple[Server, ...]
    """At least one."""

    @classmethod
    def from_resolv_conf(cls, text: str) -> Self:
        """Read the `nameserver` lines; what is no address is passed over, and without any it is 127.0.0.1."""
        named = [Server(words[1]) for words in directives(text) if words[0] == "nameserver" and words[1:]]
        return cls(tuple(filter(_is_usable, named))[:SERVERS_MAX] or (Server("127.0.0.1"),))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read HOST[:PORT][,HOST[:PORT]...]; an IPv6 address with a port is [ADDRESS]:PORT. Raises UsageError."""
        servers = tuple(_server(part.strip()) for part in text.split(",") if part.strip())
        if not servers:
            raise UsageError(f"{text!a} names no name server; give HOST or HOST:PORT")
        for server in servers:
            server.resolved()
        return cls(servers)


def resolv_conf(path: Path = Path("/etc/resolv.conf")) -> str:
    """Read resolv.conf; one that cannot be read counts as empty, as it does for the C library."""
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def peers(names: Names, nameservers: Nameservers, deadline: float, port_name: str = "") -> tuple[str, ...]:
    """Look the peers of a Service up: byte-sorted, validated, without duplicates, never empty.

    *deadline* is the longest time this may take, in seconds.
    Raises NoRecordsError when DNS says that there are none, AnswerInvalidError when any record is not a peer's,
    LookupFailedError when nothing is known.
    """
    targets = _records(names.question(port_name), "SRV", nameservers, deadline)
    return names.accepted(targets)


def addresses(fqdn: str, nameservers: Nameservers, deadline: float) -> tuple[str, ...]:
    """Look the addresses of a name up, IPv4 before IPv6, each byte-sorted; *deadline* in seconds for both.

    Raises NoRecordsError when the name has neither, LookupFailedError when either is unknown.
    """
    end = monotonic() + deadline
    found: list[str] = []
    for record_type in ("A", "AAAA"):
        try:
            found += sorted(_records(fqdn, record_type, nameservers, max(0.0, end - monotonic())))
        except NoRecordsError:
            continue
    if not found:
        raise NoRecordsError(f"{fqdn} has no address")
    return tuple(found)


def _records(name: str, record_type: str, nameservers: Nameservers, deadline: float) -> list[str]:
    """Ask the servers in turn, the silent ones again and for longer, until one has answered the question."""
    end = monotonic() + deadline
    faults = dict.fromkeys(nameservers.servers, "not asked: no time was left")
    silent = list(faults)
    for number in range(MAX_ROUNDS):
        asked = tuple(silent)
        for position, server in enumerate(asked):
            left = end - monotonic()
            if left <= 0:
                break
            share = min(left / (len(asked) - position), TRY_SECONDS * 2**number)
            try:
                return _meaning(ask(f"{name}.", record_type, server, share), server)
            except TimeoutError:
                faults[server] = f"no answer within {deadline:.1f} s"
            except LookupFailedError as exc:
                faults[server] = str(exc)
                silent.remove(server)
    told = "; ".join(f"{server}: {fault}" for server, fault in faults.items())
    raise LookupFailedError(f"{record_type} of {name} is unknown ({told})")


def _meaning(answer: dns.message.QueryMessage, server: Server) -> list[str]:
    """Give the targets or addresses of an answer; raises NoRecordsError or LookupFailedError."""
    name, rcode = answer.question[0].name.to_text() if answer.question else "it", answer.rcode()
    if rcode == dns.rcode.NXDOMAIN:
        raise NoRecordsError(f"{server} knows no name {name}")
    if rcode != dns.rcode.NOERROR:
        raise LookupFailedError(f"answers {dns.rcode.to_text(rcode)}")
    try:
        records = answer.resolve_chaining().answer
    except dns.exception.DNSException as exc:
        raise LookupFailedError(f"answers nonsense: {type(exc).__name__}") from exc
    if not records:
        raise NoRecordsError(f"{server} has no such record of {name}")
    # The last field of SRV, A and AAAA is the target or address; a blank inside a name is escaped, so no field.
    return [record.to_text().split(" ")[-1] for record in records]


def _server(text: str) -> Server:
    """Read HOST or HOST:PORT; raises UsageError."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, port = text, "53"
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        raise UsageError(f"the name server {text!a} has no port from 1 to 65535 after the colon")
    return Server(host.strip("[]"), int(port))


def _is_usable(server: Server) -> bool:
    try:
        server.resolved()
    except UsageError:
        return False
    return True
