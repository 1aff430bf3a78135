"""The certificates that a lab's members have mounted, and their replacement."""

import ssl
import subprocess
from pathlib import Path

import pymysql

from bootstrap.mariadb.tls import NAMES
from tests.lab.lab import Lab
from tests.support.authority import Authority

NAME = "DNS:*.galera.lab.svc.cluster.local"
"""The names of a lab's pods."""


class Certificates:
    """The folder with certificates that the members have mounted, and the authorities that sign them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._authorities = folder / "tls", folder / "authorities"
        self.hosts: tuple[str, ...] = (NAME,)
        """The names and addresses in the next certificate."""

    def issue(self, authority: str, trusted: tuple[str, ...]) -> None:
        """Give all members a certificate of one authority, and these trusted ones; replace it as a kubelet does."""
        signer = self._find_authority(authority)
        signer.sign("member", "galera", hosts=self.hosts)
        content = (
            signer.certificate("member").read_text(),
            signer.key("member").read_text(),
            "".join(self._find_authority(name).certificate("ca").read_text() for name in trusted),
        )
        new = self.folder.with_name(f"tls-{len(list(self.folder.parent.glob('tls-*')))}")
        new.mkdir(mode=0o755)
        for name, text in zip(NAMES, content, strict=True):
            (new / name).write_text(text)
        link = self.folder.with_name("new-link")
        link.symlink_to(new)
        link.rename(self.folder)

    @property
    def current(self) -> bytes:
        """The certificate that was issued last."""
        return ssl.PEM_cert_to_DER_cert((self.folder / "tls.crt").read_text())

    @property
    def end(self) -> float:
        """When that one ends: seconds since 1970."""
        words = ("openssl", "x509", "-noout", "-enddate", "-in", str(self.folder / "tls.crt"))
        shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        return float(ssl.cert_time_to_seconds(shown.strip().removeprefix("notAfter=")))

    def find_ca(self, authority: str) -> Path:
        return self._find_authority(authority).certificate("ca")

    def _find_authority(self, name: str) -> Authority:
        return Authority(self._authorities / name)


def read_certificate(lab: Lab, ordinal: int, ca: Path) -> bytes:
    """Connect as a client that trusts this authority; returns the server's certificate.  Raises pymysql.Error."""
    layout = lab.layout
    connection = pymysql.connect(
        host=lab.pod(ordinal).ip,
        user=layout.read_secret("user"),
        password=layout.read_secret("password"),
        ssl={"ca": str(ca), "check_hostname": False, "verify_mode": ssl.CERT_REQUIRED},
    )
    with connection:
        stream = connection._sock  # type: ignore[attr-defined]  # it has no public name
        return bytes(stream.getpeercert(binary_form=True))


def is_used_by_all(lab: Lab, ca: Path, certificate: bytes) -> bool:
    """Whether all servers show this certificate to a client."""
    try:
        return all(read_certificate(lab, ordinal, ca) == certificate for ordinal in lab.pods)
    except pymysql.Error:
        return False
