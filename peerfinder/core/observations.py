"""The result of questioning every name server about a Service, as plain values: `probe` makes them, `doctor` judges."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from peerfinder.core.names import Names


@dataclass(frozen=True)
class Reply:
    """The answer of one name server to one question."""

    records: tuple[str, ...] = ()
    """Targets or addresses, lower case, without final dot."""
    status: str = ""
    """Response code such as NOERROR or NXDOMAIN; empty: no answer came."""
    fault: str = ""
    """Why no whole answer came; empty: one came."""
    unreachable: bool = False
    """Whether the question did not reach the server: its port is closed, or there is no way to it."""
    truncated: bool = False
    """Whether the answer over UDP was truncated."""
    seconds: float = 0.0
    """How long it took."""
    negative_ttl: int | None = None
    """How long a missing name may be cached, seconds; None: the answer does not say."""
    additional: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Addresses in the additional section, by name."""


@dataclass(frozen=True)
class ServerReplies:
    """The answers of one name server."""

    name: str
    """Address and port."""
    peers: tuple[Reply, ...]
    """SRV of the Service, asked several times."""
    tcp: Reply
    """The same over TCP."""
    addresses: Reply
    """A and AAAA of the Service."""
    own: Reply
    """A and AAAA of our own name."""
    version: Reply
    """TXT of dns-version.<domain>, which each cluster DNS has (its specification, section 2.2)."""

    serves: tuple[str, ...] = ()
    """Other cluster domains that it does serve, of those that are likely here."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets in its first answer."""
        return tuple(sorted(set(self.peers[0].records)))


@dataclass(frozen=True)
class Observations:
    """Everything that was observed."""

    names: Names
    """The Service."""
    own: str
    """Our own name: the first of `own_names` that a server gives, else the first."""
    own_names: tuple[str, ...] = ()
    """What it may be: by the host name, and by POD_NAME if that is another."""
    search: tuple[str, ...] = ()
    """The search list."""
    ndots: int = 1
    """From resolv.conf."""
    servers: tuple[ServerReplies, ...] = ()
    """In the order of resolv.conf."""
    domain_fault: str = ""
    """Why the domain is a guess; empty: it is known."""
    unusable: tuple[str, ...] = ()
    """What is wrong with `nameserver` lines of resolv.conf."""
    falls_back: bool = False
    """Whether 127.0.0.1 is asked because no such line names a server."""
    outside: str = ""
    """Why this seems not to be a pod; empty: nothing speaks against it."""
