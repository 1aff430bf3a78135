"""The events of a binary log, as far as a copy of the log needs them: where each begins, its GTID, its time.  Pure.

What an event does to rows is read by mariadb-binlog and the server alone.  The format is that of MariaDB's manual
("2-Binlog Event Header", "GTID_EVENT", "FORMAT_DESCRIPTION_EVENT"); every checksum is compared.
"""

import binascii
import re
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bootstrap.errors import BinlogInvalidError

MAGIC = b"\xfebin"

STOP, ROTATE, FORMAT, INCIDENT, HEARTBEAT = 3, 4, 15, 26, 27
CHECKPOINT, GTID, GTID_LIST, ENCRYPTION = 161, 162, 163, 164
"""Types of events (log_event.h, `enum Log_event_type`)."""

BETWEEN = frozenset({STOP, ROTATE, FORMAT, HEARTBEAT, CHECKPOINT, GTID_LIST, ENCRYPTION})
"""These belong to the file, not to a transaction."""

_HEADER = struct.Struct("<IBIIIH")
"""Time, type, server id, size, position of the next event in the member's file, flags."""

_GTID = struct.Struct("<QI")
"""Seqno and domain; the server id is in the header."""

_NO_SUMS, _CRC32 = 0, 1
_IN_USE = 0x01
"""A flag of the first event of a file that is being written; its checksum was made without it."""


class Gtid(NamedTuple):
    """A global transaction id of MariaDB."""

    domain: int
    server: int
    seqno: int

    def __str__(self) -> str:
        return f"{self.domain}-{self.server}-{self.seqno}"


class Event(NamedTuple):
    """One event with its bytes."""

    type: int
    time: int
    """Seconds since 1970, by the clock of the member that the client was connected to."""
    next_position: int
    """Where the next event begins in the member's file; 0 = the event was made for this transfer."""
    raw: bytes
    gtid: Gtid | None
    """The GTID with which a transaction begins; None = another event."""


def parse_gtid(text: str) -> Gtid | None:
    """Read a GTID such as 7-100-4711; None = it is none."""
    match = re.fullmatch(r"(\d{1,10})-(\d{1,10})-(\d{1,19})", text.strip(), re.ASCII)
    return Gtid(*map(int, match.groups())) if match else None


def find_domain(state: str, domain: int) -> Gtid | None:
    """Find the GTID of a domain in a list such as @@gtid_binlog_pos, or of a Gtid_list; raises BinlogInvalidError."""
    parts = [part for part in re.split(r"[\s,\[\]]+", state) if part]
    found = [gtid for part in parts if (gtid := parse_gtid(part))]
    if len(found) != len(parts):
        raise BinlogInvalidError(f"this is no list of GTIDs: {state[:100]!a}")
    return max((one for one in found if one.domain == domain), key=lambda one: one.seqno, default=None)


def split(chunks: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events of a file.

    Raises BinlogInvalidError, also for a last event that was cut, after those before it.
    """
    has_sums: bool | None = None
    for start, raw in _cut(chunks):
        time, kind, server, _, following, flags = _HEADER.unpack_from(raw)
        if has_sums is None:
            if kind != FORMAT or len(raw) < _HEADER.size + 5:
                raise BinlogInvalidError("the file does not begin with the description of its format")
            if raw[-5] not in (_NO_SUMS, _CRC32):
                raise BinlogInvalidError(f"the file has checksums of an unknown kind: {raw[-5]}")
            has_sums = raw[-5] == _CRC32
        if has_sums and not _is_sound(raw, kind, flags):
            raise BinlogInvalidError(f"an event at {start} does not have its checksum")
        yield Event(kind, time, following, raw, _read_gtid(raw, server) if kind == GTID else None)


def _cut(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield where each event begins, and its bytes."""
    rest, start = bytearray(), 0
    for chunk in chunks:
        rest += chunk
        while (size := _read_size(rest, start)) and len(rest) >= size:
            if start:
                yield start, bytes(rest[:size])
            elif not rest.startswith(MAGIC):
                raise BinlogInvalidError("this is no file of a binary log")
            del rest[:size]
            start += size
    if rest:
        raise BinlogInvalidError("the file is cut in the middle of an event")
    if start <= len(MAGIC):
        raise BinlogInvalidError("the file is empty")


def _read_size(rest: bytearray, start: int) -> int:
    """Return the size of what comes next; 0 = not enough is there to know it."""
    if start == 0:
        return len(MAGIC)
    if len(rest) < _HEADER.size:
        return 0
    size = int(_HEADER.unpack_from(rest)[3])
    if size < _HEADER.size:
        raise BinlogInvalidError(f"an event at {start} has an impossible size")
    return size


def _is_sound(raw: bytes, kind: int, flags: int) -> bool:
    body = bytearray(raw[:-4])
    if kind == FORMAT:
        struct.pack_into("<H", body, _HEADER.size - 2, flags & ~_IN_USE)
    return binascii.crc32(body) == int.from_bytes(raw[-4:], "little")


def _read_gtid(raw: bytes, server: int) -> Gtid:
    if len(raw) < _HEADER.size + _GTID.size:
        raise BinlogInvalidError("a GTID is cut")
    seqno, domain = _GTID.unpack_from(raw, _HEADER.size)
    return Gtid(domain, server, seqno)
