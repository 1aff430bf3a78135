"""A certificate authority that uses openssl."""

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
"""How long a certificate is valid, unless the test sets `Authority.days`."""


class AuthorityError(Exception):
    """No certificate was made; the message says why."""


class Authority:
    """Signs certificates; all files are in one folder as NAME.crt and NAME.key, its own as `ca`."""

    def __init__(self, folder: Path) -> None:
        """Make the authority, or use the one in the folder."""
        self.folder, self.days = folder, DAYS
        if not self.certificate("ca").exists():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            (folder / "openssl.cnf").write_text(CONFIG)
            self._request("ca", "/CN=cluster", "-extensions", "authority")

    def certificate(self, name: str) -> Path:
        """The path of a certificate."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """The path of a certificate's key."""
        return self.folder / f"{name}.key"

    def sign(self, name: str, user: str, *, groups: str = "", hosts: tuple[str, ...] = ()) -> None:
        """Make a certificate for a client, and also for a server if it has hosts, as `IP:127.0.0.1` or `DNS:node1`."""
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
