"""When a certificate ends: as OpenSSL says, and never an error."""

import shutil
import ssl
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.status.metrics.certificate import read_end


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


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----"])
def test_a_text_without_a_certificate_has_no_end(text: str) -> None:
    assert read_end(text) is None


@given(st.binary(max_size=60))
def test_octets_that_are_no_certificate_have_no_end(der: bytes) -> None:
    assert read_end(f"-----BEGIN CERTIFICATE-----\n{b64encode(der).decode()}\n-----END CERTIFICATE-----\n") is None
