"""The log is sent whole, whichever member or program dies: no gap, and nothing that counts twice."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bootstrap.core.binlog import chain
from bootstrap.core.binlog.events import Gtid
from tests.faults.backups import back_up, lose_everything
from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.faults.log_sender import Sender, list_pieces, make_account, read_gtids, read_member_gtids, read_position
from tests.lab.lab import Lab
from tests.lab.plain import Plain
from tests.lab.writer import Writer

pytestmark = [pytest.mark.galera]


def slow_writer(cluster: Cluster, *through: int) -> Writer:
    """One client: the test is not about load."""
    return Writer(cluster.lab.layout, [cluster.lab.pod(k).ip for k in through], cluster.record, threads=1)


def build_chain(secret: Path, lab: Lab, ordinal: int) -> chain.Chain:
    """The chain of this member's history, from its first piece on."""
    pieces = list_pieces(secret)
    server = lab.read_server(ordinal)
    assert server is not None
    first = min((one.after for one in pieces if one.history == server.uuid), key=lambda gtid: gtid.seqno)
    return chain.build(pieces, server.uuid, first)


def assert_whole(secret: Path, lab: Lab, ordinal: int, folder: Path) -> None:
    """What the pieces hold is exactly what a member's log holds, each transaction once."""
    found = build_chain(secret, lab, ordinal)
    assert found.gap is None
    sent = read_gtids(secret, found, folder)
    assert sent == [
        seqno for seqno in read_member_gtids(lab, ordinal) if found.pieces[0].after.seqno < seqno <= sent[-1]
    ]


def test_members_and_programs_die_while_two_programs_send_and_nothing_is_missing_or_twice(
    cluster: Cluster, secret: Path, tmp_path: Path
) -> None:
    lab = cluster.lab
    small = ("--piece-size=1", "--piece-age=1")
    with Sender(lab, secret, tmp_path / "one", *small) as one, slow_writer(cluster, 0, 1) as writer:
        one.wait_sent(read_position(lab, 0))
        assert one.reading == lab.pod(2).ip
        with Sender(lab, secret, tmp_path / "two", *small, number=4) as two:
            writer.wait_for(writer.count + 100)
            two.wait_sent(read_position(lab, 0))
            lab.pod(2).power_off()
            writer.wait_for(writer.count + 100)
            one.wait("another member", lambda: one.reading == lab.pod(1).ip)
            for _ in range(3):
                one.companion.restart()
                time.sleep(2.5)
            writer.wait_for(writer.count + 100)
            writer.stop()
            one.wait_sent(read_position(lab, 0))
            two.wait_sent(read_position(lab, 0))
    lab.start_all((2,))
    lab.wait_synced(3)

    assert_whole(secret, lab, 0, tmp_path / "fetched")


def test_a_backlog_of_several_files_is_sent_piece_by_piece(cluster: Cluster, secret: Path, tmp_path: Path) -> None:
    lab = cluster.lab
    with Sender(lab, secret, tmp_path / "one") as sender:
        sender.wait_sent(read_position(lab, 0))
    lab.query(0, "CREATE TABLE app.large (id INT AUTO_INCREMENT PRIMARY KEY, content LONGTEXT)")
    for _ in range(3):
        for _ in range(2):
            lab.query(0, "INSERT INTO app.large (content) VALUES (REPEAT('x', 700000))")
        for ordinal in range(3):
            lab.query(ordinal, "FLUSH BINARY LOGS")
    with Sender(lab, secret, tmp_path / "two", "--piece-size=1", "--every=60") as sender:
        sender.wait_sent(read_position(lab, 0))
        assert sender.log.count(": piece ") >= 3
    assert_whole(secret, lab, 0, tmp_path / "fetched")


@full
def test_a_member_whose_log_begins_after_a_full_copy_is_not_read_if_another_one_has_all(
    secret: Path, tmp_path: Path
) -> None:
    env = {"SERVER_ID": "100", "GTID_DOMAIN": "7", "SST_METHOD": "mariabackup"}
    with Lab(env={f"GALERA_BOOTSTRAP_{name}": value for name, value in env.items()}) as lab:
        lab.up(3)
        lab.wait_synced(3)
        make_account(lab)
        cluster = Cluster(lab, tmp_path / "acknowledged")
        cluster.write(50)
        with Sender(lab, secret, tmp_path / "one") as sender:
            sender.wait_sent(read_position(lab, 0))
        cluster.write(50)
        cluster.lose_volume(2)
        lab.wait_synced(3)
        with Sender(lab, secret, tmp_path / "two") as sender:
            cluster.write(50)
            sender.wait_sent(read_position(lab, 0))
            assert sender.reading == lab.pod(1).ip
            assert "GAP" not in sender.log
        assert_whole(secret, lab, 0, tmp_path / "fetched")


def test_a_gap_is_logged_counted_and_refused(cluster: Cluster, secret: Path, tmp_path: Path) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    back_up(lab, folder, secret)
    with Sender(lab, secret, tmp_path / "one") as sender:
        cluster.write(20, through=(0,))
        sender.wait_sent(read_position(lab, 0))
    before = read_position(lab, 0)
    cluster.write(20, through=(0,))
    for ordinal in range(3):
        lab.query(ordinal, "FLUSH BINARY LOGS")
    cluster.write(20, through=(0,))
    for ordinal in range(3):
        name = lab.query(ordinal, "SHOW BINARY LOGS")[-1][0]
        servers_wait = time.monotonic() + 30
        while len(lab.query(ordinal, "SHOW BINARY LOGS")) > 1 and time.monotonic() < servers_wait:
            lab.query(ordinal, f"PURGE BINARY LOGS TO '{name}'")
            time.sleep(0.2)
    with Sender(lab, secret, tmp_path / "two") as sender:
        sender.wait(
            "the report of a gap", lambda: f"GAP: no member has what came after {before} any more" in sender.log
        )
        sender.wait_sent(read_position(lab, 0))
        assert "galera_bootstrap_log_gaps_total 1" in sender.read_port("/metrics")[1]
        sender.wait("the report of what is missing", lambda: f"leads only to {before}: make another one" in sender.log)
        assert sender.read_port("/readyz")[0] == 503

    lose_everything(lab, folder)
    lab.use(Plain(restore=("galera-bootstrap", "restore", f"--repository={secret}", "--until=latest")))
    lab.up(3)
    log = lab.pod(0).folders.logs / "restore.log"
    lab.wait("the refusal", lambda: log.exists() and "status 34" in log.read_text())
    refusal = next(line for line in log.read_text().splitlines() if "NOT RESTORED" in line)
    assert "what comes then is missing up to 7-100-" in refusal
    assert f"--until={before} restores what comes before the gap" in refusal
    assert list((lab.pod(0).folders.volume / "data").glob("*")) == []


@full
def test_a_new_history_is_not_mixed_with_the_given_up_one(cluster: Cluster, secret: Path, tmp_path: Path) -> None:
    lab, folder = cluster.lab, tmp_path / "backups"
    with Sender(lab, secret, tmp_path / "one") as sender:
        back_up(lab, folder, secret)
        cluster.write(20, through=(0,))
        lab.query(0, "CREATE TABLE app.given_up (id INT PRIMARY KEY)")
        lost = read_position(lab, 0)
        sender.wait_sent(lost)
    old = lab.read_server(0)
    assert old is not None
    lose_everything(lab, folder)

    # As if a human found out later that the table was a mistake: its number is used again by another transaction.
    until = Gtid(7, 100, int(lost.rpartition("-")[2]) - 1)
    lab.use(Plain(restore=("galera-bootstrap", "restore", f"--repository={secret}", f"--until={until}")))
    lab.up(3)
    lab.wait_synced(3)
    assert lab.query(0, "SHOW TABLES FROM app LIKE 'given_up'") == []
    new = lab.read_server(0)
    assert new is not None
    assert new.uuid != old.uuid
    with Sender(lab, secret, tmp_path / "two") as sender:
        lab.query(0, "CREATE TABLE app.instead (id INT PRIMARY KEY)", "INSERT INTO app.instead VALUES (1)")
        sender.wait_sent(read_position(lab, 0), new.uuid)
        sender.wait("the report", lambda: "no backup of this history has a GTID yet: make one" in sender.log)
        assert sender.read_port("/readyz")[0] == 503
        back_up(lab, tmp_path / "later", secret)
        sender.wait("a way up to the present", lambda: sender.read_port("/readyz")[0] == 200)
        lab.query(0, "INSERT INTO app.instead VALUES (2)")
        time.sleep(1.1)
        moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        time.sleep(1.1)
        lab.query(0, "INSERT INTO app.instead VALUES (3)")
        sender.wait_sent(read_position(lab, 0), new.uuid)
    found = build_chain(secret, lab, 0)
    assert {one.history for one in found.pieces} == {new.uuid}
    lose_everything(lab)

    lab.use(Plain(restore=("galera-bootstrap", "restore", f"--repository={secret}", f"--until={moment}")))
    lab.up(3)
    lab.wait_synced(3)
    assert lab.query(2, "SELECT id FROM app.instead ORDER BY id", sync_wait=1) == [(1,), (2,)]
    assert lab.query(0, "SHOW TABLES FROM app LIKE 'given_up'") == []
