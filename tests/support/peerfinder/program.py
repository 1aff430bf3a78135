"""The real program as a process, for tests that look at it from outside."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

PROGRAM = str(Path(sys.executable).with_name("peer-finder"))

SUFFIX = "galera.default.svc.cluster.local"

PATIENCE = 60.0
"""Seconds: a generous limit, for busy machines; a test that needs so long has failed."""

STARTED: list[subprocess.Popen[str]] = []
"""All processes of the running test, so that a failed test leaves none behind."""


@dataclass(frozen=True)
class Ended:
    """The result of a process."""

    status: int
    out: str
    err: str


def fqdn(*pods: str) -> list[str]:
    return [f"{pod}.{SUFFIX}" for pod in pods]


def begin(
    *words: str, nameserver: str = "", pod: str = "mysql-0", prefix: tuple[str, ...] = (), **variables: str
) -> subprocess.Popen[str]:
    """Start `peer-finder -service=galera` with these words; the environment holds no other variables of ours."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PEERFINDER_", "POD_"))}
    environment |= {"POD_NAME": pod, "POD_NAMESPACE": "default"} | variables
    common = ["-service=galera", "-domain=cluster.local"] + ([f"-nameserver={nameserver}"] if nameserver else [])
    process = subprocess.Popen(
        [*prefix, PROGRAM, *common, *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    STARTED.append(process)
    return process


def end(process: subprocess.Popen[str]) -> Ended:
    """Wait for the process to end by itself."""
    with process:
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return Ended(process.returncode, out, err)


def run(
    *words: str, nameserver: str = "", pod: str = "mysql-0", prefix: tuple[str, ...] = (), **variables: str
) -> Ended:
    """Start the program and wait for its end."""
    return end(begin(*words, nameserver=nameserver, pod=pod, prefix=prefix, **variables))


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    limit = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < limit, "the condition did not become true"
        sleep(0.01)
