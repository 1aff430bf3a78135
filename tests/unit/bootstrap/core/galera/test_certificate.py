"""When a certificate ends: as OpenSSL says, and never an error."""

import shutil
import ssl
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.galera.certificate import read_end


@pytest.mark.parametrize("key", ["rsa:2048", "ec", "ed25519"])
@pytest.mark.parametrize("days", [1, 825, 9000], ids=["tomorrow", "in years", "after 2049"])
def test_the_end_is_that_of_openssl(tmp_path: Path, key: str, days: int) -> None:
    """From 2050 on a certificate has its times in another form (RFC 5280)."""
    if shutil.which("openssl") is None:
        pytest.skip("NOT TESTED: the end of a certificate; openssl is missing: run `scripts/setup.sh test`")
    path = tmp_path / "tls.crt"
    curve = ("-pkeyopt", "ec_paramgen_curve:P-256") if key == "ec" else ()
    make = ("openssl", "req", "-x509", "-nodes", "-newkey", key, *curve, "-subj", "/CN=a/O=b", "-days", str(days))
    subprocess.run((*make, "-keyout", "/dev/null", "-out", path), capture_output=True, check=True)
    shown = subprocess.run(
        ("openssl", "x509", "-noout", "-enddate", "-in", path), capture_output=True, text=True, check=True
    ).stdout
    text = path.read_text()
    assert read_end(text) == ssl.cert_time_to_seconds(shown.strip().removeprefix("notAfter="))
    assert read_end(f"# a comment\n{text}{text[:200]}") == read_end(text)
    for length in range(0, len(text), 7):
        assert read_end(text[:length]) in (None, read_end(text))


def tlv(tag: int, *parts: bytes) -> bytes:
    """A value of DER: its tag, its length and what is in it."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    size = (len(content).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(content).to_bytes(size) + content


def pem(*der: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{b64encode(b''.join(der)).decode()}\n-----END CERTIFICATE-----\n"


VERSION, SERIAL, ALGORITHM = tlv(0xA0, tlv(2, b"\2")), tlv(2, b"\x11"), tlv(0x30, tlv(6, b"\x2a\3"))

BEFORE = tlv(0x17, b"200101000000Z")


def make(end: bytes, *, first: bytes = VERSION, issuer: int = 5, before: bytes = BEFORE) -> bytes:
    """A certificate with this end, as far as anything reads it; the issuer's name has so many octets."""
    name = tlv(0x30, tlv(0x0C, b"n" * issuer))
    body = tlv(0x30, first, SERIAL, ALGORITHM, name, tlv(0x30, before, end), tlv(0x30, b"subject"))
    return tlv(0x30, body, tlv(3, b"signature"))


@pytest.mark.parametrize(
    ("der", "seconds"),
    [
        (make(tlv(0x17, b"270110080502Z")), 1799568302.0),
        (make(tlv(0x17, b"270110080502Z"), first=b""), 1799568302.0),
        (make(tlv(0x17, b"270110080502Z"), issuer=150), 1799568302.0),
        (make(tlv(0x17, b"270110080502Z"), issuer=400), 1799568302.0),
        (make(tlv(0x17, b"270110080502Z"), issuer=70_000), 1799568302.0),
        (make(tlv(0x17, b"270110080502Z"), before=tlv(0x18, b"19991231235959Z")), 1799568302.0),
        (make(tlv(0x17, b"491231235959Z")), 2524607999.0),
        (make(tlv(0x17, b"500101000000Z")), -631152000.0),
        (make(tlv(0x18, b"20500101000000Z")), 2524608000.0),
        (make(tlv(0x13, b"270110080502Z")), None),
        (make(tlv(0x13, b"20500101000000Z")), None),
        (make(tlv(0x17, b"271310080502Z")), None),
        (make(tlv(0x17, b"270110080502")), None),
        (make(tlv(0x17, "27011008050\u0662Z".encode())), None),
        (make(tlv(0x17, b"270110080502Z"))[:-1], None),
        (make(tlv(0x17, b"270110080502Z"))[:60], None),
        (b"\x31" + make(tlv(0x17, b"270110080502Z"))[1:], None),
        (tlv(0x30, tlv(0x31, b"x")), None),
        (b"\x30", None),
    ],
)
def test_the_second_time_of_the_validity_is_the_end(der: bytes, seconds: float | None) -> None:
    assert read_end(pem(der)) == seconds


def test_the_first_certificate_of_a_file_counts() -> None:
    first, second = (make(tlv(0x17, text)) for text in (b"270110080502Z", b"280110080502Z"))
    assert read_end(f"Bag Attributes\n{pem(first)}{pem(second)}") == 1799568302.0


def test_base64_that_is_cut_off_has_no_end() -> None:
    assert read_end("-----BEGIN CERTIFICATE-----\nMIIB1\n-----END CERTIFICATE-----\n") is None


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----"])
def test_a_text_without_a_certificate_has_no_end(text: str) -> None:
    assert read_end(text) is None


@given(st.binary(max_size=60))
def test_octets_that_are_no_certificate_have_no_end(der: bytes) -> None:
    assert read_end(f"-----BEGIN CERTIFICATE-----\n{b64encode(der).decode()}\n-----END CERTIFICATE-----\n") is None
