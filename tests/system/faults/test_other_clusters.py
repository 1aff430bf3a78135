"""Replication to and from a server outside: it goes on after a full copy of a member, and at another member."""

from collections.abc import Iterator

import pymysql
import pytest

from tests.faults.halves import BOTH_METHODS, full
from tests.lab.lab import Lab
from tests.support.bootstrap import servers
from tests.support.bootstrap.servers import Node
from tests.support.installed import require

pytestmark = pytest.mark.galera

OUTSIDE = (
    "wsrep_on=OFF\nwsrep_provider=none\nserver_id=9\ngtid_domain_id=9\nlog_bin=outside-bin\nlog_slave_updates=ON\n"
)
ACCOUNT = ("CREATE USER repl@'%' IDENTIFIED BY 'x'", "GRANT REPLICATION SLAVE ON *.* TO repl@'%'")
TABLE = "CREATE TABLE app.rows (id INT AUTO_INCREMENT PRIMARY KEY, at CHAR(20))"


def follow(host: str) -> tuple[str, str]:
    login = f"MASTER_HOST='{host}', MASTER_USER='repl', MASTER_PASSWORD='x'"
    return f"CHANGE MASTER TO {login}, MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1", "START SLAVE"


@pytest.fixture(params=BOTH_METHODS)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    require()
    settings = {"SERVER_ID": "100", "GTID_DOMAIN": "7", "SST_METHOD": str(request.param)}
    with Lab(env={f"GALERA_BOOTSTRAP_{name}": value for name, value in settings.items()}) as made:
        made.up(3)
        made.wait_synced(3)
        yield made


@pytest.fixture
def outside() -> Iterator[Node]:
    """A server without Galera."""
    with servers.node(servers.workspace() / "outside", 9, data=servers.seed() / "data", extra=OUTSIDE) as node:
        node.start()
        servers.wait_for(lambda: answers(node), "the server outside")
        yield node


def answers(node: Node) -> bool:
    try:
        return bool(node.sql("SELECT 1"))
    except (OSError, pymysql.Error):
        return False


def run(node: Node, *statements: str) -> None:
    for statement in statements:
        node.sql(statement)


def copy_anew(lab: Lab, ordinal: int) -> None:
    """The member loses its volume, and gets all data from another one."""
    lab.pod(ordinal).stop()
    lab.pod(ordinal).wipe_volume()
    lab.query((ordinal + 1) % 3, "INSERT INTO app.own (at) VALUES ('meanwhile')")
    lab.start_all((ordinal,))
    lab.wait_synced(3)


def positions(lab: Lab, name: str) -> set[str]:
    return {str(lab.query(ordinal, f"SELECT @@{name}")[0][0]) for ordinal in range(3)}


def test_a_replica_outside_follows_through_a_copy_of_its_source_another_member_and_an_outage(
    lab: Lab, outside: Node
) -> None:
    def is_there(text: str) -> bool:
        return outside.sql(f"SELECT COUNT(*) FROM app.rows WHERE at = '{text}'") == [(1,)]

    lab.query(0, TABLE, TABLE.replace("app.rows", "app.own"), *ACCOUNT)
    run(outside, *follow(lab.pod(0).ip))
    for ordinal in range(3):
        lab.query(ordinal, f"INSERT INTO app.rows (at) VALUES ('from {ordinal}')")
    servers.wait_for(lambda: all(is_there(f"from {ordinal}") for ordinal in range(3)), "the first rows")
    assert len(positions(lab, "gtid_binlog_pos")) == 1

    copy_anew(lab, 0)
    lab.query(2, "INSERT INTO app.rows (at) VALUES ('after the copy')")
    if lab.pod(0).env["GALERA_BOOTSTRAP_SST_METHOD"] == "mariabackup":
        # Its binary log begins at the copy, after what the replica has read.
        servers.wait_for(lambda: io_error(outside) == 1236, "the error of a source without the replica's position")
        run(outside, "STOP SLAVE", *follow(lab.pod(1).ip))
    servers.wait_for(lambda: is_there("after the copy"), "a row after a full copy of its source")

    lab.pod(0).stop()
    lab.query(1, "INSERT INTO app.rows (at) VALUES ('another member')")
    run(outside, "STOP SLAVE", *follow(lab.pod(2).ip))
    servers.wait_for(lambda: is_there("another member"), "a row from another member")

    before = seqno(lab.query(2, "SELECT @@gtid_binlog_pos")[0][0])
    lab.kill_everything()
    lab.start_all()
    lab.wait_synced(3)
    lab.query(0, "INSERT INTO app.rows (at) VALUES ('after the outage')")
    servers.wait_for(lambda: is_there("after the outage"), "a row after a full outage")

    (position,) = positions(lab, "gtid_binlog_pos")
    assert position.startswith("7-100-")
    assert seqno(position) > before
    assert outside.sql("CHECKSUM TABLE app.rows") == lab.query(1, "CHECKSUM TABLE app.rows")


def io_error(node: Node) -> int:
    """The last error of the replica's connection."""
    with node.connect() as connection, connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute("SHOW SLAVE STATUS")
        return int(cursor.fetchall()[0]["Last_IO_Errno"])


def seqno(position: object) -> int:
    return int(str(position).rpartition("-")[2])


@full
def test_the_cluster_follows_a_server_outside_through_a_copy_of_the_replica_and_at_another_member(
    lab: Lab, outside: Node
) -> None:
    def is_there(text: str, *ordinals: int) -> bool:
        query = f"SELECT COUNT(*) FROM app.rows WHERE at = '{text}'"
        return all(lab.query(ordinal, query) == [(1,)] for ordinal in ordinals)

    def write(text: str) -> None:
        outside.sql(f"INSERT INTO app.rows (at) VALUES ('{text}')")

    run(outside, *ACCOUNT, TABLE)
    position = outside.sql("SELECT @@gtid_binlog_pos")[0][0]
    lab.query(0, TABLE, TABLE.replace("app.rows", "app.own"))
    lab.query(0, f"SET GLOBAL gtid_slave_pos = '{position}'", *follow(outside.address))
    write("first")
    servers.wait_for(lambda: is_there("first", 0, 1, 2), "the first row")

    copy_anew(lab, 0)
    write("after the copy")
    assert len(positions(lab, "gtid_slave_pos")) == 1
    lab.query(0, *follow(outside.address))
    servers.wait_for(lambda: is_there("after the copy", 0, 1, 2), "a row after a full copy of the replica")

    lab.pod(0).stop()
    write("another member")
    lab.query(2, *follow(outside.address))
    servers.wait_for(lambda: is_there("another member", 1, 2), "a row at another member")
    lab.query(2, "STOP SLAVE", "RESET SLAVE ALL")

    lab.start_all((0,))
    lab.wait_synced(3)
    assert {tuple(lab.query(ordinal, "CHECKSUM TABLE app.rows")) for ordinal in range(3)} == {
        tuple(outside.sql("CHECKSUM TABLE app.rows"))
    }
