"""A cluster with addresses of IPv6 alone: first start, both kinds of state transfer, an outage, a backup, a vote."""

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.network.protocol import Membership
from bootstrap.network.server import Server
from tests.faults.cluster import Cluster
from tests.faults.halves import BOTH_METHODS
from tests.lab import machine
from tests.lab.beside import FIRST, arbitrator, backup
from tests.lab.lab import Lab
from tests.lab.layout import address_six

pytestmark = [pytest.mark.galera, pytest.mark.timeout(300)]

CLONE_NEWNET = 0x40000000
"""unshare(2)."""


@pytest.fixture
def _network() -> Iterator[None]:
    """A network of its own for this thread, and for all that it starts: addresses are given to its loopback device."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if libc.unshare(CLONE_NEWNET) != 0:
        pytest.skip(f"NOT TESTED: clusters of IPv6: no network namespace here ({os.strerror(ctypes.get_errno())})")
    try:
        subprocess.run(("ip", "link", "set", "lo", "up"), check=True)
        yield
    finally:
        assert libc.setns(before, CLONE_NEWNET) == 0
        os.close(before)


@pytest.fixture(params=BOTH_METHODS)
def lab(request: pytest.FixtureRequest, _network: None) -> Iterator[Lab]:
    """An empty lab whose pods have addresses of IPv6."""
    try:
        machine.check("garbd", "mariadb-backup", "socat")
    except machine.NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    with Lab(env={"GALERA_BOOTSTRAP_SST_METHOD": request.param}, six=True) as lab:
        for ordinal in (0, 1, 2, FIRST, FIRST + 1):
            given = f"{address_six(lab.layout.network, ordinal)}/128"
            subprocess.run(("ip", "-6", "address", "add", given, "dev", "lo", "nodad"), check=True)
        yield lab


def test_members_of_ipv6_start_transfer_recover_are_backed_up_and_counted(lab: Lab, tmp_path: Path) -> None:
    lab.up(3)
    lab.wait_synced(3)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    cnf = (lab.pod(1).folders.config / "my-galera.cnf").read_text()
    assert f'wsrep_node_address = "[{lab.pod(1).ip}]:4567"' in cnf
    assert "127." not in cnf
    with arbitrator(lab):
        lab.wait("a vote more", lambda: (s := lab.server(0)) is not None and s.cluster_size == 4, 60)
    lab.wait_synced(3)
    with backup(lab, tmp_path / "backups") as guest:
        assert guest.process.wait(120) == 0, guest.said()[-3000:]
    cluster.power_cut()
    lab.start_all()

    cluster.recovers()


@pytest.mark.usefixtures("_network")
def test_an_agent_that_listens_on_all_addresses_is_reached_by_both_families() -> None:
    me = Membership("cluster", (b"key-of-16-letters",), "mysql-0", "boot")
    server = Server(("::", 0), me, lambda: pytest.fail("nobody asks"), lambda _: None)
    try:
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, server.server_address[1]), timeout=5):
                pass
    finally:
        server.server_close()
