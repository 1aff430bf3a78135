"""Which name servers to ask: from resolv.conf, or as given.

Asks none of them, and imports no library: a process that may not have to ask anybody starts without one.
"""

import os
import socket
from typing import NamedTuple, Self

from peerfinder.core.names import directives
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

    def resolved(self) -> tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]:
        """Give the family and socket address; raises UsageError if the host is not a numeric address."""
        try:
            info = socket.getaddrinfo(self.host, self.port, flags=socket.AI_NUMERICHOST, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as exc:
            raise UsageError(f"the name server {self.host!a} is no IP address") from exc
        return info[0][0], info[0][4]


class Nameservers(NamedTuple):
    """The servers to ask, in order."""

    servers: tuple[Server, ...]
    """At least one."""

    @classmethod
    def from_resolv_conf(cls, text: str) -> Self:
        """Read the `nameserver` lines; what is no address is passed over, and without any it is 127.0.0.1."""
        return cls(_named(text) or (Server("127.0.0.1"),))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read HOST[:PORT][,HOST[:PORT]...]; an IPv6 address with a port is [ADDRESS]:PORT. Raises UsageError."""
        servers = tuple(_server(part.strip()) for part in text.split(",") if part.strip())
        if not servers:
            raise UsageError(f"{text!a} names no name server; give HOST or HOST:PORT")
        for server in servers:
            server.resolved()
        return cls(servers)


class ResolvConf:
    """The servers of a resolv.conf that may be replaced under a process that stays; a moment without any is none."""

    def __init__(self, known: Nameservers, path: str = RESOLV_CONF) -> None:
        self._known = known
        self._path = path
        self._version = _version(path)

    def servers(self) -> Nameservers:
        """Give the servers to ask now: to see that they are the same takes some microseconds."""
        version = _version(self._path)
        if version != self._version and (named := _named(resolv_conf(self._path))):
            self._known, self._version = Nameservers(named), version
        return self._known


def resolv_conf(path: "str | os.PathLike[str]" = RESOLV_CONF) -> str:
    """Read resolv.conf; one that cannot be read counts as empty, as it does for the C library."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib is slow
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _server(text: str) -> Server:
    """Read HOST or HOST:PORT; raises UsageError."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, port = text, "53"
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        raise UsageError(f"the name server {text!a} has no port from 1 to 65535 after the colon")
    return Server(host.strip("[]"), int(port))


def _named(text: str) -> tuple[Server, ...]:
    """Read the servers of resolv.conf; there may be none."""
    named = [Server(words[1]) for words in directives(text) if words[0] == "nameserver" and words[1:]]
    return tuple(filter(_is_usable, named))[:SERVERS_MAX]


def _version(path: str) -> tuple[int, ...]:
    """Tell one state of a file from another; empty if it cannot be looked at."""
    try:
        found = os.stat(path)  # noqa: PTH116 - pathlib is slow
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _is_usable(server: Server) -> bool:
    try:
        server.resolved()
    except UsageError:
        return False
    return True
