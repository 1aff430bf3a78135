"""Files of a binary log, made event by event, for faults that no server writes."""

import struct
import zlib
from collections.abc import Iterable

from bootstrap.core.binlog import events
from bootstrap.core.binlog.events import MAGIC, Gtid

XID, QUERY, ROWS = 16, 2, 23


def event(kind: int, body: bytes = b"", *, time: int = 0, server: int = 100, at: int = 0, sum_: bool = True) -> bytes:
    """One event with its checksum."""
    size = 19 + len(body) + (4 if sum_ else 0)
    head = struct.pack("<IBIIIH", time, kind, server, size, at, 0) + body
    return head + (struct.pack("<I", zlib.crc32(head)) if sum_ else b"")


def description(*, has_sums: bool = True) -> bytes:
    """The first event of a file."""
    return event(events.FORMAT, struct.pack("<H50sIB", 4, b"10.11.19-MariaDB-log", 0, 19) + bytes([has_sums]))


def begin(gtid: Gtid, time: int = 0, at: int = 0) -> bytes:
    """The event with which a transaction begins."""
    body = struct.pack("<QIB", gtid.seqno, gtid.domain, 0) + bytes(6)
    return event(events.GTID, body, time=time, server=gtid.server, at=at)


def transaction(seqno: int, *, domain: int = 7, time: int = 0, rows: bytes = b"rows", at: int = 0) -> bytes:
    """A transaction of the cluster."""
    gtid = Gtid(domain, 100, seqno)
    return begin(gtid, time) + event(ROWS, rows, time=time) + event(XID, bytes(8), time=time, at=at)


def file(*parts: bytes) -> bytes:
    """A file with these events."""
    return MAGIC + description() + b"".join(parts)


def chunks(content: bytes, size: int) -> Iterable[bytes]:
    """The content in pieces, as it is read."""
    return (content[place : place + size] for place in range(0, len(content), size))
