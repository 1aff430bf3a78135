"""The SRV set of a Service, or an error; the addresses of a name.

Knows which servers to ask, in which order and for how long, and what their answers mean.
It never returns an empty set: "no records" and "no answer" are two different errors, and neither means "no peers".
It does not use the search list: callers give full names, so a foreign zone cannot shadow the Service.
"""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import NamedTuple, TypeVar

import dns.exception
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from peerfinder.core.names import Names
from peerfinder.core.peers import normalize
from peerfinder.dns.nameservers import Nameservers, Server
from peerfinder.dns.resolver import CannotAskError, LastAnswer, ask
from peerfinder.errors import AnswerWithheldError, LookupFailedError, NoAddressError, NoRecordsError

TRY_SECONDS = 1.0
"""How long to wait for one server in the first round; doubled in each further round, seconds."""

MAX_ROUNDS = 6
"""1 s doubled this often is longer than any sensible deadline; bounds the loop."""

FAMILIES = {"IP": ("A", "AAAA"), "IPv4": ("A",), "IPv6": ("AAAA",)}
"""The record types of an address type, the preferred one first."""

Result = TypeVar("Result")


class FoundPeers(NamedTuple):
    """The peers of a Service, all of them, and the addresses that came along."""

    peers: tuple[str, ...]
    """Byte-sorted, validated, never empty."""
    glue: Mapping[tuple[str, str], str] = {}
    """By name and record type (A, AAAA) the first address by bytes."""


class LookupCache:
    """The result of a question that is asked again and again: an answer with equal content has the same result."""

    def __init__(self) -> None:
        self.last = LastAnswer()
        """The last answer."""
        self.answer: dns.message.QueryMessage | None = None
        """The answer from which `found` was made."""
        self.found: FoundPeers | None = None
        """Its result."""

    def get(self, answer: dns.message.QueryMessage) -> FoundPeers | None:
        """Return the result of *answer* if it is known."""
        return self.found if answer is self.answer else None


def find_peers(names: Names, nameservers: Nameservers, deadline: float, port_name: str = "") -> tuple[str, ...]:
    """Look up the peers of a Service: byte-sorted, validated, without duplicates, never empty.

    *deadline* is the longest time this may take, in seconds.
    Raises NoRecordsError when DNS answers that there are none, AnswerInvalidError when any record is not a peer's,
    LookupFailedError when the peers are unknown.
    """
    return find_srv(names, names.srv_name(port_name), nameservers, deadline).peers


def find_srv(
    names: Names, srv_name: str, nameservers: Nameservers, deadline: float, cache: LookupCache | None = None
) -> FoundPeers:
    """Look up the peers by any owner name of their SRV records, and keep the addresses that came along.

    *cache* belongs to this Service and owner name. Raises as `find_peers`, and AnswerWithheldError when a server
    responds but gives no whole answer.
    """
    cache = cache or LookupCache()

    def read(answer: dns.message.QueryMessage, server: Server) -> tuple[dns.message.QueryMessage, list[str]]:
        return answer, [] if cache.get(answer) else interpret(answer, server)

    answer, targets = _ask_servers(_Question(srv_name, "SRV", cache.last), nameservers, deadline, read)
    if known := cache.get(answer):
        return known
    cache.found, cache.answer = FoundPeers(names.validate_targets(targets), _parse_glue(answer)), answer
    return cache.found


def find_address(fqdn: str, address_type: str, known: FoundPeers, nameservers: Nameservers, deadline: float) -> str:
    """Return one address of a peer: one that came along with the SRV records, or else one that is asked for.

    *address_type* is IP, IPv4 or IPv6, *deadline* in seconds. Raises NoAddressError, LookupFailedError.
    """
    end = monotonic() + deadline
    # A server that leaves addresses out begins with the last ones, the AAAA records: an AAAA without A means no A.
    for record_type in FAMILIES[address_type]:
        if (fqdn, record_type) in known.glue:
            return known.glue[fqdn, record_type]
    for record_type in FAMILIES[address_type]:
        try:
            return min(find_records(fqdn, record_type, nameservers, max(0.0, end - monotonic())))
        except NoRecordsError:
            continue
    raise NoAddressError(f"{fqdn} has no {address_type} address")


def find_addresses(fqdn: str, nameservers: Nameservers, deadline: float) -> tuple[str, ...]:
    """Look up the addresses of a name, IPv4 before IPv6, each byte-sorted; *deadline* in seconds for both.

    Raises NoRecordsError when the name has neither, LookupFailedError when either is unknown.
    """
    end = monotonic() + deadline
    known: list[str] = []
    for record_type in ("A", "AAAA"):
        try:
            known += sorted(find_records(fqdn, record_type, nameservers, max(0.0, end - monotonic())))
        except NoRecordsError:
            continue
    if not known:
        raise NoRecordsError(f"{fqdn} has no address")
    return tuple(known)


def find_records(name: str, record_type: str, nameservers: Nameservers, deadline: float) -> list[str]:
    """Return the addresses or targets of a name, not validated; *deadline* in seconds.

    Raises NoRecordsError, LookupFailedError, and AnswerWithheldError when a server gives no whole answer.
    """
    return _ask_servers(_Question(name, record_type), nameservers, deadline, interpret)


class _Question:
    """What to ask."""

    def __init__(self, name: str, record_type: str, last: LastAnswer | None = None) -> None:
        self.name = name
        self.record_type = record_type
        self.last = last
        """The previous answer."""


def _ask_servers(
    question: _Question,
    nameservers: Nameservers,
    deadline: float,
    read: Callable[[dns.message.QueryMessage, Server], Result],
) -> Result:
    """Ask the servers in turn, silent ones again and for longer, until one has answered the question.

    Every second round is over TCP: some networks let no UDP through. If that fails, the server still counts as silent.
    """
    end, withheld = monotonic() + deadline, False
    name, record_type = question.name, question.record_type
    faults = dict.fromkeys(nameservers.servers, "not asked: no time was left")
    silent = list(faults)
    for number in range(MAX_ROUNDS):
        servers, over_tcp = tuple(silent), nameservers.use_tcp or number % 2 == 1
        for position, server in enumerate(servers):
            left = end - monotonic()
            if left <= 0:
                break
            share = min(left / (len(servers) - position), TRY_SECONDS * 2**number)
            try:
                return read(ask(f"{name}.", record_type, server, share, question.last, tcp=over_tcp), server)
            except TimeoutError:
                faults[server] = f"no answer within {deadline:.1f} s"
            except LookupFailedError as exc:
                if isinstance(exc, CannotAskError) and over_tcp and not nameservers.use_tcp:
                    continue
                faults[server], withheld = str(exc), withheld or isinstance(exc, AnswerWithheldError)
                silent.remove(server)
    causes = "; ".join(f"{server}: {fault}" for server, fault in faults.items())
    raise (AnswerWithheldError if withheld else LookupFailedError)(f"{record_type} of {name} is unknown ({causes})")


def interpret(answer: dns.message.QueryMessage, server: Server) -> list[str]:
    """Return the targets or addresses of an answer; raises NoRecordsError or LookupFailedError."""
    name = answer.question[0].name.to_text(omit_final_dot=True) if answer.question else "it"
    rcode = answer.rcode()
    if rcode == dns.rcode.NXDOMAIN:
        raise NoRecordsError(f"{server} knows no name {name}")
    if rcode == dns.rcode.SERVFAIL:
        # Knot DNS answers so too when no message can hold the answer.
        raise AnswerWithheldError(f"answers {dns.rcode.to_text(rcode)}")
    if rcode != dns.rcode.NOERROR:
        raise LookupFailedError(f"answers {dns.rcode.to_text(rcode)}")
    try:
        chained = answer.resolve_chaining().answer
    except dns.exception.DNSException as exc:
        raise LookupFailedError(f"answers nonsense: {type(exc).__name__}") from exc
    if not chained:
        raise NoRecordsError(f"{server} has no such record of {name}")
    # The last field of SRV, A and AAAA is the target or address. A blank in a name is escaped, so it splits nothing.
    return [record.to_text().split(" ")[-1] for record in chained]


def _parse_glue(answer: dns.message.QueryMessage) -> dict[tuple[str, str], str]:
    """Return the addresses in the additional section: the first by bytes for each name and type."""
    glue = {}
    for rrset in answer.additional:
        # An A record of another class, such as CH, does not hold an IP address.
        if rrset.rdclass == dns.rdataclass.IN and rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            name, record_type = normalize(rrset.name.to_text()), dns.rdatatype.to_text(rrset.rdtype)
            glue[name, record_type] = min(record.to_text() for record in rrset)
    return glue
