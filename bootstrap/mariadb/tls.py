"""The files of TLS: check that they are complete and fit, and have a running server load them when they are replaced.

A kubelet replaces all files of a Secret at once, by one rename (Kubernetes, "Secrets", mounted Secrets are updated
automatically).  The server reads them at its start, and when it is asked to.
"""

import hashlib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootstrap.core.galera import certificate
from bootstrap.errors import SettingInvalidError
from bootstrap.mariadb.client import STARTING
from bootstrap.process.announcer import Announcer
from bootstrap.process.log import Log

NAMES = ("tls.crt", "tls.key", "ca.crt")
"""The names in a Secret that cert-manager writes."""

BETWEEN_S = 5.0
"""Seconds from one check of the files to the next; a kubelet takes up to a minute to update them."""


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of a certificate, named as in a Secret of the type kubernetes.io/tls."""

    certificate: str
    key: str
    ca: str
    """The authorities whose certificates are trusted; several while a CA is replaced."""

    @property
    def provider_options(self) -> tuple[tuple[str, str], ...]:
        """For replication and incremental state transfers; both ends show a certificate of the CA (Galera, "SSL")."""
        return (
            ("socket.ssl", "yes"),
            ("socket.ssl_cert", self.certificate),
            ("socket.ssl_key", self.key),
            ("socket.ssl_ca", self.ca),
        )


def read_files(folder: Path) -> Tls:
    """Check the files in the folder; raises SettingInvalidError if one is missing or they do not fit together."""
    if why := why_unusable(folder):
        raise SettingInvalidError(why)
    certificate, key, ca = (str(folder / name) for name in NAMES)
    return Tls(certificate, key, ca)


def why_unusable(folder: Path) -> str:
    """Why a server could not use the files; empty = it can.  An expired certificate is not looked for.

    It must not prevent a start: if all certificates of a cluster have expired, only the servers' own logs show it.
    """
    certificate, key, ca = (folder / name for name in NAMES)
    for path in (certificate, key, ca):
        try:
            if not path.read_bytes():
                return f"{path} is empty: fill in the Secret"
        except OSError as exc:
            return f"{path} cannot be read ({exc.strerror}): TLS_DIR needs {', '.join(NAMES)}"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # For a key with a passphrase, OpenSSL would otherwise ask on a terminal.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as exc:
        return f"{certificate} and {key} do not fit together or are no PEM files ({format_ssl_error(exc)})"
    try:
        context.load_verify_locations(ca)
    except (ssl.SSLError, ValueError) as exc:
        return f"{ca} has no certificate in it ({format_ssl_error(exc)})"
    return ""


def format_ssl_error(exc: Exception) -> str:
    """The reason in OpenSSL's words."""
    return getattr(exc, "reason", None) or str(exc) or type(exc).__name__


def compute_fingerprint(folder: Path) -> str:
    """Return a hash of the files' content; raises OSError."""
    return hashlib.sha256(b"\0".join((folder / name).read_bytes() for name in NAMES)).hexdigest()


def read_end(folder: Path) -> float | None:
    """When the certificate in the folder ends, seconds since 1970; None = that is not known."""
    try:
        return certificate.read_end((folder / NAMES[0]).read_text("ascii", "replace"))
    except OSError:
        return None


def keep_loaded(
    folder: Path,
    reload: Callable[[], str],
    log: Log,
    rest: Callable[[float], None] = time.sleep,
) -> None:
    """Have the server load the files whenever they have changed, without end; an obstacle is logged once.

    `reload` returns why the server did not load them.  It is not known what the server loaded before this call, so it
    loads them once in any case.
    """
    loaded, announcer = "", Announcer(log)
    while True:
        loaded, why = _load_if_changed(folder, reload, loaded, log)
        announcer.say_when_changed("certificates", why)
        rest(BETWEEN_S)


def _load_if_changed(folder: Path, reload: Callable[[], str], loaded: str, log: Log) -> tuple[str, str]:
    """Return the fingerprint of what the server has loaded by now, and the obstacle."""
    try:
        now = compute_fingerprint(folder)
    except OSError as exc:
        return loaded, f"the new certificates are not loaded: {exc.filename}: {exc.strerror}"
    if now == loaded:
        return loaded, ""
    if why := why_unusable(folder):
        return loaded, f"the new certificates are not loaded: {why}"
    if why := reload():
        # A server that is just starting reads them by itself.
        is_starting = any(text in why for text in STARTING)
        return loaded, "" if is_starting else f"the server does not load the certificates in {folder}: {why}"
    if loaded:
        log(f"the server has loaded the new certificates in {folder}")
    return now, ""
