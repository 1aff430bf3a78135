"""A cluster with only IPv6 addresses: first start, both state transfer methods, an outage, a backup, an arbitrator."""

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from bootstrap.network.protocol import Membership
from bootstrap.network.server import Answers, Server
from tests.faults.cluster import Cluster
from tests.faults.halves import BOTH_METHODS
from tests.lab.companion import FIRST, start_arbitrator, start_backup
from tests.lab.lab import Lab
from tests.lab.layout import address_six
from tests.support.exporter import PASSWORD, USER, read_statements
from tests.support.installed import require

pytestmark = [pytest.mark.galera]

CLONE_NEWNET = 0x40000000
"""The flag of unshare(2)."""


@pytest.fixture
def _network() -> Iterator[None]:
    """A separate network for this thread and all that it starts; the tests add addresses to its loopback device."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if libc.unshare(CLONE_NEWNET) != 0:
        pytest.skip(f"NOT TESTED: IPv6 clusters; no network namespace here ({os.strerror(ctypes.get_errno())})")
    try:
        subprocess.run(("ip", "link", "set", "lo", "up"), check=True)
        yield
    finally:
        assert libc.setns(before, CLONE_NEWNET) == 0
        os.close(before)


@pytest.fixture(params=BOTH_METHODS)
def lab(request: pytest.FixtureRequest, _network: None) -> Iterator[Lab]:
    """An empty lab whose pods have IPv6 addresses."""
    require("garbd", "mariadb-backup", "socat")
    with Lab(env={"GALERA_BOOTSTRAP_SST_METHOD": request.param}, six=True) as lab:
        for ordinal in (0, 1, 2, FIRST, FIRST + 1):
            address = f"{address_six(lab.layout.network, ordinal)}/128"
            subprocess.run(("ip", "-6", "address", "add", address, "dev", "lo", "nodad"), check=True)
        yield lab


def test_start_transfer_recovery_backup_and_arbitrator_work_with_ipv6(lab: Lab, tmp_path: Path) -> None:
    lab.up(3)
    lab.wait_synced(3)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    cnf = (lab.pod(1).folders.config / "my-galera.cnf").read_text()
    assert f'wsrep_node_address = "[{lab.pod(1).ip}]:4567"' in cnf
    assert "127." not in cnf
    with start_arbitrator(lab):
        lab.wait("there is one more vote", lambda: (s := lab.read_server(0)) is not None and s.cluster_size == 4, 60)
    lab.wait_synced(3)
    with start_backup(lab, tmp_path / "backups") as guest:
        assert guest.process.wait(120) == 0, guest.read_log()[-3000:]
    cluster.cut_power()
    lab.start_all()

    cluster.assert_recovers()


@pytest.mark.usefixtures("_network")
def test_an_agent_that_listens_on_all_addresses_can_be_reached_by_both_families() -> None:
    me = Membership("cluster", (b"key-of-16-letters",), "mysql-0", "boot")
    server = Server(("::", 0), me, Answers(lambda: pytest.fail("no pod asks"), lambda _: None))
    try:
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, server.server_address[1]), timeout=5):
                pass
    finally:
        server.server_close()


@pytest.mark.usefixtures("_network")
def test_a_server_that_listens_on_all_addresses_knows_the_account_of_the_metrics_by_both_families() -> None:
    """`::1` and 127.0.0.1 are two hosts for the server, which looks up no name."""
    require()
    with Lab(replicas=1, env={"GALERA_BOOTSTRAP_BIND_ADDRESS": "::"}) as lab:
        lab.up(1)
        lab.wait_synced(1)
        lab.query(0, *read_statements())
        for host in ("127.0.0.1", "::1"):
            with pymysql.connect(host=host, user=USER, password=PASSWORD) as session, session.cursor() as cursor:
                cursor.execute("SHOW GLOBAL STATUS LIKE 'wsrep_local_state'")
                assert cursor.fetchall() == (("wsrep_local_state", "4"),)
