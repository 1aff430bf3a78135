"""Which name servers to ask: from resolv.conf, or from a setting.

Sends no query and imports no DNS library: a process that may never ask DNS starts without one.
"""

import os
import socket
from typing import NamedTuple, Self

from peerfinder.core.names import parse_directives, parse_options
from peerfinder.core.peers import quote
from peerfinder.errors import UsageError

RESOLV_CONF = "/etc/resolv.conf"

SERVERS_MAX = 3
"""How many name servers of resolv.conf count (MAXNS in resolv.h)."""


class Server(NamedTuple):
    """A name server."""

    host: str
    """A numeric address; IPv6 may have a scope, such as fe80::1%eth0."""
    port: int = 53
    """The UDP and TCP port."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def resolve(self) -> tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]:
        """Return the family and socket address; raises UsageError if the host is not a numeric address."""
        try:
            info = socket.getaddrinfo(self.host, self.port, flags=socket.AI_NUMERICHOST, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as exc:
            raise UsageError(f"the name server {self.host!a} is not an IP address") from exc
        return info[0][0], info[0][4]


class Nameservers(NamedTuple):
    """The servers to ask, in order."""

    servers: tuple[Server, ...]
    """At least one."""
    use_tcp: bool = False
    """Whether to ask over TCP only (`options use-vc`)."""

    @classmethod
    def choose(cls, given: str, resolv_conf: str) -> Self:
        """Take those that were given, as `from_text`, or those of the text of resolv.conf; raises UsageError."""
        return cls.from_text(given) if given else cls.from_resolv_conf(resolv_conf)

    @classmethod
    def from_resolv_conf(cls, text: str) -> Self:
        """Read the `nameserver` lines and ignore what is not an address; without any server it is 127.0.0.1."""
        servers, _ = parse_nameservers(text)
        return cls(servers or (Server("127.0.0.1"),), "use-vc" in parse_options(text))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read HOST[:PORT][,HOST[:PORT]...]; an IPv6 address with a port is [ADDRESS]:PORT. Raises UsageError."""
        servers = tuple(_parse_server(part.strip()) for part in text.split(",") if part.strip())
        if not servers:
            raise UsageError(f"{text!a} names no name server; give HOST or HOST:PORT")
        for server in servers:
            server.resolve()
        return cls(servers)


class ResolvConf:
    """The servers of a resolv.conf that may be replaced while we run; a file without servers is ignored."""

    def __init__(self, known: Nameservers, path: str = RESOLV_CONF) -> None:
        self._known = known
        self._path = path
        self._version = _read_version(path)

    def refresh(self) -> Nameservers:
        """Return the servers to ask now. If the file is unchanged, this takes some microseconds."""
        version = _read_version(self._path)
        if version != self._version and parse_nameservers(text := read_resolv_conf(self._path))[0]:
            self._known, self._version = Nameservers.from_resolv_conf(text), version
        return self._known


def read_resolv_conf(path: "str | os.PathLike[str]" = RESOLV_CONF) -> str:
    """Read resolv.conf; one that cannot be read counts as empty, as it does for the C library."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib is slow
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _parse_server(text: str) -> Server:
    """Read HOST or HOST:PORT; raises UsageError."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, port = text, "53"
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        raise UsageError(f"the name server {text!a} has no port from 1 to 65535 after the colon")
    return Server(host.strip("[]"), int(port))


def parse_nameservers(text: str) -> tuple[tuple[Server, ...], tuple[str, ...]]:
    """Read the servers of resolv.conf, of which there may be none, and the values that are not addresses."""
    values = [" ".join(words[1:2]) for words in parse_directives(text) if words[0] == "nameserver"]
    usable = [value for value in values if _is_usable(Server(value))]
    return tuple(map(Server, usable[:SERVERS_MAX])), tuple(value for value in values if value not in usable)


def list_unusable(text: str) -> list[str]:
    """Describe the `nameserver` lines of resolv.conf that name no server."""
    servers, unusable = parse_nameservers(text)
    instead = "" if servers else "; no line names a server, so 127.0.0.1 is asked"
    return [f"nameserver {quote(value)} is not an IP address{instead}" for value in unusable]


def _read_version(path: str) -> tuple[int, ...]:
    """Return a value that differs between two states of a file; empty if it cannot be read."""
    try:
        stat = os.stat(path)  # noqa: PTH116 - pathlib is slow
    except OSError:
        return ()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _is_usable(server: Server) -> bool:
    try:
        server.resolve()
    except UsageError:
        return False
    return True
