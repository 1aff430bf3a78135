"""This toolkit's accounts in the data of another Galera cluster, as real servers make them."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from bootstrap.core.model.disk import DataClass, Disk, JournalHints
from bootstrap.datadir import inspection
from bootstrap.mariadb import initialise
from bootstrap.mariadb.accounts import Accounts
from tests.paths import ROOT
from tests.support.bootstrap import servers
from tests.support.bootstrap.servers import Node

pytestmark = pytest.mark.galera

ACCOUNTS = Accounts("new root", "agent's", sst_password="transfer")

OLD_ROOT = servers.ROOT_PASSWORD


@pytest.fixture(scope="module")
def old() -> Path:
    """A datadir of another cluster, stopped in order: accounts of its own, none of ours, and a binary log."""
    with servers.node(servers.workspace(), 1, data=servers.seed() / "data", extra="log_bin=mysql-bin") as node:
        node.bootstrap()
        node.sql("CREATE TABLE app.t (id INT PRIMARY KEY)")
        node.sql("INSERT INTO app.t VALUES (42)")
        node.sql("DROP USER galera_agent@localhost")
        node.stop()
    return node.layout.data


@pytest.fixture
def node(old: Path) -> Iterator[Node]:
    with servers.node(servers.workspace(), 2, data=old, extra="log_bin=mysql-bin") as made:
        yield made


def take_over(node: Node) -> None:
    initialise.take_over(node.layout, ACCOUNTS, server=node.command[:2], user=servers.login())


def inspect(node: Node) -> Disk:
    return inspection.inspect(node.layout, node.recover(), JournalHints())


def login(node: Node, user: str, password: str) -> str:
    """Who the server takes this login for, over the socket."""
    with (
        pymysql.connect(user=user, password=password, unix_socket=f"{node.folder}/sock") as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT CURRENT_USER()")
        return str(cursor.fetchall()[0][0])


def test_our_accounts_come_all_others_stay_and_position_and_binary_log_are_as_before(node: Node) -> None:
    before, state = inspect(node), node.grastate
    logs = {path.name: path.read_bytes() for path in node.layout.data.glob("mysql-bin.*")}
    assert before.data_class is DataClass.CLEAN
    take_over(node)
    assert {path.name: path.read_bytes() for path in node.layout.data.glob("mysql-bin.*")} == logs
    assert (inspect(node), node.grastate) == (before, state)
    take_over(node)  # again, as after a kill
    node.bootstrap()

    assert login(node, "galera_agent", "agent's") == "galera_agent@localhost"
    assert login(node, "galera_sst", "transfer") == "galera_sst@localhost"
    assert login(node, "root", OLD_ROOT) == "root@localhost"
    assert login(node, "app", "app") == "app@%"
    assert node.sql("SELECT id FROM app.t") == [(42,)]
    (grants,) = [row[0] for row in node.sql("SHOW GRANTS FOR galera_agent@localhost") if "ON *.*" in row[0]]
    assert all(right in grants for right in ("SHUTDOWN", "CONNECTION ADMIN", "RELOAD", "SUPER"))


def test_where_root_is_only_from_elsewhere_the_upgrader_gets_its_own(node: Node) -> None:
    """So it is in the data of Bitnami's image."""
    node.bootstrap()
    node.sql("CREATE USER root@'%' IDENTIFIED BY 'old root'")
    node.sql("GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION")
    node.sql("DROP USER root@localhost")
    node.stop()
    take_over(node)
    node.start("--wsrep-new-cluster")
    servers.wait_for((node.folder / "sock").exists, "the server's socket")
    assert login(node, "root", "new root") == "root@localhost"


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.2, 0.3, 0.5])
def test_a_kill_in_the_middle_changes_no_position_and_can_be_repeated(node: Node, delay: float) -> None:
    before = inspect(node)
    code = (
        "import sys; from pathlib import Path; from tests.unit.bootstrap.mariadb import test_take_over as t\n"
        "t.take_over(t.Node(Path(sys.argv[1]), sys.argv[2], extra='log_bin=mysql-bin'))"
    )
    arguments = [sys.executable, "-c", code, str(node.folder), node.address]
    with subprocess.Popen(arguments, cwd=ROOT, start_new_session=True) as process:
        servers.wait_for(lambda: bool(servers_on(node)), "the server that makes the accounts", 30)
        time.sleep(delay)
        process.kill()
        for pid in servers_on(node):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        servers.wait_for(lambda: not servers_on(node), "the end of the server that made the accounts", 30)
    assert inspect(node) == before
    take_over(node)
    node.bootstrap()
    assert login(node, "galera_agent", "agent's") == "galera_agent@localhost"
    assert node.sql("SELECT id FROM app.t") == [(42,)]


def servers_on(node: Node) -> list[str]:
    """The programs that have this datadir on their command line; a starter's lock shows them to the next one."""
    done = subprocess.run(["pgrep", "-f", f"datadir={node.layout.data}"], capture_output=True, text=True, check=False)
    return done.stdout.split()
