"""What this toolkit gives a server, and what it reads of one, with the real programs of each series of MariaDB."""

import re
import subprocess
from pathlib import Path

import pytest

from bootstrap.core.galera import server_version
from bootstrap.datadir import provenance
from bootstrap.mariadb import config, initialise
from bootstrap.mariadb.accounts import Accounts
from bootstrap.mariadb.recover import Recover
from bootstrap.mariadb.tls import Tls
from bootstrap.storage.layout import Layout
from tests.support.bootstrap import servers
from tests.unit.bootstrap.mariadb.test_config import CNF

pytestmark = pytest.mark.galera

FULL = CNF._replace(
    sst_method="mariabackup", sst_auth="sst:secret", tls=Tls("/tls/tls.crt", "/tls/tls.key", "/tls/ca.crt")
)
"""Every option that the template can have."""

NOT_OF_OPTIONS = ("max_open_files", "mysql.plugin")
"""Warnings about the limits of the test's own process, and about a database that is not there."""


def write(folder: Path, text: str = "") -> tuple[str, ...]:
    """Write the whole option file, and an option of a user's; returns the server's command."""
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "yours.cnf").write_text(f"[mysqld]\n{text}")
    cnf = folder / "my-galera.cnf"
    cnf.write_text(config.render(FULL._replace(datadir=str(folder / "data"), include_dir=str(folder / "conf.d"))))
    return ("mariadbd", f"--defaults-file={cnf}")


def test_the_server_takes_every_option_of_the_template_and_none_is_deprecated(each_series: str, tmp_path: Path) -> None:
    command = write(tmp_path)
    assert server_version.parse_series(Recover(command).read_version()) == tuple(map(int, each_series.split(".")))
    assert Recover(command).why_refused() == ""
    done = subprocess.run(
        (*command, "--secure-file-priv=", "--verbose", "--help"), capture_output=True, text=True, check=True
    )
    complaints = [line for line in done.stderr.splitlines() if re.search(r"\[(Warning|ERROR)\]", line)]
    assert [line for line in complaints if not any(name in line for name in NOT_OF_OPTIONS)] == []


@pytest.mark.parametrize("program", ["mariadbd", "/usr/sbin/mariadbd"])
def test_a_refused_option_is_named_without_the_path_of_the_server(
    each_series: str, program: str, tmp_path: Path
) -> None:
    _, file = write(tmp_path, "no_such_option=1\n")
    refusal = Recover((program, file)).why_refused()
    assert (
        f"mariadbd refuses its options: unknown variable 'no_such_option=1' ({tmp_path}/conf.d/yours.cnf:2)" in refusal
    )
    assert each_series


@pytest.mark.parametrize("option", ["max_tmp_tables=3", "old_alter_table=1"])
def test_an_option_that_11_8_no_longer_has_is_refused_by_it(each_series: str, option: str, tmp_path: Path) -> None:
    refusal = Recover(write(tmp_path, f"{option}\n")).why_refused()
    assert (f"unknown variable '{option}'" in refusal) is (each_series == "11.8")


def test_a_database_is_made_and_it_names_the_series_that_wrote_it(each_series: str) -> None:
    layout = Layout(servers.workspace())
    initialise.create(
        layout,
        Accounts("root", "agent"),
        install_db=("mariadb-install-db", servers.SMALL_LOG),
        server=("mariadbd", servers.SMALL_LOG),
        user=servers.login(),
    )
    left = {name for name in provenance.LEFT if (layout.data / name).exists()}
    assert left == {"mariadb_upgrade_info" if each_series == "11.8" else "mysql_upgrade_info"}
    found = provenance.find_writer(layout.data, layout.meta)
    assert found == tuple(map(int, each_series.split(".")))


@pytest.mark.usefixtures("each_series")
def test_after_a_kill_the_position_is_recovered_and_all_commits_are_in_it() -> None:
    folder = servers.workspace()
    (folder / "seed").mkdir()
    servers.own(folder / "seed")
    initialise.create(
        Layout(folder / "seed"),
        Accounts(servers.ROOT_PASSWORD, "agent", user="app", password="app", database="app"),
        install_db=("mariadb-install-db", servers.SMALL_LOG),
        server=("mariadbd", servers.SMALL_LOG),
        user=servers.login(),
    )
    with servers.node(folder / "node", 31, data=folder / "seed" / "data") as node:
        node.bootstrap()
        node.sql("CREATE TABLE app.t (id INT PRIMARY KEY)")
        for number in range(20):
            node.sql(f"INSERT INTO app.t VALUES ({number})")
        seqno, uuid = int(node.status("wsrep_last_committed")), node.status("wsrep_cluster_state_uuid")
        node.kill()
        position = node.recover().run(node.layout.data)
        assert position is not None
        assert (position.uuid, position.seqno) == (uuid, seqno)
