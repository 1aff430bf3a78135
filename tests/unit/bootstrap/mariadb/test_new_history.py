"""A new history from old data, as real servers make it, and what they leave when they are killed on the way."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from bootstrap.core.galera import grastate
from bootstrap.core.galera.grastate import GraState
from bootstrap.core.model.disk import NIL_UUID, DataClass, Disk, JournalHints, Position
from bootstrap.datadir import inspection, prepare
from bootstrap.mariadb import initialise
from bootstrap.mariadb.accounts import Accounts
from bootstrap.storage.layout import Layout
from tests.support.bootstrap import servers
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


def inspect(node: Node, base: Position | None = None) -> Disk:
    return inspection.inspect(node.layout, node.recover(), JournalHints(base=base))


def position_of(node: Node) -> Position:
    position = inspect(node).position
    assert position is not None
    return position


def test_the_data_stay_and_the_history_is_a_new_one_also_after_a_crash(node: Node) -> None:
    base = position_of(node)
    prepare.prepare_fork(node.layout)
    assert inspect(node, base) == Disk(
        DataClass.DDL_CRASH, base, detail="grastate.dat has the nil uuid, InnoDB has a position"
    )
    node.bootstrap()
    new = node.status("wsrep_cluster_state_uuid")
    assert new not in (base.uuid, NIL_UUID)
    assert node.sql("SELECT id, what FROM app.t") == [(1, "old")]
    node.sql("INSERT INTO app.t VALUES (2, 'new')")
    committed = int(node.status("wsrep_last_committed"))
    node.kill()
    assert inspect(node, base).data_class == DataClass.CRASHED
    assert inspect(node, base).position == Position(new, committed)


def test_a_start_that_is_killed_anywhere_leaves_the_old_history_or_the_new_one(node: Node) -> None:
    base = position_of(node)
    new: set[str] = set()
    for count in range(KILLS):
        prepare.prepare_fork(node.layout)
        node.start("--wsrep-new-cluster")
        time.sleep(0.05 + 0.08 * count)
        node.kill()
        disk = inspect(node, base)
        assert disk.position is not None
        assert (disk.position == base) == (disk.data_class == DataClass.DDL_CRASH), disk
        if disk.position == base:
            continue
        assert disk.data_class == DataClass.CRASHED, disk
        assert disk.position.uuid not in new | {base.uuid, NIL_UUID}
        new.add(disk.position.uuid)
        base = disk.position  # the next word begins here


def test_between_the_new_name_and_the_first_position_the_old_history_counts(node: Node) -> None:
    base = position_of(node)
    written = GraState("bbbbbbbb-0000-11ee-8000-000000000002", -1, safe_to_bootstrap=True)
    node.layout.grastate.write_bytes(grastate.render(written))
    assert inspect(node).data_class == DataClass.UUID_MISMATCH
    disk = inspect(node, base)
    assert (disk.data_class, disk.position) == (DataClass.DDL_CRASH, base)
    # Other data than those that the word was about are not excused by it.
    assert inspect(node, Position(base.uuid, base.seqno - 1)).data_class == DataClass.UUID_MISMATCH


def test_with_the_position_reset_and_no_first_one_yet_the_old_history_counts() -> None:
    base = Position("aaaaaaaa-0000-11ee-8000-000000000001", 7)
    with servers.node(servers.workspace(), 2, data=servers.seed() / "data") as node:
        written = GraState("bbbbbbbb-0000-11ee-8000-000000000002", -1, safe_to_bootstrap=True)
        node.layout.grastate.write_bytes(grastate.render(written))
        disk = inspect(node, base)
    assert (disk.data_class, disk.position) == (DataClass.DDL_CRASH, base)


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
        prepare.prepare_fork(node.layout)
        node.bootstrap()
        assert node.sql("SELECT id FROM shop.t") == [(42,)]
        assert logged_in(node, "galera_agent", "agent's") == "galera_agent@localhost"
        assert logged_in(node, "clerk", "clerk") == "clerk@%"
        new = node.status("wsrep_cluster_state_uuid")
        node.kill()
        assert (inspect(node).data_class, position_of(node).uuid) == (DataClass.CRASHED, new)


@pytest.mark.parametrize("gone", ["ibdata1", "mysql"])
def test_half_a_database_is_not_adopted(tmp_path: Path, gone: str) -> None:
    layout = Layout(tmp_path)
    for name in {"ibdata1", "mysql"} - {gone}:
        (layout.data / name).mkdir(parents=True)
    assert inspection.why_unfit(layout) == f"{gone} is missing"


def test_a_torn_transfer_is_not_adopted(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for name in ("ibdata1", "mysql", "sst_in_progress"):
        (layout.data / name).mkdir(parents=True)
    assert "state transfer" in inspection.why_unfit(layout)
