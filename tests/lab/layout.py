"""The places of a lab: its addresses, its pods' environments, its Secret and the user's options.

Everything that a manifest would say, in one file.
Knows the names of settings; nothing of processes.
"""

import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from typing import TypeVar

from tests.lab.bridge import BASE, Bridge
from tests.lab.folders import Folders
from tests.lab.nameserver import PORTS, NameServer, Zone
from tests.lab.plain import Plain
from tests.lab.pod import Pod
from tests.lab.runtime import Runtime

T = TypeVar("T")

DNS_PORT = 5300
"""The name server's port is the same in every lab: who can bind it on 127.0.X.1 owns the network 127.0.X.0/24."""

CLUSTER_DNS_PORT = 53
"""The name server's port on a bridge: pods find it by their resolv.conf, where no port can stand."""

HEALTH_PORT = 4570
"""The port of a pod's probes, where it has no network of its own."""

LONGEST_SOCKET = 107
"""Bytes in a Unix socket's path (unix(7), sun_path)."""

PROVIDER_OPTIONS = (
    "gcache.size=16M;evs.join_retrans_period=PT0.2S;evs.keepalive_period=PT0.3S;evs.inactive_check_period=PT0.1S;"
    "evs.suspect_timeout=PT2S;evs.inactive_timeout=PT5S;gmcast.time_wait=PT1S;pc.announce_timeout=PT0.5S"
)
"""Small and quick: a dead peer is evicted after 2 s instead of 6."""

USER_OPTIONS = """\
[mysqld]
skip-name-resolve
innodb_buffer_pool_size=16M
innodb_log_file_size=8M
innodb_log_buffer_size=2M
innodb_temp_data_file_path=ibtmp1:4M:autoextend
innodb_flush_log_at_trx_commit=1
performance_schema=0
key_buffer_size=1M
aria_pagecache_buffer_size=1M
"""
"""conf.d/lab.cnf: a server in about 85 MB."""


class NoNetworkError(Exception):
    """No free network for a lab."""


class PathTooLongError(Exception):
    """A Unix socket in this folder would have too long a name."""


@dataclass(frozen=True)
class Layout:
    """A lab's constants."""

    folder: Path
    """Its own folder, absolute."""
    network: int
    """X of 127.0.X.0/24, or of 198.18.X.0/24 on a bridge."""
    replicas: int
    """What the manifest says; scaling does not change it."""
    namespace: str = "lab"
    """The namespace in every name."""
    domain: str = "cluster.local"
    """The cluster domain."""
    nameserver: str = ""
    """HOST:PORT of the DNS that the pods ask; the lab's own by default."""
    env: dict[str, str] = field(default_factory=dict)
    """Put over every pod's environment."""
    runtime: Runtime = field(default_factory=Plain)
    """What runs the pods."""
    six: bool = False
    """Whether pods have addresses of IPv6 alone; somebody must have given them to the loopback device."""
    bridged: bool = False
    """Whether each pod has a network namespace of its own on a bridge, with its own resolv.conf."""

    @property
    def service(self) -> str:
        return f"galera.{self.namespace}.svc.{self.domain}"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    def ip(self, ordinal: int) -> str:
        """The address of a pod."""
        if self.six:
            return address_six(self.network, ordinal)
        return address(self.network, 10 + ordinal, bridged=self.bridged)

    def pod(self, ordinal: int) -> Pod:
        """The pod of an ordinal, not started, on whatever its folder holds."""
        name = f"mysql-{ordinal}"
        folders = Folders(self.folder / name)
        if len(os.fsencode(folders.socket)) > LONGEST_SOCKET:
            raise PathTooLongError(f"{folders.socket} is longer than {LONGEST_SOCKET} bytes: choose a shorter folder")
        return Pod(name, self.ip(ordinal), folders, self.runtime, self.environment)

    def environment(self, pod: Pod) -> dict[str, str]:
        """The environment of a pod's containers: the settings, nothing inherited."""
        own = {"SERVICE": "galera", "REPLICAS": str(self.replicas), "PROVIDER_OPTIONS": PROVIDER_OPTIONS}
        return {
            **self.runtime.settings(pod.folders),
            "POD_NAME": pod.name,
            "POD_NAMESPACE": self.namespace,
            "POD_IP": pod.ip,
            **{f"GALERA_BOOTSTRAP_{key}": value for key, value in own.items()},
            **({} if self.bridged else self._without_namespace(pod)),
            **self.env,
        }

    def _without_namespace(self, pod: Pod) -> dict[str, str]:
        """What a pod must be told that has neither a network nor a resolv.conf of its own."""
        nameserver = self.nameserver or f"{address(self.network, 1)}:{DNS_PORT}"
        return {
            "PEERFINDER_NAMESERVER": nameserver,
            "PEERFINDER_DOMAIN": self.domain,
            "GALERA_BOOTSTRAP_NAMESERVER": nameserver,
            "GALERA_BOOTSTRAP_DOMAIN": self.domain,
            # Its server asks the machine's DNS, which knows none of these names.
            "GALERA_BOOTSTRAP_ADDRESS_TYPE": "IP",
            "GALERA_BOOTSTRAP_BIND_ADDRESS": pod.ip,
            # Not 8080: something of the machine may have it on all addresses.
            "GALERA_BOOTSTRAP_HEALTH_PORT": str(HEALTH_PORT),
        }

    def write_network_files(self, pod: Pod) -> None:
        """The pod's /etc/hosts and /etc/resolv.conf, as a kubelet writes them."""
        search = f"{self.namespace}.svc.{self.domain} svc.{self.domain} {self.domain}"
        pod.folders.hosts.write_text(f"127.0.0.1\tlocalhost\n{pod.ip}\t{pod.name}.{self.service}\t{pod.name}\n")
        pod.folders.resolv_conf.write_text(
            f"search {search}\nnameserver {address(self.network, 1, bridged=True)}\noptions ndots:5\n"
        )

    def write_secrets(self) -> None:
        """The Secret's files, once for the lab's life."""
        self.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
        values = {name: secrets.token_urlsafe(24) for name in ("root-password", "agent-password", "password")}
        values |= {name: secrets.token_hex(16) for name in ("exchange-key", "cluster-id", "sst-password")}
        for name, value in {**values, "user": "app", "database": "app"}.items():
            path = self.secrets / name
            if not path.exists():
                path.touch(mode=0o600)
                path.write_text(value)
                self.runtime.share(path, 0o440)
        self.runtime.share(self.secrets, 0o2750)

    def secret(self, name: str) -> str:
        """One value of the Secret."""
        return (self.secrets / name).read_text()


def write_user_options(pod: Pod) -> None:
    """conf.d of the pod's config folder, as the install container would make it."""
    folder, cnf = pod.folders.config / "conf.d", pod.folders.config / "conf.d" / "lab.cnf"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    cnf.write_text(USER_OPTIONS)
    pod.runtime.share(folder, 0o2775)
    pod.runtime.share(cnf, 0o664)


def address(network: int, host: int, *, bridged: bool = False) -> str:
    """An address of a lab's network; 1 is the name server."""
    return f"{BASE if bridged else '127.0'}.{network}.{host}"


def address_six(network: int, ordinal: int) -> str:
    """A pod's address of IPv6 (unique local addresses, RFC 4193)."""
    return f"fd00:{network:x}::{16 + ordinal:x}"


def claim_network(namespace: str = "lab", domain: str = "cluster.local", *, pods: int = 8) -> tuple[int, NameServer]:
    """A network X that no other lab has, claimed by the name server bound in it; raises NoNetworkError."""

    def claim(network: int) -> NameServer:
        for ordinal in range(pods):
            check_free(address(network, 10 + ordinal))
        return NameServer(address(network, 1), DNS_PORT, _zone(namespace, domain))

    return _first_free(claim)


def claim_bridge(namespace: str = "lab", domain: str = "cluster.local") -> tuple[int, tuple[NameServer, Bridge]]:
    """The same with a bridge, whose name claims the network; raises NoNetworkError."""

    def claim(network: int) -> tuple[NameServer, Bridge]:
        bridge = Bridge(network)
        try:
            server = NameServer(address(network, 1, bridged=True), CLUSTER_DNS_PORT, _zone(namespace, domain))
        except OSError:
            bridge.close()
            raise
        return server, bridge

    return _first_free(claim)


def _zone(namespace: str, domain: str) -> Zone:
    return Zone(f"galera.{namespace}.svc.{domain}")


def _first_free(claim: Callable[[int], T]) -> tuple[int, T]:
    """The first network of some at random that can be claimed; raises NoNetworkError."""
    candidates = list(range(16, 250))
    SystemRandom().shuffle(candidates)
    reason = ""
    for network in candidates[:32]:
        try:
            return network, claim(network)
        except OSError as exc:
            reason = str(exc)
    raise NoNetworkError(f"no free network X of 32 tried: {reason}; stop the server that has the port")


def check_free(ip: str) -> None:
    """Raises OSError when one of a pod's ports is taken, for example by a server on 0.0.0.0."""
    for port in PORTS.values():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ip, port))
            except OSError as exc:
                raise OSError(exc.errno, f"{ip}:{port}: {exc.strerror}") from exc
