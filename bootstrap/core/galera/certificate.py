"""When a certificate ends, read from the text of a PEM file (RFC 7468, RFC 5280 section 4.1.2.5).  Pure.

Python's ssl shows that only of a peer, and this program is none.  It is for a metric: whether a certificate is good is
judged by OpenSSL, in the server.
"""

import re
from base64 import b64decode
from binascii import Error
from calendar import timegm

PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----")
"""The first one in a file is the server's own; those behind it are its authorities'."""

SEQUENCE, VERSION, UTC_TIME, GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
"""Tags of DER."""

TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z", re.ASCII)

BEFORE_VALIDITY = 3
"""Serial number, algorithm and issuer stand before it."""


def read_end(pem: str) -> float | None:
    """Return the end of the first certificate, seconds since 1970; None = the text has no certificate in this form."""
    found = PEM.search(pem)
    if not found:
        return None
    try:
        return _find_end(b64decode(found[1]))
    except (ValueError, IndexError, Error):
        return None


def _find_end(der: bytes) -> float | None:
    """Walk to the second time of the validity; raises ValueError, IndexError for what is no certificate."""
    body = _open(_open(der, SEQUENCE)[0], SEQUENCE)[0]
    if body[0] == VERSION:
        body = _open(body, VERSION)[1]
    for _ in range(BEFORE_VALIDITY):
        body = _open(body, body[0])[1]
    times = _open(body, SEQUENCE)[0]
    times = _open(times, times[0])[1]
    text = _open(times, times[0])[0].decode("ascii")
    if times[0] == UTC_TIME:
        # Two digits of a year: from 50 on of the last century.
        text = ("19" if text[0] >= "5" else "20") + text
    elif times[0] != GENERALIZED_TIME:
        return None
    found = TIME.fullmatch(text)
    return float(timegm(tuple(map(int, found.groups())))) if found else None


def _open(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """Open a value with this tag: what is in it, and what is behind it; raises ValueError, IndexError."""
    if der[0] != tag:
        raise ValueError(f"tag {der[0]} instead of {tag}")
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start])
    if start + length > len(der):
        raise ValueError("it is cut off")
    return der[start : start + length], der[start + length :]
