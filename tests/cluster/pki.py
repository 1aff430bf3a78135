"""A certificate authority for one cluster, by openssl, and what its parts log in with."""

import json
import subprocess
from pathlib import Path

from tests.cluster.waiting import ClusterError

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

DAYS = "30"


class Authority:
    """Signs for one cluster; everything lies in one folder as NAME.crt and NAME.key."""

    def __init__(self, folder: Path, server: str) -> None:
        """Make the authority, or take the one that is there; `server` is the API server's URL."""
        self.folder = folder
        self.server = server
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

    def log_in(self, name: str, user: str, *, groups: str = "", hosts: tuple[str, ...] = ()) -> Path:
        """The kubeconfig of a user, with a certificate that is made for it."""
        self.sign(name, user, groups=groups, hosts=hosts)
        cluster = {"server": self.server, "certificate-authority": str(self.certificate("ca"))}
        credentials = {"client-certificate": str(self.certificate(name)), "client-key": str(self.key(name))}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "cluster", "cluster": cluster}],
            "users": [{"name": name, "user": credentials}],
            "contexts": [{"name": "cluster", "context": {"cluster": "cluster", "user": name}}],
            "current-context": "cluster",
        }
        self.kubeconfig(name).write_text(json.dumps(config, indent=1))  # JSON is YAML
        return self.kubeconfig(name)

    def kubeconfig(self, name: str) -> Path:
        """Where a user's kubeconfig is."""
        return self.folder / f"{name}.kubeconfig"

    def _request(self, name: str, subject: str, *options: str) -> None:
        argv = ["openssl", "req", "-x509", "-new", "-config", str(self.folder / "openssl.cnf"), "-days", DAYS, "-nodes"]
        argv += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", subject]
        argv += ["-keyout", str(self.key(name)), "-out", str(self.certificate(name)), *options]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterError(f"openssl made no certificate for {name}: {done.stderr.strip()}")
