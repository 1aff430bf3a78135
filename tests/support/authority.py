"""A certificate authority, by openssl."""

import subprocess
from pathlib import Path

CONFIG = """\
[req]
distinguished_name = subject
[subject]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
[leaf]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth, serverAuth
"""
"""Without the distribution's openssl.cnf, which would make every certificate an authority."""

DAYS = 30
"""How long a certificate is valid, unless the authority is told otherwise."""


class AuthorityError(Exception):
    """No certificate was made; says why."""


class Authority:
    """Signs certificates; everything lies in one folder as NAME.crt and NAME.key, its own as `ca`."""

    def __init__(self, folder: Path) -> None:
        """Make the authority, or take the one that is there."""
        self.folder, self.days = folder, DAYS
        if not self.certificate("ca").exists():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            (folder / "openssl.cnf").write_text(CONFIG)
            self._request("ca", "/CN=cluster", "-extensions", "authority")

    def certificate(self, name: str) -> Path:
        """Where a certificate is."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Where its key is."""
        return self.folder / f"{name}.key"

    def sign(self, name: str, user: str, *, groups: str = "", hosts: tuple[str, ...] = ()) -> None:
        """A certificate for a client, and for a server when it has hosts, such as `IP:127.0.0.1` or `DNS:node1`."""
        subject = f"/O={groups}/CN={user}" if groups else f"/CN={user}"
        names = ("-addext", f"subjectAltName={','.join(hosts)}") if hosts else ()
        signer = ("-CA", str(self.certificate("ca")), "-CAkey", str(self.key("ca")))
        self._request(name, subject, "-extensions", "leaf", *names, *signer)

    def _request(self, name: str, subject: str, *options: str) -> None:
        argv = [
            "openssl",
            "req",
            "-x509",
            "-new",
            "-config",
            str(self.folder / "openssl.cnf"),
            "-days",
            str(self.days),
            "-nodes",
        ]
        argv += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", subject]
        argv += ["-keyout", str(self.key(name)), "-out", str(self.certificate(name)), *options]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AuthorityError(f"openssl made no certificate for {name}: {done.stderr.strip()}")
