"""Answers that are as expensive to read as their size allows: many labels, pointers, types and names in their data.

Each is what a library that reads all types by their own rules takes for valid, or for valid until its last octet.
"""

import random
import struct
from collections.abc import Callable, Sequence

import dns.message
from peerfinder.core.dns_message import LABELS_MAX

A, NS, CNAME, SOA, PTR, TXT, RP, AAAA, NAPTR, SRV, OPT, SVCB = 1, 2, 5, 6, 12, 16, 17, 28, 35, 33, 41, 64

QUESTION = b"\xc0\x0c"
"""A pointer to the name that was asked for."""

Record = tuple[bytes, int, bytes]
"""Owner, type and data."""


def make_answer(
    query: dns.message.Message,
    answer: Sequence[Record],
    authority: Sequence[Record] = (),
    additional: Sequence[Record] = (),
) -> bytes:
    """Make an answer from raw records."""
    sections = (answer, authority, additional)
    head = struct.pack("!HHHHHH", query.id, 0x8500, 1, *map(len, sections))
    question = query.question[0]
    wire = head + (question.name.to_wire() or b"") + struct.pack("!HH", question.rdtype, 1)
    for owner, kind, data in (record for section in sections for record in section):
        wire += owner + struct.pack("!HHIH", kind, 1, 5, len(data)) + data
    return wire


def make_name(labels: int, tail: bytes = b"\0") -> bytes:
    """Make a name of labels of one octet."""
    return b"\1a" * labels + tail


def point(to: int) -> bytes:
    """Make a pointer."""
    return struct.pack("!H", 0xC000 | to & 0x3FFF)


def first_data(query: dns.message.Message) -> int:
    """Return where the data of the first record stand if its owner is a pointer."""
    return 12 + len(query.question[0].name.to_wire() or b"") + 4 + 2 + 10


def repeat(record: Callable[[int], Record], size: int) -> list[Record]:
    """Make records until they have so many octets."""
    records: list[Record] = []
    left = size - 100
    while left > 0:
        records.append(record(len(records)))
        left -= sum(len(part) for part in (records[-1][0], records[-1][2])) + 10
    return records


def targets(query: dns.message.Message, size: int, labels: int = 120) -> bytes:
    """SRV records whose targets are one long name below different labels."""
    tail = point(first_data(query) + 6)
    first = (QUESTION, SRV, struct.pack("!HHH", 0, 0, 1) + make_name(labels))

    def one(number: int) -> Record:
        return QUESTION, SRV, struct.pack("!HHH", 0, number & 0xFFFF, 1) + b"\4%04x" % (number & 0xFFFF) + tail

    return make_answer(query, [first, *repeat(one, size - 300)])


def few_labels(query: dns.message.Message, size: int) -> bytes:
    """The same with as many labels as are accepted."""
    return targets(query, size, labels=LABELS_MAX - 1)


def responsible(query: dns.message.Message, size: int) -> bytes:
    """RP records, which have two names each."""
    first = (QUESTION, RP, make_name(120) * 2)
    name = point(first_data(query))
    others = repeat(lambda number: (QUESTION, RP, b"\4%04x" % (number & 0xFFFF) + name + name), size - 600)
    return make_answer(query, [first, *others])


def of_any_type(query: dns.message.Message, size: int) -> bytes:
    """All types, one after the other, with names in their data."""
    return make_answer(query, [], [], repeat(lambda number: (make_name(100), number % 300, make_name(100) * 2), size))


def text(query: dns.message.Message, size: int) -> bytes:
    """TXT records of many empty strings."""
    return make_answer(query, repeat(lambda _: (QUESTION, TXT, bytes(200)), size))


def options(query: dns.message.Message, size: int) -> bytes:
    """One OPT whose many options each point to a name (RFC 9567)."""
    long = (QUESTION, NS, make_name(120))
    one = struct.pack("!HH", 18, 2) + point(first_data(query))
    return make_answer(query, [], [long], [(b"\0", OPT, one * ((size - 400) // len(one)))])


def chain(query: dns.message.Message, size: int) -> bytes:
    """A chain of pointers, each to the one before, and records that begin at its end."""
    at = first_data(query)
    links = min(4000, size // 4)
    pointers = point(12) + b"".join(point(at + 2 * number) for number in range(links - 1))
    last = point(at + 2 * (links - 1))
    return make_answer(query, [(QUESTION, 65280, pointers), *repeat(lambda _: (last, A, bytes(4)), size - 2 * links)])


def aliases(query: dns.message.Message, size: int) -> bytes:
    """Aliases in a ring, many of them."""
    return make_answer(query, repeat(lambda n: (b"\4%04x\0" % n, CNAME, b"\4%04x\0" % (n + 1)), size))


def one_hash(query: dns.message.Message, size: int) -> bytes:
    """Owners that all have the same hash in a library where it is a sum of 9 to the power of the octet's place."""

    def one(number: int) -> Record:
        octets = b"".join(b"bm" if number >> bit & 1 else b"cd" for bit in range(11))
        return bytes([len(octets)]) + octets + b"\0", A, bytes(4)

    return make_answer(query, [], [], repeat(one, size))


def more_addresses(query: dns.message.Message, size: int) -> bytes:
    """An honest answer, and many addresses of names that nobody asked for."""
    good = (QUESTION, SRV, struct.pack("!HHH", 0, 0, 1) + b"\7mysql-0" + QUESTION)
    others = repeat(lambda n: (b"\4%04x" % n + make_name(9), A, struct.pack("!I", n)), size)
    return make_answer(query, [good], [], others)


def counted(query: dns.message.Message, size: int) -> bytes:
    """As many records as can be counted, of which few are there."""
    wire = make_answer(query, repeat(lambda _: (b"\0", A, b""), size))
    return wire[:6] + b"\xff" * 6 + wire[12:]


BOMBS: tuple[Callable[[dns.message.Message, int], bytes], ...] = (
    targets,
    few_labels,
    responsible,
    of_any_type,
    text,
    options,
    chain,
    aliases,
    one_hash,
    more_addresses,
    counted,
)


def make_bomb(query: dns.message.Message, dice: random.Random, size: int) -> bytes:
    """Make one of them, of about this size."""
    return dice.choice(BOMBS)(query, size)[:65535]
