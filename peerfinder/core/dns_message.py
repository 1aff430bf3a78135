"""A DNS answer reduced to what was asked for, in one pass, so that a DNS library has little to do with it.

Pure. The sender of a datagram chooses its octets, and a library parses every type by its own rules, some of them
quadratic: 65 kB of names of 120 labels, or of options with names in them, take it 50 s. What is left after this pass
are a few types, names of few labels, and no pointer but to the question; all else was passed over by its length.
"""

import struct

HEADER = struct.Struct("!HHHHHH")
"""Id, flags, and how many records the four sections have (RFC 1035 section 4.1.1)."""

RECORD = struct.Struct("!HHIH")
"""Type, class, time to live, length of the data (RFC 1035 section 4.1.3)."""

IN, A, CNAME, SOA, AAAA, SRV, OPT = 1, 1, 5, 6, 28, 33, 41

NO_CLASSES = (0, 254, 255)
"""Reserved, NONE and ANY: classes that no record in an answer has."""

TRUNCATED = 0x0200
"""The flag TC: the message holds a part of the records."""

POINTER = 0xC0
"""A label that begins with this octet or a higher one is a pointer (RFC 1035 section 4.1.4)."""

HOPS_MAX = 16
"""How many pointers a name may follow; servers make one or two."""

LABEL_MAX, NAME_MAX = 63, 255
"""The longest label and name, octets (RFC 1035 section 2.3.4)."""

LABELS_MAX = 16
"""How many labels a name may have: the SRV records of a Service have five more than its cluster's domain."""

LAYOUT = {A: (4, 0, 0), AAAA: (16, 0, 0), CNAME: (0, 1, 0), SOA: (0, 2, 20), SRV: (6, 1, 0)}
"""By type, how many octets the data have, how many names follow, and how many octets after them."""


class DnsMessageInvalidError(ValueError):
    """These octets are not a DNS message, or not one that a name server of ours would send."""


def reduce_message(wire: bytes, kind: int) -> tuple[bytes, frozenset[bytes]]:
    """Return what a question for this type can be answered with, as a message, and the owners of its records.

    Raises DnsMessageInvalidError. A message that is cut off, as its flag says, may be so anywhere.
    """
    try:
        return _Reader(wire, kind).reduce()
    except (IndexError, struct.error) as exc:
        raise DnsMessageInvalidError("it ends too early") from exc


class _Reader:
    """Reads one message."""

    def __init__(self, wire: bytes, kind: int) -> None:
        self.wire = wire
        self.kind = kind
        self.names: dict[int, bytes] = {}
        """Names that were read, by position."""
        self.question = b""
        self.owners: set[bytes] = set()
        self.parts: list[bytes] = []

    def reduce(self) -> tuple[bytes, frozenset[bytes]]:
        """Read the message; raises DnsMessageInvalidError, IndexError, struct.error."""
        number, flags, questions, *counts = HEADER.unpack_from(self.wire)
        at, kept = HEADER.size, [0, 0, 0]
        if questions > 1:
            raise DnsMessageInvalidError(f"it has {questions} questions")
        if questions:
            self.question, at = self._read_name(at)
            self.parts.append(self.question + self.wire[at : at + 4])
            at += 4
        try:
            at = self._read_sections(at, counts, kept)
        except (DnsMessageInvalidError, IndexError, struct.error):
            if not flags & TRUNCATED:
                raise
            at = len(self.wire)
        if at != len(self.wire):
            raise DnsMessageInvalidError("octets follow its end")
        return HEADER.pack(number, flags, questions, *kept) + b"".join(self.parts), frozenset(self.owners)

    def _read_sections(self, at: int, counts: list[int], kept: list[int]) -> int:
        """Read the records, and count in *kept* those that are kept; return the position after them."""
        # Addresses that come along are of use where names were asked for.
        wanted = {self.kind, CNAME}, {SOA}, {A, AAAA, OPT} if self.kind == SRV else {OPT}
        for section, kinds in enumerate(wanted):
            for _ in range(counts[section]):
                begin, at = at, self._skip_name(at)
                kind, its_class, ttl, size = RECORD.unpack_from(self.wire, at)
                at += RECORD.size + size
                if at > len(self.wire):
                    raise DnsMessageInvalidError("a record ends beyond it")
                if its_class in NO_CLASSES and kind != OPT:
                    raise DnsMessageInvalidError(f"a record is of class {its_class}")
                if kind in kinds and (its_class == IN or kind == OPT):
                    self._keep(begin, (kind, its_class, ttl), at - size, at)
                    kept[section] += 1
        return at

    def _keep(self, begin: int, head: tuple[int, int, int], at: int, end: int) -> None:
        """Keep a record whose name and data begin here; of OPT, which has names in its options, only its head."""
        owner = self._read_name(begin)[0]
        data = b"" if head[0] == OPT else self._read_data(at, end, head[0])
        self.owners.add(owner)
        self.parts += (b"\xc0\x0c" if owner == self.question else owner, RECORD.pack(*head, len(data)), data)

    def _read_data(self, begin: int, end: int, kind: int) -> bytes:
        """Return the data of a record with its names written out."""
        before, names, after = LAYOUT.get(kind, (0, 0, end - begin))
        at = begin + before
        parts = [self.wire[begin:at]]
        for _ in range(names):
            name, at = self._read_name(at)
            parts.append(name)
        if end - at != after:
            raise DnsMessageInvalidError("the data of a record have a wrong length")
        parts.append(self.wire[at:end])
        return b"".join(parts)

    def _skip_name(self, at: int) -> int:
        """Return the position after a name; where it points to does not matter."""
        begin = at
        while 0 < (size := self.wire[at]) < POINTER:
            at += size + 1
            if size > LABEL_MAX or at - begin >= NAME_MAX:
                raise DnsMessageInvalidError("a name is too long")
        return at + 2 if size else at + 1

    def _read_name(self, at: int) -> tuple[bytes, int]:
        """Return a name without pointers, and the position after it."""
        if self.wire[at] < POINTER:
            return self._expand_name(at)
        to = self._read_pointer(at)
        return self.names.get(to) or self._expand_name(to)[0], at + 2

    def _expand_name(self, at: int) -> tuple[bytes, int]:
        """Return a name of few labels that follows few pointers, and the position after it."""
        wire, begin, end, parts, labels = self.wire, at, 0, bytearray(), 0
        for _ in range(HOPS_MAX):
            while 0 < (size := wire[at]) < POINTER:
                parts += wire[at : at + size + 1]
                at += size + 1
                labels += 1
                if size > LABEL_MAX or labels > LABELS_MAX or len(parts) >= NAME_MAX:
                    raise DnsMessageInvalidError(f"a name is too long, or has more than {LABELS_MAX} labels")
            if not size:
                name = self.names[begin] = bytes(parts) + b"\0"
                return name, end or at + 1
            end, at = end or at + 2, self._read_pointer(at)
        raise DnsMessageInvalidError(f"a name follows more than {HOPS_MAX} pointers")

    def _read_pointer(self, at: int) -> int:
        """Return where a pointer leads: to what stands before it (RFC 1035 section 4.1.4)."""
        to = (self.wire[at] - POINTER) << 8 | self.wire[at + 1]
        if to >= at:
            raise DnsMessageInvalidError("a name points forward")
        return to
