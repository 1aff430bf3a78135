"""The SRV set of a Service, or an error; the addresses of a name.

Knows which servers to ask, in which order and for how long, and what their answers mean.
An empty set does not exist here: no records and no answer are two different errors, and neither is "no peers".
No search list is walked: the caller gives full names, so a foreign zone cannot shadow the Service.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple, TypeVar

import dns.exception
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from peerfinder.core.names import Names
from peerfinder.core.peers import normal
from peerfinder.dns.nameservers import Nameservers, Server
from peerfinder.dns.resolver import Last, ask
from peerfinder.errors import AnswerWithheldError, LookupFailedError, NoAddressError, NoRecordsError

TRY_SECONDS = 1.0
"""How long one server is waited for in the first round; doubled in each further round, seconds."""

MAX_ROUNDS = 6
"""1 s doubled so often is longer than any sensible deadline; bounds the loop."""

FAMILIES = {"IP": ("A", "AAAA"), "IPv4": ("A",), "IPv6": ("AAAA",)}
"""The record types of an address type, the better first."""

Meaning = TypeVar("Meaning")


class Found(NamedTuple):
    """The peers of a Service, whole, and which of their addresses came along."""

    peers: tuple[str, ...]
    """Byte-sorted, validated, never empty."""
    glue: Mapping[tuple[str, str], str] = {}
    """By name and record type (A, AAAA) the first address by bytes."""


@dataclass
class Memory:
    """What a question that is asked again and again led to: what says the same means the same."""

    last: Last = field(default_factory=Last)
    """The last answer."""
    of: dns.message.QueryMessage | None = None
    """The answer that `found` was made of."""
    found: Found | None = None
    """What it meant."""

    def again(self, answer: dns.message.QueryMessage) -> Found | None:
        """Give what *answer* means if that is known."""
        return self.found if answer is self.of else None


def peers(names: Names, nameservers: Nameservers, deadline: float, port_name: str = "") -> tuple[str, ...]:
    """Look the peers of a Service up: byte-sorted, validated, without duplicates, never empty.

    *deadline* is the longest time this may take, in seconds.
    Raises NoRecordsError when DNS says that there are none, AnswerInvalidError when any record is not a peer's,
    LookupFailedError when nothing is known.
    """
    return found(names, names.question(port_name), nameservers, deadline).peers


def found(
    names: Names, question: str, nameservers: Nameservers, deadline: float, memory: Memory | None = None
) -> Found:
    """Do as `peers`, for any owner name of their SRV records, and keep the addresses that came along.

    *memory* is that of this Service and question. Raises AnswerWithheldError besides, when a server is there and gives
    no whole answer.
    """
    memory = memory or Memory()

    def understood(answer: dns.message.QueryMessage, server: Server) -> tuple[dns.message.QueryMessage, list[str]]:
        return answer, [] if memory.again(answer) else meaning(answer, server)

    answer, targets = _asked(_Question(question, "SRV", memory.last), nameservers, deadline, understood)
    if known := memory.again(answer):
        return known
    memory.found, memory.of = Found(names.accepted(targets), _glue(answer)), answer
    return memory.found


def address(fqdn: str, address_type: str, known: Found, nameservers: Nameservers, deadline: float) -> str:
    """Give one address of a peer: one that came along with the SRV records, or else one that is asked for.

    *address_type* is IP, IPv4 or IPv6, *deadline* in seconds. Raises NoAddressError, LookupFailedError.
    """
    end = monotonic() + deadline
    # Servers that leave addresses out begin at the end, with the AAAA records: an AAAA alone is all that there is.
    for record_type in FAMILIES[address_type]:
        if (fqdn, record_type) in known.glue:
            return known.glue[fqdn, record_type]
    for record_type in FAMILIES[address_type]:
        try:
            return min(records(fqdn, record_type, nameservers, max(0.0, end - monotonic())))
        except NoRecordsError:
            continue
    raise NoAddressError(f"{fqdn} has no {address_type} address")


def addresses(fqdn: str, nameservers: Nameservers, deadline: float) -> tuple[str, ...]:
    """Look the addresses of a name up, IPv4 before IPv6, each byte-sorted; *deadline* in seconds for both.

    Raises NoRecordsError when the name has neither, LookupFailedError when either is unknown.
    """
    end = monotonic() + deadline
    known: list[str] = []
    for record_type in ("A", "AAAA"):
        try:
            known += sorted(records(fqdn, record_type, nameservers, max(0.0, end - monotonic())))
        except NoRecordsError:
            continue
    if not known:
        raise NoRecordsError(f"{fqdn} has no address")
    return tuple(known)


def records(name: str, record_type: str, nameservers: Nameservers, deadline: float) -> list[str]:
    """Give the addresses or targets of a name, unvalidated; *deadline* in seconds.

    Raises NoRecordsError, LookupFailedError, and AnswerWithheldError when a server gives no whole answer.
    """
    return _asked(_Question(name, record_type), nameservers, deadline, meaning)


class _Question(NamedTuple):
    """What is asked."""

    name: str
    record_type: str
    last: Last | None = None
    """The answer of the last time."""


def _asked(
    question: _Question,
    nameservers: Nameservers,
    deadline: float,
    understood: Callable[[dns.message.QueryMessage, Server], Meaning],
) -> Meaning:
    """Ask the servers in turn, the silent ones again and for longer, until one has answered the question."""
    end, withheld = monotonic() + deadline, False
    name, record_type = question.name, question.record_type
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
                return understood(ask(f"{name}.", record_type, server, share, question.last), server)
            except TimeoutError:
                faults[server] = f"no answer within {deadline:.1f} s"
            except LookupFailedError as exc:
                faults[server], withheld = str(exc), withheld or isinstance(exc, AnswerWithheldError)
                silent.remove(server)
    told = "; ".join(f"{server}: {fault}" for server, fault in faults.items())
    raise (AnswerWithheldError if withheld else LookupFailedError)(f"{record_type} of {name} is unknown ({told})")


def meaning(answer: dns.message.QueryMessage, server: Server) -> list[str]:
    """Give the targets or addresses of an answer; raises NoRecordsError or LookupFailedError."""
    name, rcode = answer.question[0].name.to_text() if answer.question else "it", answer.rcode()
    if rcode == dns.rcode.NXDOMAIN:
        raise NoRecordsError(f"{server} knows no name {name}")
    if rcode == dns.rcode.SERVFAIL:
        # Knot DNS says so of an answer that no message can hold, too.
        raise AnswerWithheldError(f"answers {dns.rcode.to_text(rcode)}")
    if rcode != dns.rcode.NOERROR:
        raise LookupFailedError(f"answers {dns.rcode.to_text(rcode)}")
    try:
        chained = answer.resolve_chaining().answer
    except dns.exception.DNSException as exc:
        raise LookupFailedError(f"answers nonsense: {type(exc).__name__}") from exc
    if not chained:
        raise NoRecordsError(f"{server} has no such record of {name}")
    # The last field of SRV, A and AAAA is the target or address; a blank inside a name is escaped, so no field.
    return [record.to_text().split(" ")[-1] for record in chained]


def _glue(answer: dns.message.QueryMessage) -> dict[tuple[str, str], str]:
    """Give the addresses in the additional section: the first by bytes for each name and type."""
    glue = {}
    for rrset in answer.additional:
        # An A record of another class, such as CH, holds something else than an address.
        if rrset.rdclass == dns.rdataclass.IN and rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            name, record_type = normal(rrset.name.to_text()), dns.rdatatype.to_text(rrset.rdtype)
            glue[name, record_type] = min(record.to_text() for record in rrset)
    return glue
