"""Real state transfers with the programs of the image, by each method, as a uid without a name."""

import os
from pathlib import Path

import pytest

from tests.faults.halves import full
from tests.support.images.box import HARDENED, MOUNTS, UID, Container, share

pytestmark = [pytest.mark.images, pytest.mark.galera]

CNF = """\
[mysqld]
datadir = /var/lib/galera/data
socket = /run/galera/mariadbd.sock
bind-address = {address}
skip-name-resolve = ON
binlog_format = ROW
innodb_autoinc_lock_mode = 2
innodb_flush_log_at_trx_commit = 0
wsrep_on = ON
wsrep_provider = /usr/lib/galera/libgalera_smm.so
wsrep_cluster_name = transfer
wsrep_cluster_address = gcomm://127.0.0.11,127.0.0.12
wsrep_node_address = {address}
wsrep_node_name = {name}
wsrep_sst_method = {method}
wsrep_sst_auth = root:
wsrep_provider_options = "gmcast.listen_addr=tcp://{address}:4567;ist.recv_bind={address};gcache.size=8M"
"""


def node(image: str, folder: Path, number: int, method: str, network: str, *command: str) -> Container:
    """A container with a configuration of its own and without our tools."""
    address, name = f"127.0.0.{10 + number}", f"server-test-{os.getpid()}-{method}-{number}"
    for mount in MOUNTS:
        share(folder / mount, UID)
    (folder / "config" / "my.cnf").write_text(CNF.format(address=address, name=name, method=method))
    options = tuple(f"--volume={folder / mount}:{point}" for mount, point in MOUNTS.items())
    script = f"mkdir /var/lib/galera/data && {' '.join(command)}"
    hardening = (f"--network={network}", f"--user={UID}", *HARDENED)
    return Container(name, image, options, ("sh", "-c", script), hardening, password="")


@pytest.mark.parametrize(
    ("series", "method"),
    [
        # Each series and each method once.
        ("11.8", "mariabackup"),
        ("10.11", "rsync"),
        pytest.param("11.8", "rsync", marks=full),
        pytest.param("10.11", "mariabackup", marks=full),
    ],
    indirect=["series"],
    scope="session",
)
def test_a_joiner_gets_the_donors_rows(server_image: str, tmp_path: Path, method: str) -> None:
    install = "mariadb-install-db --no-defaults --force --auth-root-authentication-method=normal"
    server = "exec mariadbd --defaults-file=/etc/mysql/my.cnf"
    first = (f"{install} --datadir=/var/lib/galera/data >/dev/null &&", server, "--wsrep-new-cluster")
    with node(server_image, tmp_path / "1", 1, method, "none", *first) as donor:
        donor.wait_synced()
        donor.sql("CREATE TABLE test.t AS SELECT 42 AS answer")
        with node(server_image, tmp_path / "2", 2, method, f"container:{donor.name}", server) as joiner:
            joiner.wait_synced()

            assert joiner.sql("SELECT answer FROM test.t") == "42"
            assert f"wsrep_sst_{method} --role 'joiner'" in joiner.log
