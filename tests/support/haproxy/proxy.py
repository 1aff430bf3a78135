"""A proxy of components/writer-haproxy as two processes beside a lab: the manifest's own commands, hook and template.

Differences from a pod: a loopback address, the lab's name server instead of /etc/resolv.conf, a folder of its own
instead of /etc/haproxy and /run/haproxy, and less time between two checks of a member if the test wants it.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from tests.lab.lab import Lab
from tests.lab.layout import HEALTH_PORT, address
from tests.paths import ROOT

COMPONENT = ROOT / "manifests/components/writer-haproxy"

PROXIES = {"mysql-writer-0": 60, "mysql-writer-1": 61}
"""Name -> last byte of the address in the lab's network."""

PORTS = {"clients": 3306, "health": 8404, "proxies": 10000}

RISE, FALL = 2, 5
"""Checks in a row after which a member is up again, or down."""

PATIENCE = 180.0
"""Seconds: a generous limit for steps that take one or two."""


def commands() -> dict[str, list[str]]:
    """The containers' commands, from the manifest."""
    (pod,) = (
        one["spec"]["template"]["spec"] for one in yaml.safe_load_all((COMPONENT / "stateful-set.yaml").read_text())
    )
    return {c["name"]: c["command"] for c in (*pod["initContainers"], *pod["containers"])}


def template(nameserver: str, *, quick: bool) -> str:
    """writer.cfg with this name server instead of resolv.conf's; `quick`: with less time between two queries."""
    text = (COMPONENT / "writer.cfg").read_text()
    changes = {"parse-resolv-conf": f"nameserver lab {nameserver}"}
    if quick:
        changes |= {" inter 1s ": " inter 200ms ", "timeout resolve 3s": "timeout resolve 500ms"}
    for there, here in changes.items():
        assert text.count(there) == 1
        text = text.replace(there, here)
    return text


class Proxy:
    """One proxy; use it as a context manager, which ends both processes."""

    def __init__(self, lab: Lab, name: str, folder: Path, *, quick: bool = False) -> None:
        """A quick proxy asks members and DNS more often."""
        self.name, self.folder = name, folder
        self.ip = address(lab.layout.network, PROXIES[name])
        self.environment = environment(lab, name)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True)
        (folder / "etc").mkdir()
        (folder / "etc/writer.cfg").write_text(template(self.environment["PEERFINDER_NAMESERVER"], quick=quick))
        shutil.copy(COMPONENT / "writer.sh", folder / "etc")

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.kill()

    def start(self) -> None:
        """Start both containers as the kubelet does, with a new emptyDir."""
        shutil.rmtree(self.run, ignore_errors=True)
        self.run.mkdir()
        self.start_members()
        self.wait("first configuration", (self.run / "haproxy.cfg").exists)
        self.start_haproxy()
        self.wait("listener", lambda: self.health() is not None and self.workers() == 1)

    def start_members(self) -> None:
        program, *words = commands()["members"]
        self._start("members", str(Path(sys.executable).with_name(program)), *words)

    def start_haproxy(self) -> None:
        self._start("haproxy", *commands()["haproxy"])

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the first process of a container."""
        self._processes[name].send_signal(number)

    def is_running(self, name: str) -> bool:
        """Whether the first process of a container runs."""
        return self._processes[name].poll() is None

    def kill(self) -> None:
        """Kill both containers, as a node that loses power."""
        for name in list(self._processes):
            self._kill(name)

    def kill_haproxy(self) -> None:
        """Kill only the container haproxy, as when it runs out of memory."""
        self._kill("haproxy")

    @property
    def run(self) -> Path:
        """The folder that is /run/haproxy in a pod."""
        return self.folder / "run"

    @property
    def configuration(self) -> str:
        return (self.run / "haproxy.cfg").read_text()

    @property
    def log(self) -> str:
        """The logs of both containers."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def ask(self, command: str) -> str:
        """Send a command to HAProxy's master socket; returns the answer.  Raises OSError."""
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(PATIENCE)
            stream.connect(str(self.run / "master.sock"))
            stream.sendall(f"{command}\n".encode())
            stream.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: stream.recv(65536), b"")).decode()

    def states(self) -> dict[str, str]:
        """The state of each member in HAProxy: UP, DOWN, MAINT and so on."""
        lines = [line.split(",") for line in self.ask("@1 show stat").splitlines() if line.startswith("writer,")]
        return {fields[1]: fields[17].split()[0] for fields in lines if fields[1] != "BACKEND"}

    def healths(self) -> dict[str, int]:
        """For each member: how many checks may fail before HAProxy marks it as down."""
        rows = [line.split() for line in self.ask("@1 show servers state writer").splitlines()]
        names = next(row[1:] for row in rows if row[:1] == ["#"])
        found = [dict(zip(names, row, strict=False)) for row in rows if row[1:2] == ["writer"]]
        return {one["srv_name"]: int(one["srv_check_health"]) - RISE for one in found}

    def writer(self) -> str | None:
        """The member that new connections go to; None before the first connection."""
        for line in self.ask("@1 show table writer").splitlines():
            if "server_key=" in line:
                return line.rpartition("server_key=")[2].split()[0]
        return None

    def count_denials(self) -> int:
        """How often DNS has answered that a name does not exist."""
        return sum(map(int, re.findall(r"^ *nx: *(\d+)$", self.ask("@1 show resolvers"), re.MULTILINE)))

    def workers(self) -> int:
        """How many processes have connections: more than one after a reload, until the old connections have ended."""
        return sum(line.split()[1:2] == ["worker"] for line in self.ask("show proc").splitlines())

    def health(self, path: str = "/readyz") -> int | None:
        """The status of the answer to a probe; None without an answer."""
        try:
            with urllib.request.urlopen(f"http://{self.ip}:{PORTS['health']}{path}", timeout=3) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as exc:
            return exc.code
        except OSError:
            return None

    def get(self, path: str) -> str:
        """The text of another page on the probes' port.  Raises OSError."""
        with urllib.request.urlopen(f"http://{self.ip}:{PORTS['health']}{path}", timeout=3) as answer:
            return str(answer.read().decode())

    def wait(self, what: str, condition: Callable[[], bool], seconds: float = PATIENCE) -> float:
        """Wait until a condition is true; returns the seconds that it took.  Raises TimeoutError with the logs."""
        began = time.monotonic()
        while not is_true(condition):
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"{self.name}: no {what} after {seconds:.0f} s\n{self.log[-4000:]}")
            time.sleep(0.05)
        return time.monotonic() - began

    def wait_state(self, member: str, state: str, seconds: float = PATIENCE) -> None:
        """Wait until a member has this state in HAProxy."""
        self.wait(f"{member} {state}", lambda: self.states().get(member) == state, seconds)

    def wait_health(self, status: int, seconds: float = PATIENCE) -> None:
        """Wait until the proxy answers its probe with this status."""
        self.wait(f"status {status} of readyz", lambda: self.health() == status, seconds)

    def _kill(self, name: str) -> None:
        process = self._processes.pop(name)
        # The master of HAProxy would leave its workers behind.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _start(self, name: str, *argv: str) -> None:
        places = {"/etc/haproxy": str(self.folder / "etc"), "/run/haproxy": str(self.run)}
        words = []
        for argument in argv:
            # As the kubelet does it.
            word = re.sub(r"\$\((\w+)\)", lambda name: self.environment[name[1]], argument)
            for there, here in places.items():
                word = word.replace(there, here)
            # The hook's defaults are the folders of a pod.
            words.append(f"{word} {self.folder}/etc/writer.cfg {self.run}" if word.endswith("writer.sh") else word)
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                words, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )


def is_true(condition: Callable[[], bool]) -> bool:
    """Whether a condition is true; it is not while a socket is missing."""
    try:
        return condition()
    except OSError:
        return False


def environment(lab: Lab, name: str) -> Mapping[str, str]:
    """The environment that the manifest gives to both containers."""
    proxies = [f"{address(lab.layout.network, last)}:{PORTS['proxies']}" for last in PROXIES.values()]
    return {
        "PATH": os.environ["PATH"],
        "POD_NAME": name,
        "POD_NAMESPACE": lab.layout.namespace,
        "POD_IP": address(lab.layout.network, PROXIES[name]),
        "PROXIES": " ".join(proxies),
        "PEERFINDER_DOMAIN": lab.layout.domain,
        "PEERFINDER_NAMESERVER": f"{lab.nameserver.address}:{lab.nameserver.port}",
        "GALERA_BOOTSTRAP_HEALTH_PORT": str(HEALTH_PORT),
        "GALERA_BOOTSTRAP_SERVICE": "galera",
    }
