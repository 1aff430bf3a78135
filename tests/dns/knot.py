"""A real Knot DNS server on loopback, which serves one cluster domain.

Use it as a context manager::

    with Knot(tmp_path) as knot:
        knot.publish(pods("galera", {"mysql-0": "127.0.1.1"}))
        knot.nameserver  # "127.0.0.1:40053"

Each `publish` replaces the whole zone in one step; when it returns, all answers are new.
"""

import os
import signal
import socket
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from time import monotonic, sleep
from types import TracebackType
from typing import Self

from tests.lab.processes import freeze

START_SECONDS = 60.0

NOT_FOR_CLIENTS = range(20000, 32000)
"""Ports that well-known servers do not use, and that the kernel does not give to clients (ip_local_port_range)."""

TTL = 5
"""Seconds; CoreDNS's TTL for these records."""

CONFIG = """
server:
    rundir: "{folder}"
    listen: [ {address}@{port} ]
    background-workers: 1
    udp-workers: 1
    tcp-workers: 1
control:
    listen: "{folder}/control.sock"
log:
  - target: "{folder}/knot.log"
    any: info
database:
    storage: "{folder}/db"
mod-stats:
  - id: all
    server-operation: on
    request-protocol: on
template:
  - id: default
    storage: "{folder}"
    zonefile-load: whole
    zonefile-sync: -1
    global-module: mod-stats/all
zone:
  - domain: {domain}
    file: zone
"""

Records = list[str]
"""Lines of a zone file, with owner names relative to the cluster domain."""


def pods(
    service: str,
    addresses: Mapping[str, str],
    *,
    namespace: str = "default",
    ports: Iterable[str] = ("mysql",),
) -> Records:
    """Make the records of a headless Service as CoreDNS does: an SRV for each pod and port, A or AAAA for each pod."""
    suffix = f"{service}.{namespace}.svc"
    numbered = list(enumerate(ports, 3306))
    records = []
    for pod, address in addresses.items():
        family = "AAAA" if ":" in address else "A"
        records += [f"{pod}.{suffix} {TTL} {family} {address}", f"{suffix} {TTL} {family} {address}"]
        for number, port in numbered:
            target = f"SRV 0 10 {number} {pod}.{suffix}"
            records += [f"{suffix} {TTL} {target}", f"_{port}._tcp.{suffix} {TTL} {target}"]
    return records


def numbered_pods(count: int, name: str = "mysql") -> dict[str, str]:
    """Name pods as a StatefulSet does, each with its own address on loopback."""
    return {f"{name}-{n}": f"127.{1 + n // 62500}.{n // 250 % 250}.{1 + n % 250}" for n in range(count)}


class Knot:
    """One knotd process."""

    def __init__(
        self,
        folder: Path,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        domain: str = "cluster.local",
        prefix: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.address = address
        self.port = port or free_port(address)
        self.domain = domain
        self.prefix = prefix
        self._serial = 0
        self._failing = False
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The pid of the process."""
        if self._process is None:
            raise RuntimeError("knotd is not running")
        return self._process.pid

    @property
    def nameserver(self) -> str:
        """Its address and port, in the form of `-nameserver`."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "db").mkdir(exist_ok=True)
        config = CONFIG.format(folder=self.folder, address=self.address, port=self.port, domain=self.domain)
        (self.folder / "knot.conf").write_text(config)
        if not (self.folder / "zone").exists():
            self._write_zone([])
        with (self.folder / "knotd.out").open("ab") as out:
            self._process = subprocess.Popen(
                [*self.prefix, "knotd", "-c", self.folder / "knot.conf"],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
            )
        end = monotonic() + START_SECONDS
        while not self._is_up():
            if self._process.poll() is not None or monotonic() > end:
                self.stop()
                raise RuntimeError(f"knotd did not start: {(self.folder / 'knotd.out').read_text()}")
            sleep(0.02)

    def stop(self) -> None:
        """End the server and close its port."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def publish(self, *records: Iterable[str]) -> None:
        """Replace all records of the zone at once."""
        self._write_zone([line for part in records for line in part])
        # After `fail` the zone is no longer loaded, and only a reload of the whole server loads it again.
        self.control("reload" if self._failing else "zone-reload")
        self._failing = False

    def fail(self) -> None:
        """Answer SERVFAIL until the next `publish`: the zone exists and cannot be loaded."""
        self.control("zone-purge", "+expire", "+zonefile", force=True)
        self._failing = True

    def freeze(self) -> None:
        """Stop answering until `thaw`; queries still arrive."""
        freeze([self.pid])

    def thaw(self) -> None:
        """Undo `freeze`."""
        self._signal(signal.SIGCONT)

    def questions(self) -> int:
        """Count the queries over UDP since the start."""
        output = self.control("stats", "mod-stats.request-protocol")
        return sum(int(line.split(" = ")[1]) for line in output.splitlines() if "udp" in line)

    def control(self, *arguments: str, force: bool = False) -> str:
        """Run knotc with these arguments, and wait until the server has done it; returns the output."""
        options = ["-b", *(["-f"] if force else [])]
        if arguments[0].startswith("zone-"):
            arguments = (arguments[0], self.domain, *arguments[1:])
        command = ["knotc", "-s", str(self.folder / "control.sock"), *options, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def _signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def _is_up(self) -> bool:
        try:
            self.control("status")
        except subprocess.CalledProcessError:
            return False
        return True

    def _write_zone(self, records: list[str]) -> None:
        self._serial += 1
        head = [
            f"$ORIGIN {self.domain}.",
            f"@ {TTL} SOA ns.dns hostmaster {self._serial} 7200 1800 86400 {TTL}",
            f"@ {TTL} NS ns.dns",
            f"ns.dns {TTL} A {self.address if ':' not in self.address else '127.0.0.1'}",
        ]
        fresh = self.folder / "zone.new"
        fresh.write_text("\n".join([*head, *records, ""]))
        fresh.replace(self.folder / "zone")


def free_port(address: str) -> int:
    """Find a port that is free for UDP and TCP on an address.

    It stays free until it is used: the kernel gives it to no client, and another process that looks for a free port at
    the same time draws its own random number.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    dice = SystemRandom()  # with a test's seed, all processes would draw the same port
    while True:
        port = dice.choice(NOT_FOR_CLIENTS)
        with (
            suppress(OSError),
            socket.socket(family, socket.SOCK_STREAM) as tcp,
            socket.socket(family, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind((address, port))
            udp.bind((address, port))
            return port
