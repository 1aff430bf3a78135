"""One pod on this machine for tests of its starters: a real agent, real starters, DNS, and a script as the server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.control import channel
from bootstrap.control.status_messages import Status
from bootstrap.core.model.codec import dump
from bootstrap.errors import AgentUnreachableError
from tests.dns.knot import free_port
from tests.lab.nameserver import NameServer, Zone
from tests.support.bootstrap.records import A

PATIENCE_S = 60.0

CHECK = 'exec mariadbd "$@"'

SERVER = """\
#!/bin/sh
case " $* " in
*" --wsrep-recover "*) echo "[Note] WSREP: Recovered position: {position}" >&2; exit 0 ;;
*" --print-defaults "*|*" --verbose --help "*) {check} ;;
*" --bootstrap "*) cat >{accounts}; exit 0 ;;
*" --version "*) echo "mariadbd  Ver {version}-MariaDB for Linux on x86_64"; exit 0 ;;
esac
printf '%s\\n' "$@" > {arguments}
exec sleep {seconds}
"""


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition that must become true."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.02)


@dataclass
class Machine:
    """One pod's folders, environment and processes."""

    root: Path
    replicas: int = 1
    more: dict[str, str] = field(default_factory=dict)
    """More settings, without their prefix."""
    address: str = "127.0.0.1"
    port: int = field(default_factory=lambda: free_port("127.0.0.1"))
    probes: int = field(default_factory=lambda: free_port("127.0.0.1"))
    dns: NameServer = field(init=False)
    """DNS knows this pod only."""
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("data/meta", "run", "config", "secrets"):
            (self.root / name).mkdir(parents=True)
        secrets = {"cluster-id": "c", "exchange-key": "k" * 20, "agent-password": "a", "root-password": "r"}
        for name, value in secrets.items():
            (self.root / "secrets" / name).write_text(value)
        zone = Zone("galera.test.svc.cluster.local", {"galera-0": self.address})
        self.dns = NameServer("127.0.0.1", free_port("127.0.0.1"), zone)
        self.dns.__enter__()
        self.install_server(seconds=0)

    def install_server(
        self, seconds: int, version: str = "10.11.19", position: str = f"{A}:7", check: str = "exit 0"
    ) -> None:
        """Install the server, which runs for so many seconds, and recovers this position.

        `check` is what it does to check its options; CHECK is that of a real server.
        """
        files = {"arguments": self.arguments, "accounts": self.accounts}
        values = {"position": position, "seconds": seconds, "version": version, **files}
        text = SERVER.format(**values, check=check)
        self.program.write_text(text)
        self.program.chmod(0o755)

    @property
    def program(self) -> Path:
        return self.root / "mariadbd"

    @property
    def arguments(self) -> Path:
        return self.root / "arguments"

    @property
    def accounts(self) -> Path:
        """What the server was ordered to do before its start, in data from elsewhere."""
        return self.root / "accounts.sql"

    @property
    def command(self) -> tuple[str, ...]:
        return (str(self.program), f"--defaults-file={self.root}/config/my-galera.cnf")

    @property
    def environment(self) -> dict[str, str]:
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(("GALERA_BOOTSTRAP_", "POD_"))}
        ours = {
            "REPLICAS": str(self.replicas), "DOMAIN": "cluster.local", "NAMESERVER": f"127.0.0.1:{self.dns.port}",
            "DATA_ROOT": f"{self.root}/data", "RUN_DIR": f"{self.root}/run", "CONFIG_DIR": f"{self.root}/config",
            "SECRETS_DIR": f"{self.root}/secrets", "BIND_ADDRESS": self.address, "EXCHANGE_PORT": str(self.port),
            "HEALTH_PORT": str(self.probes), "MARIADBD": str(self.program),
        }  # fmt: skip
        named = {f"GALERA_BOOTSTRAP_{name}": value for name, value in ours.items()}
        named |= {f"GALERA_BOOTSTRAP_{name}": value for name, value in self.more.items()}
        return inherited | named | {"POD_NAME": "galera-0", "POD_NAMESPACE": "test"}

    def database(self, seqno: int = 7) -> None:
        """Create a whole database, stopped cleanly; with -1, killed."""
        data = self.root / "data" / "data"
        (data / "mysql").mkdir(parents=True)
        (data / "ibdata1").touch()
        state = f"# GALERA saved state\nversion: 2.1\nuuid:    {A}\nseqno:   {seqno}\nsafe_to_bootstrap: 0\n"
        (data / "grastate.dat").write_text(state)

    def begin(self, *arguments: str, prefix: tuple[str, ...] = (), code: str = "") -> subprocess.Popen[str]:
        me = ["-c", code] if code else ["-m", "bootstrap"]
        process = subprocess.Popen(
            [*prefix, sys.executable, *me, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def agent(self) -> subprocess.Popen[str]:
        process = self.begin("agent")
        until(self.status, "the agent's answer")
        return process

    def start(self, **more: Any) -> subprocess.Popen[str]:
        return self.begin("start", "--", *self.command, **more)

    def status(self) -> dict[str, Any]:
        """What the agent reports; empty while it does not answer."""
        try:
            client = channel.Client(self.root / "run" / "agent.sock")
        except AgentUnreachableError:
            return {}
        try:
            answer = client.ask(Status())
        except AgentUnreachableError:
            return {}
        finally:
            client.close()
        status: dict[str, Any] = dump(answer)
        return status

    def phase(self) -> str:
        members = self.status().get("members")
        return str(members[0]["phase"]) if members else ""

    def close(self) -> None:
        self.dns.__exit__(None, None, None)
        for process in self.processes:
            # With the server, whose parent a starter is, and which would have ended with its container.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def wait_for_end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end of a process; return its status and its log."""
    _, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, err
