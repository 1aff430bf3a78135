"""One question to one name server, and everything that its answer tells, as a plain value for `doctor`.

Neither retries nor judges: a silence, a refusal and a cut-off answer are what is looked for here.
"""

from time import monotonic

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from peerfinder.core.observations import Reply
from peerfinder.core.peers import normal
from peerfinder.dns.nameservers import Server
from peerfinder.dns.resolver import EDNS_SIZE, over_tcp, over_udp
from peerfinder.errors import PeerFinderError


def ask(name: str, record_type: str, server: Server, seconds: float, *, tcp: bool = False) -> Reply:
    """Ask over UDP, and over TCP if that is cut off (or with *tcp* over TCP only); never raises for what it meets."""
    began, truncated = monotonic(), False
    try:
        query = dns.message.make_query(f"{name}.", record_type, use_edns=0, payload=EDNS_SIZE)
        answer = (over_tcp if tcp else over_udp)(query, server, began + seconds)
        truncated = bool(answer.flags & dns.flags.TC)
        if truncated and not tcp:
            answer = over_tcp(query, server, began + seconds)
    except TimeoutError:
        return Reply(fault=f"gave no answer within {seconds:g} s", truncated=truncated, seconds=monotonic() - began)
    except (OSError, PeerFinderError, dns.exception.DNSException) as exc:
        fault = f"cannot be asked: {getattr(exc, 'strerror', None) or exc}"
        return Reply(fault=fault, truncated=truncated, seconds=monotonic() - began)
    cut = bool(answer.flags & dns.flags.TC)
    return Reply(
        records=_records(answer, record_type),
        status=dns.rcode.to_text(answer.rcode()),
        fault="cuts its answer off" if cut else "",
        truncated=truncated or cut,
        seconds=monotonic() - began,
        negative_ttl=_negative_ttl(answer),
        extra=_extra(answer),
    )


def _records(answer: dns.message.QueryMessage, record_type: str) -> tuple[str, ...]:
    """Give the last field of each record of the type that was asked for, whoever its owner is."""
    kind = dns.rdatatype.from_text(record_type)
    fields = (record.to_text().split(" ")[-1] for rrset in answer.answer if rrset.rdtype == kind for record in rrset)
    return tuple(normal(field) for field in fields)


def _negative_ttl(answer: dns.message.QueryMessage) -> int | None:
    """Give how long it may be remembered that there is nothing (RFC 2308 section 5); None if there is something."""
    soas = [rrset for rrset in answer.authority if rrset.rdtype == dns.rdatatype.SOA]
    if answer.answer or not soas:
        return None
    return min(soas[0].ttl, int(soas[0][0].to_text().split(" ")[-1]))


def _extra(answer: dns.message.QueryMessage) -> dict[str, frozenset[str]]:
    extra: dict[str, frozenset[str]] = {}
    for rrset in answer.additional:
        if rrset.rdclass == dns.rdataclass.IN and rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            name = normal(rrset.name.to_text())
            extra[name] = extra.get(name, frozenset()) | {record.to_text() for record in rrset}
    return extra
