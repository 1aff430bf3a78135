"""The credentials of a cluster's parts: certificates and kubeconfigs of one authority."""

import json
from pathlib import Path

from tests.support.authority import Authority


class ClusterAuthority(Authority):
    """Signs for one cluster."""

    def __init__(self, folder: Path, server: str) -> None:
        """`server` is the API server's URL."""
        super().__init__(folder)
        self.server = server

    def log_in(self, name: str, user: str, *, groups: str = "", hosts: tuple[str, ...] = ()) -> Path:
        """Make a certificate and a kubeconfig for a user; returns the kubeconfig's path."""
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
        """The path of a user's kubeconfig."""
        return self.folder / f"{name}.kubeconfig"
