"""A lab's addresses, its pods' environments, its Secret and the user's options: what a manifest contains.

This module knows the names of settings, and nothing of processes.
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
"""The name server's port, the same in every lab: the lab that binds it on 127.0.X.1 owns the network 127.0.X.0/24."""

CLUSTER_DNS_PORT = 53
"""The name server's port on a bridge: pods find the server by their resolv.conf, which cannot contain a port."""

HEALTH_PORT = 4570
"""The port of the probes of a pod without its own network."""

LONGEST_SOCKET = 107
"""The largest number of bytes in the path of a Unix socket (unix(7), sun_path)."""

PROVIDER_OPTIONS = (
    "gcache.size=16M;evs.join_retrans_period=PT0.2S;evs.keepalive_period=PT0.3S;evs.inactive_check_period=PT0.1S;"
    "evs.suspect_timeout=PT2S;evs.inactive_timeout=PT5S;gmcast.time_wait=PT1S;pc.announce_timeout=PT0.5S"
)
"""Provider options that are small and quick: a dead peer is evicted after 2 s instead of 6."""

SLOW_TO_EVICT = f"{PROVIDER_OPTIONS};evs.suspect_timeout=PT15S;evs.inactive_timeout=PT30S"
"""The same, but a dead peer is evicted only after 15 s."""

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
"""The content of conf.d/lab.cnf: with it a server needs about 85 MB."""


class NoNetworkError(Exception):
    """There is no free network for a lab."""


class PathTooLongError(Exception):
    """The path of a Unix socket in this folder would be too long."""


@dataclass(frozen=True)
class Layout:
    """A lab's constants."""

    folder: Path
    """The lab's folder, absolute."""
    network: int
    """X of 127.0.X.0/24, or of 198.18.X.0/24 on a bridge."""
    replicas: int
    """The number of replicas in the manifest; scaling does not change it."""
    namespace: str = "lab"
    """The namespace in all names."""
    domain: str = "cluster.local"
    """The cluster domain."""
    nameserver: str = ""
    """HOST:PORT of the DNS server that the pods ask; by default the lab's own."""
    env: dict[str, str] = field(default_factory=dict)
    """Variables that replace those of every pod's environment."""
    runtime: Runtime = field(default_factory=Plain)
    """What runs the pods."""
    six: bool = False
    """Whether pods have only IPv6 addresses; the test must add these to the loopback device."""
    bridged: bool = False
    """Whether each pod has its own network namespace on a bridge, with its own resolv.conf."""

    @property
    def dead_nameserver(self) -> str:
        """HOST:PORT at which nothing answers."""
        return f"127.0.{self.network}.1:9"

    @property
    def service(self) -> str:
        return f"galera.{self.namespace}.svc.{self.domain}"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    def ip(self, ordinal: int) -> str:
        """Return the address of a pod."""
        if self.six:
            return address_six(self.network, ordinal)
        return address(self.network, 10 + ordinal, bridged=self.bridged)

    def make_pod(self, ordinal: int) -> Pod:
        """Make the pod of an ordinal, not started, with its folder as it is."""
        name = f"mysql-{ordinal}"
        folders = Folders(self.folder / name)
        if len(os.fsencode(folders.socket)) > LONGEST_SOCKET:
            raise PathTooLongError(f"{folders.socket} is longer than {LONGEST_SOCKET} bytes: choose a shorter folder")
        return Pod(name, self.ip(ordinal), folders, self.runtime, self.make_environment)

    def make_environment(self, pod: Pod) -> dict[str, str]:
        """Make the environment of a pod's containers: the settings, and nothing inherited."""
        own = {"SERVICE": "galera", "REPLICAS": str(self.replicas), "PROVIDER_OPTIONS": PROVIDER_OPTIONS}
        return {
            **self.runtime.make_settings(pod.folders),
            "POD_NAME": pod.name,
            "POD_NAMESPACE": self.namespace,
            "POD_IP": pod.ip,
            **{f"GALERA_BOOTSTRAP_{key}": value for key, value in own.items()},
            **({} if self.bridged else self._make_network_settings(pod)),
            **self.env,
        }

    def _make_network_settings(self, pod: Pod) -> dict[str, str]:
        """Make the settings that only a pod without its own network and resolv.conf needs."""
        nameserver = self.nameserver or f"{address(self.network, 1)}:{DNS_PORT}"
        return {
            "PEERFINDER_NAMESERVER": nameserver,
            "PEERFINDER_DOMAIN": self.domain,
            "GALERA_BOOTSTRAP_NAMESERVER": nameserver,
            "GALERA_BOOTSTRAP_DOMAIN": self.domain,
            # The pod's server asks the machine's DNS, which does not know the pods' names.
            "GALERA_BOOTSTRAP_ADDRESS_TYPE": "IP",
            "GALERA_BOOTSTRAP_BIND_ADDRESS": pod.ip,
            # Not 8080: another program of the machine may use it on all addresses.
            "GALERA_BOOTSTRAP_HEALTH_PORT": str(HEALTH_PORT),
        }

    def write_network_files(self, pod: Pod) -> None:
        """Write the pod's /etc/hosts and /etc/resolv.conf as a kubelet does."""
        search = f"{self.namespace}.svc.{self.domain} svc.{self.domain} {self.domain}"
        pod.folders.hosts.write_text(f"127.0.0.1\tlocalhost\n{pod.ip}\t{pod.name}.{self.service}\t{pod.name}\n")
        pod.folders.resolv_conf.write_text(
            f"search {search}\nnameserver {address(self.network, 1, bridged=True)}\noptions ndots:5\n"
        )

    def write_secrets(self) -> None:
        """Write the Secret's files that do not exist yet."""
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

    def read_secret(self, name: str) -> str:
        """Read one value of the Secret."""
        return (self.secrets / name).read_text()


def write_user_options(pod: Pod) -> None:
    """Write conf.d in the pod's config folder as the install container would do it."""
    folder, cnf = pod.folders.config / "conf.d", pod.folders.config / "conf.d" / "lab.cnf"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    cnf.write_text(USER_OPTIONS)
    pod.runtime.share(folder, 0o2775)
    pod.runtime.share(cnf, 0o664)


def write_more_options(pod: Pod, options: str) -> None:
    """Replace the pod's additional options; its server reads them at its next start."""
    path = pod.folders.config / "conf.d" / "zz-fault.cnf"
    path.write_text(options)
    pod.runtime.share(path, 0o664)


def address(network: int, host: int, *, bridged: bool = False) -> str:
    """Return an address in a lab's network; host 1 is the name server."""
    return f"{BASE if bridged else '127.0'}.{network}.{host}"


def address_six(network: int, ordinal: int) -> str:
    """Return the IPv6 address of a pod (unique local addresses, RFC 4193)."""
    return f"fd00:{network:x}::{16 + ordinal:x}"


def claim_network(namespace: str = "lab", domain: str = "cluster.local", *, pods: int = 8) -> tuple[int, NameServer]:
    """Claim a network X that no other lab has by binding a name server in it; raises NoNetworkError."""

    def claim(network: int) -> NameServer:
        for ordinal in range(pods):
            check_free(address(network, 10 + ordinal))
        return NameServer(address(network, 1), DNS_PORT, _make_zone(namespace, domain))

    return _claim_first_free(claim)


def claim_bridge(namespace: str = "lab", domain: str = "cluster.local") -> tuple[int, tuple[NameServer, Bridge]]:
    """Claim a network X by making the bridge of that number; raises NoNetworkError."""

    def claim(network: int) -> tuple[NameServer, Bridge]:
        bridge = Bridge(network)
        try:
            server = NameServer(address(network, 1, bridged=True), CLUSTER_DNS_PORT, _make_zone(namespace, domain))
        except OSError:
            bridge.close()
            raise
        return server, bridge

    return _claim_first_free(claim)


def _make_zone(namespace: str, domain: str) -> Zone:
    return Zone(f"galera.{namespace}.svc.{domain}")


def _claim_first_free(claim: Callable[[int], T]) -> tuple[int, T]:
    """Claim the first free network out of some random ones; raises NoNetworkError."""
    candidates = list(range(16, 250))
    SystemRandom().shuffle(candidates)
    reason = ""
    for network in candidates[:32]:
        try:
            return network, claim(network)
        except OSError as exc:
            reason = str(exc)
    raise NoNetworkError(f"none of 32 networks is free: {reason}; stop the server that uses the port")


def check_free(ip: str) -> None:
    """Raise OSError if one of a pod's ports is taken, for example by a server on 0.0.0.0."""
    for port in PORTS.values():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ip, port))
            except OSError as exc:
                raise OSError(exc.errno, f"{ip}:{port}: {exc.strerror}") from exc
