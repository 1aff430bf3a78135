"""Runs `peer-finder` as in a pod: with a pod's host name, resolv.conf and environment, and only the manifest's flags.

This needs root, for a mount namespace and a host-name namespace.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.peerfinder.program import PROGRAM, STARTED, Ended, end

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="NOT TESTED: a resolv.conf and a host name of its own; their namespaces need root"
)

KUBELET = "search {ns}.svc.{zone} svc.{zone} {zone}\nnameserver 127.0.0.1\noptions ndots:5\n"
"""The resolv.conf that the kubelet writes for dnsPolicy ClusterFirst."""


@dataclass(frozen=True)
class Pod:
    """A pod to run a program in."""

    folder: Path
    """The folder of the test."""
    nameserver: str
    """For PEERFINDER_NAMESERVER, because a test's name server is not at port 53; empty: resolv.conf names it."""
    name: str = "mysql-0"
    """The host name."""
    resolv_conf: str = KUBELET.format(ns="default", zone="cluster.local")
    variables: dict[str, str] = field(default_factory=lambda: {"POD_NAMESPACE": "default"})
    """The manifest's environment variables."""
    network: str = ""
    """The file of a network namespace; empty: our own."""
    hosts: str = ""
    """The file that is /etc/hosts; empty: our own."""

    def begin(self, words: Sequence[str], program: str = PROGRAM, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start the program with the words of a manifest; *prefix* is a command that runs it."""
        conf = self.folder / "resolv.conf"
        conf.write_bytes(self.resolv_conf.encode())
        hosts = f"mount --bind {self.hosts} /etc/hosts && " if self.hosts else ""
        inside = f'{hosts}mount --bind {conf} /etc/resolv.conf && hostname "$1" && shift && exec "$@"'
        network = ["nsenter", f"--net={self.network}"] if self.network else []
        server = {"PEERFINDER_NAMESERVER": self.nameserver} if self.nameserver else {}
        process = subprocess.Popen(
            [*network, "unshare", "--mount", "--uts", "sh", "-c", inside, "sh", self.name, *prefix, program, *words],
            env={"PATH": os.environ["PATH"]} | server | self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="backslashreplace",
        )
        STARTED.append(process)
        return process

    def run(self, words: Sequence[str], program: str = PROGRAM, prefix: Sequence[str] = ()) -> Ended:
        """Start the program and wait for its end."""
        return end(self.begin(words, program, prefix))
