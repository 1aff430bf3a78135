"""The init containers of the examples, run unchanged, with the real peer-finder and a name server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dns.knot import free_port
from tests.lab.nameserver import NameServer, Zone
from tests.pages.manifests.conftest import Built
from tests.support.manifests.built import MANIFESTS, Document, containers, parse, pods

SERVICE = "galera.galera-lab.svc.cluster.local"

MEMBERS = {f"mysql-{number}": f"192.0.2.{number}" for number in range(3)}

NAMES = [f"{member}.{SERVICE}" for member in MEMBERS]


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer("127.0.0.1", free_port("127.0.0.1"), Zone(SERVICE, MEMBERS)) as running:
        yield running


def command(documents_of: Built, example: str, container: str) -> list[str]:
    """Return the command of an init container; its namespace must be that of the lab."""
    ((_, pod),) = pods(documents_of(f"examples/{example}"))
    found: Document = containers(pod)[container]
    assert found["env"] == [{"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}]
    return [str(Path(sys.executable).with_name(found["command"][0])), *found["command"][1:]]


def start(argv: list[str], server: NameServer) -> "subprocess.Popen[str]":
    """Start a command as in a pod of that namespace."""
    return subprocess.Popen(
        argv,
        env={
            "PATH": os.environ["PATH"],
            "POD_NAMESPACE": "galera-lab",
            "PEERFINDER_DOMAIN": "cluster.local",
            "PEERFINDER_NAMESERVER": f"{server.address}:{server.port}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_wait_waits_for_the_third_member(documents_of: Built, server: NameServer) -> None:
    server.withdraw("mysql-1")
    with start(command(documents_of, "wait-for-dependency", "wait"), server) as waiting:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=3)
        server.publish("mysql-1", MEMBERS["mysql-1"])
        out, err = waiting.communicate(timeout=60)

    assert waiting.returncode == 0, err
    assert out.splitlines() == NAMES


def test_configure_writes_the_members(documents_of: Built, server: NameServer, tmp_path: Path) -> None:
    *argv, hook = command(documents_of, "configure", "configure")
    # The mounts of the pod are these folders here.
    hook = f"{hook.replace('/hook', str(MANIFESTS / 'examples/configure'))} {tmp_path}"
    with start([*argv, hook], server) as running:
        _, err = running.communicate(timeout=60)

    assert running.returncode == 0, err
    (written,) = parse((tmp_path / "upstreams.yaml").read_text())
    assert written == {"upstreams": [f"{name}:3306" for name in NAMES]}
    assert [path.name for path in tmp_path.iterdir()] == ["upstreams.yaml"]
