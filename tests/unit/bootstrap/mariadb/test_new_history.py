"""A new history from old data, as real servers make it, and what they leave when they are killed on the way."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pymysql
import pytest

from bootstrap.core.model.disk import DataClass, Disk, JournalHints, Position
from bootstrap.datadir import inspection, prepare
from bootstrap.mariadb import initialise
from bootstrap.mariadb.accounts import Accounts
from bootstrap.storage.layout import Layout
from tests.support.bootstrap import servers
from tests.support.bootstrap.records import A, B
from tests.support.bootstrap.servers import Node

pytestmark = pytest.mark.galera

KILLS = 24 if os.environ.get("E2E_FULL") == "1" else 6
"""How many starts of a new history are killed, each a little later than the one before."""


@pytest.fixture(scope="module")
def old() -> Path:
    """A datadir of a cluster with a row in it, killed."""
    with servers.node(servers.workspace(), 1, data=servers.seed() / "data") as node:
        node.bootstrap()
        node.sql("CREATE TABLE app.t (id INT PRIMARY KEY, what VARCHAR(20))")
        node.sql("INSERT INTO app.t VALUES (1, 'old')")
    return node.layout.data


@pytest.fixture
def node(old: Path) -> Iterator[Node]:
    with servers.node(servers.workspace(), 2, data=old) as made:
        yield made


def inspect(node: Node, base: Position | None = None, history: str = "") -> Disk:
    return inspection.inspect(node.layout, node.recover(), JournalHints(base=base, history=history))


def begin_history(node: Node) -> tuple[str, str]:
    """Make the datadir ready for a new history, as a starter does; its uuid, and the server's option for it."""
    history = str(uuid4())
    prepare.prepare_fork(node.layout, history)
    return history, f"--wsrep_start_position={history}:0"


def position_of(node: Node) -> Position:
    position = inspect(node).position
    assert position is not None
    return position


def test_the_data_stay_and_the_history_is_a_new_one_also_after_a_crash(node: Node) -> None:
    base = position_of(node)
    new, option = begin_history(node)
    assert inspect(node, base, new) == Disk(
        DataClass.DDL_CRASH, base, detail="an override permitted a new history here, and its start was interrupted"
    )
    node.bootstrap(option)
    assert node.status("wsrep_cluster_state_uuid") == new
    assert node.sql("SELECT id, what FROM app.t") == [(1, "old")]
    node.sql("INSERT INTO app.t VALUES (2, 'new')")
    committed = int(node.status("wsrep_last_committed"))
    node.kill()
    assert inspect(node, base, new).data_class == DataClass.CRASHED
    assert inspect(node, base, new).position == Position(new, committed)


def test_a_start_that_is_killed_anywhere_leaves_the_old_history_or_the_new_one(node: Node) -> None:
    base = position_of(node)
    for count in range(KILLS):
        new, option = begin_history(node)
        node.start("--wsrep-new-cluster", option)
        time.sleep(0.05 + 0.08 * count)
        node.kill()
        disk = inspect(node, base, new)
        assert disk.position is not None
        assert (disk.position == base) == (disk.data_class == DataClass.DDL_CRASH), disk
        if disk.position == base:
            continue
        assert disk.data_class == DataClass.CRASHED, disk
        assert disk.position.uuid == new
        base = disk.position  # the next override begins here


def test_between_the_new_name_and_the_first_position_the_old_history_counts(node: Node) -> None:
    base = position_of(node)
    prepare.prepare_fork(node.layout, B)
    assert inspect(node).data_class == DataClass.UUID_MISMATCH
    disk = inspect(node, base, B)
    assert (disk.data_class, disk.position) == (DataClass.DDL_CRASH, base)
    # Other data than those that the override was about are not excused by it, nor another history.
    assert inspect(node, Position(base.uuid, base.seqno - 1), B).data_class == DataClass.UUID_MISMATCH
    assert inspect(node, base, A).data_class == DataClass.UUID_MISMATCH


def test_with_the_position_reset_and_no_first_one_yet_the_old_history_counts() -> None:
    base = Position(A, 7)
    with servers.node(servers.workspace(), 2, data=servers.seed() / "data") as node:
        prepare.prepare_fork(node.layout, B)
        disk, of_another = inspect(node, base, B), inspect(node, base, A)
    assert (disk.data_class, disk.position) == (DataClass.DDL_CRASH, base)
    assert of_another.data_class == DataClass.UNADOPTED


# Data that ran without this toolkit.


def plain(folder: Path) -> Path:
    """A datadir that a plain server has made and used, with accounts of its own, killed."""
    servers.own(folder)
    data, user = folder / "data", [f"--user={name}"] if (name := servers.login()) else []
    install = ["mariadb-install-db", "--no-defaults", "--force", f"--datadir={data}", servers.SMALL_LOG, *user]
    subprocess.run(install, check=True, capture_output=True)
    statements = (
        "CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY); INSERT INTO shop.t VALUES (42);\n"
        "DELETE FROM mysql.global_priv WHERE User = ''; FLUSH PRIVILEGES;\n"
        "CREATE USER 'clerk'@'%' IDENTIFIED BY 'clerk'; GRANT SELECT ON shop.* TO 'clerk'@'%';\n"
    )
    command = ["mariadbd", "--no-defaults", f"--datadir={data}", "--bootstrap", servers.SMALL_LOG, *user]
    subprocess.run(command, input=statements.replace("; ", ";\n").encode(), check=True, capture_output=True)
    return data


ACCOUNTS = Accounts(servers.ROOT_PASSWORD, "agent's", user="clerk", password="other", database="shop")


def adopt(node: Node) -> None:
    server = ("mariadbd", f"--defaults-file={node.configure()}")
    initialise.adopt(node.layout, ACCOUNTS, server=server, user=servers.login())


def logged_in(node: Node, user: str, password: str) -> str:
    """Who the server takes this login for, over the socket."""
    with (
        pymysql.connect(user=user, password=password, unix_socket=f"{node.folder}/sock") as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT CURRENT_USER()")
        return str(cursor.fetchall()[0][0])


def test_plain_data_get_our_accounts_and_a_history_and_keep_their_own() -> None:
    data = plain(servers.workspace())
    with servers.node(servers.workspace(), 2, data=data) as node:
        assert inspect(node) == Disk(DataClass.UNADOPTED, detail="a database that was never in a cluster")
        assert inspection.why_unfit(node.layout) == ""
        adopt(node)
        adopt(node)  # again, as after a kill
        history, option = begin_history(node)
        node.bootstrap(option)
        assert node.sql("SELECT id FROM shop.t") == [(42,)]
        assert logged_in(node, "galera_agent", "agent's") == "galera_agent@localhost"
        assert logged_in(node, "clerk", "clerk") == "clerk@%"
        assert node.status("wsrep_cluster_state_uuid") == history
        node.kill()
        assert (inspect(node).data_class, position_of(node).uuid) == (DataClass.CRASHED, history)


@pytest.mark.parametrize("gone", ["ibdata1", "mysql"])
def test_half_a_database_is_not_adopted(tmp_path: Path, gone: str) -> None:
    layout = Layout(tmp_path)
    layout.data.mkdir()
    if gone == "ibdata1":
        (layout.data / "mysql").mkdir()
    else:
        (layout.data / "ibdata1").touch()
    assert inspection.why_unfit(layout) == f"{gone} is missing"


def test_a_torn_transfer_is_not_adopted(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    (layout.data / "mysql").mkdir(parents=True)
    for name in ("ibdata1", "sst_in_progress"):
        (layout.data / name).touch()
    assert "state transfer" in inspection.why_unfit(layout)
