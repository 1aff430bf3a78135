"""The files of TLS: whether they are there and fit, and their way into a running server when they are replaced.

A kubelet replaces the files of a Secret all at once, by one rename (Kubernetes, "Secrets", mounted Secrets are updated
automatically); the server reads them at its start and when it is told to.
"""

import hashlib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import SettingInvalidError
from bootstrap.mariadb.client import STARTING

NAMES = ("tls.crt", "tls.key", "ca.crt")
"""As in a Secret that cert-manager writes."""

BETWEEN_S = 5.0
"""Seconds from one look at the files to the next; a kubelet takes up to a minute to bring them."""


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of a certificate, by the names that a Secret of the type kubernetes.io/tls has."""

    certificate: str
    key: str
    ca: str
    """Whose certificates are believed; several while a CA is replaced."""

    @property
    def provider_options(self) -> tuple[tuple[str, str], ...]:
        """Replication and incremental state transfers; both ends show a certificate of the CA (Galera, "SSL")."""
        return (
            ("socket.ssl", "yes"),
            ("socket.ssl_cert", self.certificate),
            ("socket.ssl_key", self.key),
            ("socket.ssl_ca", self.ca),
        )


def read_files(folder: Path) -> Tls:
    """The files in the folder; raises SettingInvalidError when one is missing, or when they do not fit together."""
    if why := why_unusable(folder):
        raise SettingInvalidError(why)
    certificate, key, ca = (str(folder / name) for name in NAMES)
    return Tls(certificate, key, ca)


def why_unusable(folder: Path) -> str:
    """Why a server could not use the files, else nothing; an expired certificate is not looked for.

    It must not be in the way of a start: the members of a cluster whose certificates have all expired still have to
    tell that to somebody, which only their own logs do.
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
        # A key with a passphrase would ask for it on a terminal.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as exc:
        return f"{certificate} and {key} do not fit together or are no PEM files ({format_ssl_error(exc)})"
    try:
        context.load_verify_locations(ca)
    except (ssl.SSLError, ValueError) as exc:
        return f"{ca} has no certificate in it ({format_ssl_error(exc)})"
    return ""


def format_ssl_error(exc: Exception) -> str:
    """OpenSSL's word for it."""
    return getattr(exc, "reason", None) or str(exc) or type(exc).__name__


def compute_fingerprint(folder: Path) -> str:
    """Tells the files' content from another; raises OSError."""
    return hashlib.sha256(b"\0".join((folder / name).read_bytes() for name in NAMES)).hexdigest()


def keep_loaded(
    folder: Path,
    reload: Callable[[], str],
    say: Callable[[str], None],
    rest: Callable[[float], None] = time.sleep,
) -> None:
    """Have the server load the files whenever they have changed, for ever; what is in the way is said once.

    `reload` returns why the server did not.  What a server has loaded before this call is not known: it is told to
    load them once in any case.
    """
    loaded = told = ""
    while True:
        loaded, why = _load_if_changed(folder, reload, loaded, say)
        if why != told:
            told = why
            if why:
                say(why)
        rest(BETWEEN_S)


def _load_if_changed(
    folder: Path, reload: Callable[[], str], loaded: str, say: Callable[[str], None]
) -> tuple[str, str]:
    """What the server has loaded after this look, and what is in the way."""
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
        normal = any(text in why for text in STARTING)
        return loaded, "" if normal else f"the server does not load the certificates in {folder}: {why}"
    if loaded:
        say(f"the server has loaded the new certificates in {folder}")
    return now, ""
