"""The rarer faults of the suite, each by its name: `make fault D=D10`; docs/faults.md has the whole list."""

import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import run

import pymysql
import pytest

from bootstrap.core.galera.recovery_log import parse_position
from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab import faulty
from tests.lab.lab import Lab
from tests.lab.machine import NotInstalledError, as_pod
from tests.lab.oracle import judge
from tests.lab.pod import Pod
from tests.lab.writer import recorded

pytestmark = pytest.mark.galera

STALL = 60.0
"""Seconds that a winner stands still."""

ALONE = 600.0
"""Seconds that a stale member is left alone: somebody's patience always ends."""

NIL = "00000000-0000-0000-0000-000000000000"


def nobody_starts(cluster: Cluster, seconds: float) -> None:
    """For so long there is no Primary Component, and nobody begins one."""
    before = cluster.all_bootstraps
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert cluster.primaries() == []
        assert cluster.all_bootstraps == before
        time.sleep(1)


@full
@pytest.mark.D2
@pytest.mark.parametrize("flush", ["0", "2"])
def test_with_a_relaxed_flush_the_best_disk_starts_and_all_are_alike(tmp_path: Path, flush: str) -> None:
    """What the kernel has been given survives a SIGKILL; what the server itself held back, of a second, does not."""
    with Lab(env={"GALERA_BOOTSTRAP_FLUSH_LOG_AT_TRX_COMMIT": flush}) as lab:
        lab.up(3)
        lab.wait_synced(3)
        cluster = Cluster(lab, tmp_path / "acknowledged")
        cluster.write(200)
        safe = recorded(cluster.record)
        time.sleep(3)
        cluster.power_cut()
        acknowledged = recorded(cluster.record)
        lab.start_all()
        lab.wait_synced(3)

        assert judge(lab, safe).complaints == []
        verdict = judge(lab, acknowledged)
        lost = set(verdict.missing.values())
        assert len(lost) == 1, "all have lost the same, or nothing"
        assert len(set(verdict.checksums.values())) == len(set(verdict.uuids.values())) == 1
        print(f"flush {flush}: {len(lost.pop())} of {len(acknowledged)} acknowledged rows are lost")


@full
@pytest.mark.D3
@pytest.mark.timeout(ALONE + 300)
def test_a_stale_member_alone_waits_for_ten_minutes_and_names_whom_it_waits_for(cluster: Cluster) -> None:
    lab = cluster.lab
    lab.pod(0).stop()
    cluster.write(100, through=(1, 2))
    lab.kill_everything()
    lab.start_all((0,))
    cluster.waits(0, r"mysql-1 \(unknown: .*mysql-2 \(unknown: ")
    nobody_starts(cluster, ALONE)
    lab.start_all((1, 2))

    cluster.recovers()
    assert cluster.bootstraps(0) == 1, "the first start, and no more"


@full
@pytest.mark.D6
def test_all_are_killed_in_a_ddl(cluster: Cluster) -> None:
    """For as long as it lasts each grastate.dat has neither uuid nor seqno: only InnoDB tells."""
    lab, database = cluster.lab, cluster.lab.layout.secret("database")
    table = f"{database}.large"
    rows = "SELECT seq, REPEAT('x', 200) AS text FROM seq_1_to_100000"
    lab.sql(0, f"USE {database}", f"CREATE TABLE {table} AS {rows}", seconds=60)
    with altering(cluster, f"ALTER TABLE {table} ENGINE=InnoDB, ALGORITHM=COPY"):
        lab.wait("all three in a DDL", lambda: stopped_in_a_ddl(cluster), seconds=120)
        lab.kill_everything()
    assert all(marked(cluster, ordinal) for ordinal in (0, 1, 2))
    lab.start_all()

    cluster.recovers()


def stopped_in_a_ddl(cluster: Cluster) -> bool:
    """Whether all servers, which stand still now, are in one; if not they go on."""
    pods = list(cluster.lab.pods.values())
    for pod in pods:
        pod.pause("mysql")
    if all(marked(cluster, ordinal) for ordinal in (0, 1, 2)):
        return True
    for pod in pods:
        pod.resume("mysql")
    time.sleep(0.3)
    return False


def marked(cluster: Cluster, ordinal: int) -> bool:
    """Whether the member's grastate.dat says that nothing is known."""
    return NIL in (cluster.lab.pod(ordinal).folders.volume / "data" / "grastate.dat").read_text()


@contextmanager
def altering(cluster: Cluster, statement: str) -> Iterator[None]:
    """The statement again and again, until the end of the block."""
    over = threading.Event()

    def alter() -> None:
        while not over.is_set():
            with suppress(pymysql.Error, OSError):
                cluster.lab.sql(0, statement, seconds=60)

    thread = threading.Thread(target=alter, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=90)


@full
@pytest.mark.D10
def test_a_winner_that_stands_still_between_promise_and_start_has_no_second_one_beside_it(cluster: Cluster) -> None:
    lab = cluster.lab
    lab.pod(2).stop()
    cluster.write(50, through=(0, 1))
    before = cluster.bootstraps(0)
    lab.kill_everything()
    lab.start_all((1, 2))
    cluster.waits(1, r"mysql-0 \(unknown")
    lab.start_all((0,))

    winner = promised(lab)
    lab.pod(winner).pause()
    others = [k for k in (0, 1, 2) if k != winner]
    counts = {k: cluster.bootstraps(k) for k in others}
    end = time.monotonic() + STALL
    while time.monotonic() < end:
        assert {k: cluster.bootstraps(k) for k in others} == counts
        assert not set(cluster.primaries()) & set(others)
        time.sleep(1)
    lab.pod(winner).resume()

    cluster.recovers()
    assert cluster.bootstraps(0) <= before + 1
    assert {k: cluster.bootstraps(k) for k in others} == counts


def promised(lab: Lab) -> int:
    """Whom another has promised its vote: looked for in the logs, which are quicker than any question."""

    def told() -> list[str]:
        logs = [pod.containers["agent"].log for pod in lab.pods.values()]
        return [
            found[1]
            for log in logs
            if log.exists()
            for found in re.finditer(r"term (?!1 )\d+ is promised to mysql-(\d)", log.read_text())
        ]

    lab.wait("a promise", lambda: bool(told()), seconds=90)
    return int(told()[-1])


@full
@pytest.mark.D12
def test_clocks_an_hour_apart_change_nothing(lab: Lab, tmp_path: Path) -> None:
    """And in the outage each of them is put to another time."""
    for ordinal, hours in enumerate((-1, 0, 1)):
        pod = lab.create(ordinal)
        turn(pod, hours)
        pod.start()
    lab.wait_synced(3)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    times = [lab.sql(ordinal, "SELECT UNIX_TIMESTAMP()")[0][0] for ordinal in (0, 1, 2)]
    assert times[2] - times[0] >= 7200 - 60
    cluster.power_cut()
    for ordinal, hours in enumerate((1, 2, -1)):
        turn(lab.pod(ordinal), hours)
    lab.start_all()

    cluster.recovers()
    assert cluster.all_bootstraps == 2


def turn(pod: Pod, hours: int) -> None:
    """The pod's clock, from its next start on."""
    try:
        faulty.shift(pod, hours * 3600)
    except NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")


OPTIONS = """\
[mysqld]
log_error={work}/server.err
log_bin={data}/binlog
log_slave_updates=ON
wsrep_gtid_mode=ON
wsrep_gtid_domain_id=7
gtid_domain_id=8
server_id=1
sync_binlog=1
"""


def with_options(lab: Lab, options: str) -> None:
    """Three pods with more options: {data} is a pod's datadir, {work} its own folder, {lab} that of all."""
    for ordinal in range(3):
        pod = lab.create(ordinal)
        places = {"work": pod.folders.work, "data": pod.folders.volume / "data", "lab": lab.folder}
        give(pod, options.format(**places))
        pod.start()
    lab.wait_synced(3)


def give(pod: Pod, options: str) -> None:
    """Replace what this file gave the pod before; its server reads it at its next start."""
    path = pod.folders.config / "conf.d" / "zz-fault.cnf"
    path.write_text(options)
    pod.runtime.share(path, 0o664)


@full
@pytest.mark.D14
def test_a_log_elsewhere_a_binlog_and_gtids_hide_no_position(lab: Lab, tmp_path: Path) -> None:
    with_options(lab, OPTIONS)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    for _ in range(2):
        cluster.power_cut()
        lab.start_all()
        cluster.recovers()
    assert cluster.all_bootstraps == 3


BINLOG = """\
[mysqld]
log_bin=binlog
log_slave_updates=ON
sync_binlog=1
# InnoDB would write by itself after a second what it keeps back.
innodb_flush_log_at_timeout=600
"""


@full
@pytest.mark.D14
def test_prepared_transactions_wait_for_the_binary_log_that_says_what_became_of_them(lab: Lab, tmp_path: Path) -> None:
    """With a binlog InnoDB has an acknowledged commit as a prepared transaction; without it a start rolls that back."""
    with_options(lab, BINLOG)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    with cluster.writer() as writer:
        # One more that is acknowledged, and nothing after it that would sync it.
        writer.stop()
        last = lab.sql(0, "INSERT INTO app.acknowledged VALUES (7, 'last')", "SELECT 7")[0][0]
        lab.kill_everything()
    with cluster.record.open("a") as record:
        record.write(f"{last}\n")
    kept, log = recovered_copies(lab, tmp_path)
    assert "transactions in prepared state after recovery" in log
    for pod in lab.pods.values():
        give(pod, "")
    lab.start_all()
    for ordinal in (0, 1, 2):
        cluster.waits(ordinal, r"had a binary log \(--log_bin=binlog\), which is now off", action="hold")
    nobody_starts(cluster, 10)
    for pod in lab.pods.values():
        give(pod, BINLOG)

    cluster.recovers()
    assert lab.servers()[0] is not None
    assert kept["without"] < kept["with"] <= max(s.last_committed for s in lab.servers().values() if s)


def recovered_copies(lab: Lab, folder: Path) -> tuple[dict[str, int], str]:
    """The highest seqno that copies of all datadirs are recovered at, with and without their binlog; the last log."""
    best, log = {}, ""
    for way, more in (("with", ()), ("without", ("--skip-log-bin",))):
        found = []
        for pod in lab.pods.values():
            data = folder / way / pod.name
            shutil.copytree(pod.folders.volume / "data", data)
            command = ("mariadbd", f"--defaults-file={pod.folders.config / 'my-galera.cnf'}", *more)
            options = ("--wsrep-recover", "--skip-networking", "--skip-log-error", f"--datadir={data}")
            done = run(as_pod((*command, *options)), capture_output=True, text=True, check=True, env=pod.env)
            position = parse_position(done.stderr)
            assert position is not None
            found.append(position.seqno)
            log = done.stderr if "in prepared state" in done.stderr else log
        best[way] = max(found)
    return best, log


ENCRYPTED = """\
[mysqld]
plugin_load_add=file_key_management
file_key_management_filename={lab}/keys
innodb_encrypt_tables=ON
innodb_encrypt_log=ON
innodb_encryption_threads=1
aria_encrypt_tables=ON
encrypt_binlog=ON
log_bin=binlog
log_slave_updates=ON
"""


@full
@pytest.mark.D14
def test_data_that_are_encrypted_at_rest_are_recovered_and_without_their_key_they_are_unknown(
    lab: Lab, tmp_path: Path
) -> None:
    keys = lab.folder / "keys"
    keys.write_text(f"1;{secrets.token_hex(32)}\n")
    with_options(lab, ENCRYPTED)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    cluster.power_cut()
    pages = [(pod.folders.volume / "data/app/acknowledged.ibd").read_bytes() for pod in lab.pods.values()]
    assert not any(b"127.0." in page for page in pages), "each row has an address in it"
    keys.rename(keys.with_name("away"))
    lab.start_all()
    for ordinal in (0, 1, 2):
        cluster.waits(ordinal, "the datadir is UNKNOWN: .*keys. not found", action="hold")
    nobody_starts(cluster, 5)
    keys.with_name("away").rename(keys)

    cluster.recovers()
    assert cluster.all_bootstraps == 2


@full
@pytest.mark.D11
@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: a full disk; only root mounts one")
def test_a_full_disk_starts_nobody_and_is_cured_by_room(lab: Lab, tmp_path: Path) -> None:
    """The whole volume of one member is full at its start: neither its journal nor its server can write."""
    cluster = Cluster(lab, tmp_path / "acknowledged")
    lab.up(3)
    lab.wait_synced(3)
    cluster.write(200)
    cluster.power_cut()
    pod = lab.pod(1)
    with small_disk(pod.folders.volume, tmp_path / "image") as filler:
        fill_up(filler)
        lab.start_all()
        cluster.waits(0, "mysql-1")
        nobody_starts(cluster, 10)
        filler.unlink()

        cluster.recovers()
        lab.kill_everything()


@full
@pytest.mark.D11
@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: a full disk; only root mounts one")
@pytest.mark.parametrize(
    ("part", "megabytes", "says"),
    [
        ("meta", 1, r"the journal .* cannot be written"),
        ("data", 192, r"the datadir is UNKNOWN: .*the volume is full: make room"),
    ],
)
def test_a_part_of_the_volume_that_is_full_holds_and_is_cured_by_room(
    cluster: Cluster, tmp_path: Path, part: str, megabytes: int, says: str
) -> None:
    lab = cluster.lab
    cluster.power_cut()
    with small_disk(lab.pod(1).folders.volume / part, tmp_path / "image", megabytes) as filler:
        # A recovery that fails for want of room removes it, and has some then.
        filler.with_name("ibtmp1").unlink(missing_ok=True)
        fill_up(filler)
        lab.start_all()
        cluster.waits(1, says, action="hold")
        nobody_starts(cluster, 10)
        filler.unlink()

        cluster.recovers()
        lab.kill_everything()


def with_bad_disk(lab: Lab) -> faulty.BadDisk:
    """A cluster in which the disk of mysql-1 can fail."""
    try:
        disks = [faulty.BadDisk(lab.create(ordinal)) for ordinal in range(3)]
    except NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    for pod in lab.pods.values():
        give(pod, f"[mysqld]\n{faulty.SYNCHRONOUS}\n")
        pod.start()
    lab.wait_synced(3)
    return disks[1]


@full
@pytest.mark.D11
@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("meta/", r"the journal .*cannot be (read|written)"),
        ("data/grastate.dat", r"the datadir is UNKNOWN: cannot read .*: Input/output error; the disk"),
        ("data/ibdata1", r"the datadir is UNKNOWN: .*I/O error; the disk under the volume fails"),
    ],
)
def test_a_disk_that_cannot_be_read_holds_and_is_cured_by_a_good_one(
    lab: Lab, tmp_path: Path, part: str, says: str
) -> None:
    disk = with_bad_disk(lab)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    cluster.power_cut()
    disk.spoil(lab.pod(1).folders.volume / part)
    lab.start_all()
    cluster.waits(1, says, action="hold")
    nobody_starts(cluster, 10)
    disk.mend()

    cluster.recovers()
    assert cluster.all_bootstraps == 2


@full
@pytest.mark.D11
def test_a_disk_that_goes_bad_under_a_member_costs_the_others_nothing(lab: Lab, tmp_path: Path) -> None:
    disk = with_bad_disk(lab)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    with cluster.writer((0, 2)) as writer:
        disk.spoil(lab.pod(1).folders.volume)
        lab.wait("the others go on without mysql-1", lambda: cluster.primaries() == [0, 2])
        writer.wait_for(writer.count + 100)
        disk.mend()
        lab.wait_synced(3)

    cluster.recovers()
    assert cluster.all_bootstraps == 1


def fill_up(filler: Path) -> None:
    """Write until not even a small file has room beside it."""
    with filler.open("wb", buffering=0) as stream:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while stream.write(b"\0" * size):
                    pass
        os.fsync(stream.fileno())


@contextmanager
def small_disk(folder: Path, image: Path, megabytes: int = 192) -> Iterator[Path]:
    """What is in the folder, on a small disk of its own; where a file may fill it."""
    kept = folder.with_name("kept")
    folder.rename(kept)
    folder.mkdir()
    run(("truncate", f"--size={megabytes}M", image), check=True)
    run(("mkfs.ext4", "-q", "-m", "0", "-E", "root_owner", image), check=True)
    run(("mount", "-o", "loop", image, folder), check=True)
    try:
        run(("cp", "-a", f"{kept}/.", folder), check=True)
        yield folder / "filler"
    finally:
        run(("umount", "--lazy", folder), check=True)
        folder.rmdir()
        kept.rename(folder)
