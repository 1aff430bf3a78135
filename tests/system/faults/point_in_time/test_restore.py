"""A new cluster at a moment of the old one: everything before it is there, and nothing after it."""

import json
import re
from pathlib import Path

import pytest

from tests.faults.backups import back_up, lose_everything, prove, run
from tests.faults.cluster import Cluster
from tests.faults.log_sender import Sender, list_pieces, read_position
from tests.lab.lab import Lab
from tests.lab.plain import Plain
from tests.lab.writer import Writer, read_record
from tests.support.restic import ask

pytestmark = [pytest.mark.galera]


def restore(lab: Lab, secret: Path, until: str) -> None:
    lab.use(Plain(restore=("galera-bootstrap", "restore", f"--repository={secret}", f"--until={until}")))
    lab.up(3)
    lab.wait_synced(3)


def ids(lab: Lab, ordinal: int) -> frozenset[int]:
    rows = lab.query(ordinal, "SELECT id FROM app.acknowledged", seconds=60, sync_wait=1)
    return frozenset(int(row[0]) for row in rows)


def test_a_table_is_dropped_under_a_writing_client_and_everything_up_to_the_transaction_before_comes_back(
    cluster: Cluster, secret: Path, tmp_path: Path
) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    with Sender(lab, secret, tmp_path / "sender") as sender:
        with Writer(lab.layout, [lab.pod(k).ip for k in range(3)], cluster.record, threads=2) as writer:
            writer.wait_for(50)
            log = back_up(lab, folder, secret)
            writer.wait_for(writer.count + 200)
            lab.query(1, "CREATE USER late@'%' IDENTIFIED BY 'x'", "CREATE TABLE app.late (id INT PRIMARY KEY)")
            lab.query(
                1, "INSERT INTO app.late VALUES (1)", "CREATE VIEW app.seen AS SELECT COUNT(*) AS n FROM app.late"
            )
            # The client goes on writing other tables until the drop, and fails after it.
            lab.query(2, "DROP TABLE app.acknowledged")
            writer.stop()
        at = read_position(lab, 0)
        acknowledged = read_record(cluster.record)
        events = find_events(lab, 0)
        drop = next(number for number, text in events.items() if "DROP TABLE" in text)
        lab.query(0, "CREATE TABLE app.afterwards (id INT PRIMARY KEY)")
        sender.wait_sent(read_position(lab, 0))
        assert sender.read_port("/readyz")[0] == 200
        assert "galera_bootstrap_log_behind_seconds" in sender.read_port("/metrics")[1]
    assert int(at.rpartition("-")[2]) >= drop
    assert "a-binlog-password" not in sender.log + log

    old = lab.read_server(0)
    code, answer = run(lab, 1, "backups", f"--repository={secret}", "-o", "json")
    assert code == 0, answer
    (span,) = json.loads(answer.splitlines()[-1])["reachable"]
    assert int(span["from"]["gtid"].rpartition("-")[2]) < drop < int(span["to"]["gtid"].rpartition("-")[2])
    lose_everything(lab, folder)
    restore(lab, secret, f"7-100-{drop - 1}")

    for ordinal in range(3):
        assert acknowledged <= ids(lab, ordinal)
        assert lab.query(ordinal, "SELECT n FROM app.seen", sync_wait=1) == [(1,)]
    assert lab.query(0, "SHOW TABLES FROM app LIKE 'afterwards'") == []
    assert lab.query(1, "SELECT COUNT(*) FROM mysql.global_priv WHERE User = 'late'") == [(1,)]
    told = (lab.pod(0).folders.logs / "restore.log").read_text()
    assert f"reached 7-100-{drop - 1} of " in told
    assert f"the next one, 7-100-{drop} of " in told
    new = lab.read_server(0)
    assert old is not None
    assert new is not None
    assert new.uuid != old.uuid


def test_a_proof_replays_the_log_and_fails_where_a_piece_of_it_is_missing(
    cluster: Cluster, secret: Path, tmp_path: Path
) -> None:
    lab, scratch = cluster.lab, tmp_path / "scratch"
    with Sender(lab, secret, tmp_path / "sender", "--piece-size=1") as sender:
        cluster.write(20)
        sender.wait_sent(read_position(lab, 0))
        back_up(lab, tmp_path / "backups", secret)
        lab.query(0, "CREATE TABLE app.large (id INT AUTO_INCREMENT PRIMARY KEY, content LONGTEXT)")
        for _ in range(3):
            lab.query(0, *2 * ["INSERT INTO app.large (content) VALUES (REPEAT('x', 700000))"])
            sender.wait_sent(read_position(lab, 0))
        end = read_position(lab, 0)
    code, log = prove(lab, scratch, secret, "--with-log")
    assert code == 0, log
    assert f"reached {end} of " in log
    assert re.search(r" is proven: .*, with the log after it$", log, re.MULTILINE)
    with_large = count_tables(log)

    pieces = list_pieces(secret)
    lost = sorted({one.name for one in pieces})[-2]
    # The sender replaces the snapshot of a piece that grows, and may have been killed before it removed the old one.
    ask(secret, "forget", *(one.id for one in pieces if one.name == lost))
    code, log = prove(lab, scratch, secret, "--with-log")
    assert code == 34, log
    assert "what comes then is missing up to" in log
    assert log.count(" proven: ") == 1, "only that of before"
    code, log = prove(lab, scratch, secret)
    assert code == 0, "the backup itself is well"
    assert count_tables(log) == with_large - 1


def count_tables(log: str) -> int:
    """How many tables the last proof of this log has read."""
    return int(re.findall(r"(\d+) tables read", log)[-1])


def find_events(lab: Lab, ordinal: int) -> dict[int, str]:
    """The statement of each transaction in a member's binary log."""
    found: dict[int, str] = {}
    number = 0
    for file, *_ in lab.query(ordinal, "SHOW BINARY LOGS"):
        for _, _, kind, _, _, info in lab.query(ordinal, f"SHOW BINLOG EVENTS IN '{file}'", seconds=60):
            if kind == "Gtid":
                number = int(re.findall(r"7-100-(\d+)", str(info))[0])
            elif kind == "Query":
                found[number] = str(info)
    return found
