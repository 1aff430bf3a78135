"""One question to one name server, and everything in its answer, as a plain value for `doctor`.

Does not retry and does not judge: silence, refusals and truncated answers are what `doctor` wants to see.
"""

from time import monotonic

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from peerfinder.core.observations import Reply
from peerfinder.core.peers import normalize
from peerfinder.dns.nameservers import Server
from peerfinder.dns.resolver import EDNS_SIZE, ask_tcp, ask_udp
from peerfinder.errors import PeerFinderError


def ask(name: str, record_type: str, server: Server, seconds: float, *, tcp: bool = False) -> Reply:
    """Ask over UDP, then over TCP if that is truncated (with *tcp* over TCP only); every failure becomes a Reply."""
    began, truncated = monotonic(), False
    try:
        query = dns.message.make_query(f"{name}.", record_type, use_edns=0, payload=EDNS_SIZE)
        answer = (ask_tcp if tcp else ask_udp)(query, server, began + seconds)
        truncated = bool(answer.flags & dns.flags.TC)
        if truncated and not tcp:
            answer = ask_tcp(query, server, began + seconds)
    except TimeoutError:
        return Reply(fault=f"gave no answer within {seconds:g} s", truncated=truncated, seconds=monotonic() - began)
    except (OSError, PeerFinderError, dns.exception.DNSException) as exc:
        fault = f"cannot be asked: {getattr(exc, 'strerror', None) or exc}"
        # After a truncated answer over UDP the server is there.
        unreachable = isinstance(exc, OSError) and not truncated
        return Reply(fault=fault, unreachable=unreachable, truncated=truncated, seconds=monotonic() - began)
    cut = bool(answer.flags & dns.flags.TC)
    return Reply(
        records=_parse_records(answer, record_type),
        status=dns.rcode.to_text(answer.rcode()),
        fault="cuts its answer off" if cut else "",
        truncated=truncated or cut,
        seconds=monotonic() - began,
        negative_ttl=_parse_negative_ttl(answer),
        additional=_parse_additional(answer),
    )


def _parse_records(answer: dns.message.QueryMessage, record_type: str) -> tuple[str, ...]:
    """Return the last field of each record of the requested type, whatever its owner name is."""
    kind = dns.rdatatype.from_text(record_type)
    fields = (record.to_text().split(" ")[-1] for rrset in answer.answer if rrset.rdtype == kind for record in rrset)
    return tuple(normalize(field) for field in fields)


def _parse_negative_ttl(answer: dns.message.QueryMessage) -> int | None:
    """Return how long the absence of a name may be cached (RFC 2308 section 5); None if there are records."""
    soas = [rrset for rrset in answer.authority if rrset.rdtype == dns.rdatatype.SOA]
    if answer.answer or not soas:
        return None
    return min(soas[0].ttl, int(soas[0][0].to_text().split(" ")[-1]))


def _parse_additional(answer: dns.message.QueryMessage) -> dict[str, frozenset[str]]:
    addresses: dict[str, frozenset[str]] = {}
    for rrset in answer.additional:
        if rrset.rdclass == dns.rdataclass.IN and rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            name = normalize(rrset.name.to_text())
            addresses[name] = addresses.get(name, frozenset()) | {record.to_text() for record in rrset}
    return addresses
