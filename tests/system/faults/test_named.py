"""The rarer faults, each with its name, as in `make fault D=D10`; docs/faults.md has the whole list."""

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
from tests.faults.halves import full, may_mount
from tests.lab import faulty
from tests.lab.lab import Lab
from tests.lab.layout import write_more_options
from tests.lab.oracle import judge
from tests.lab.pod import Pod
from tests.lab.small_disk import fill_up, mount_small_disk
from tests.lab.user import NotInstalledError, wrap_for_pod
from tests.lab.writer import read_record

pytestmark = pytest.mark.galera

STALL = 60.0
"""Seconds for which a candidate is paused."""

ALONE = 600.0
"""Seconds for which a member with old data is left alone: it must not start, even after such a long wait."""

NIL = "00000000-0000-0000-0000-000000000000"


@full
@pytest.mark.D2
@pytest.mark.parametrize("flush", ["0", "2"])
def test_with_a_relaxed_flush_the_most_advanced_disk_starts_and_all_are_equal(tmp_path: Path, flush: str) -> None:
    """Data in the kernel survive a SIGKILL; the data of up to a second that the server still has do not."""
    with Lab(env={"GALERA_BOOTSTRAP_FLUSH_LOG_AT_TRX_COMMIT": flush}) as lab:
        lab.up(3)
        lab.wait_synced(3)
        cluster = Cluster(lab, tmp_path / "acknowledged")
        cluster.write(200)
        safe = read_record(cluster.record)
        time.sleep(3)
        cluster.cut_power()
        acknowledged = read_record(cluster.record)
        lab.start_all()
        lab.wait_synced(3)

        assert judge(lab, safe).complaints == []
        verdict = judge(lab, acknowledged)
        lost = set(verdict.missing.values())
        assert len(lost) == 1, "all members have lost the same rows, or none"
        assert len(set(verdict.checksums.values())) == len(set(verdict.uuids.values())) == 1
        print(f"flush {flush}: {len(lost.pop())} of {len(acknowledged)} acknowledged rows are lost")


@full
@pytest.mark.D3
@pytest.mark.timeout(ALONE + 300)
def test_a_member_with_old_data_waits_alone_for_ten_minutes_and_names_the_missing_pods(cluster: Cluster) -> None:
    lab = cluster.lab
    lab.pod(0).stop()
    cluster.write(100, through=(1, 2))
    lab.kill_everything()
    lab.start_all((0,))
    cluster.wait_for_decision(0, r"mysql-1 \(unknown: .*mysql-2 \(unknown: ")
    cluster.assert_nobody_starts(ALONE)
    lab.start_all((1, 2))

    cluster.assert_recovers()
    assert cluster.count_bootstraps(0) == 1, "the first start, and no more"


@full
@pytest.mark.D6
def test_all_are_killed_in_a_ddl(cluster: Cluster) -> None:
    """During a DDL, grastate.dat has neither uuid nor seqno; only InnoDB has the position."""
    lab, database = cluster.lab, cluster.lab.layout.read_secret("database")
    table = f"{database}.large"
    rows = "SELECT seq, REPEAT('x', 200) AS text FROM seq_1_to_100000"
    lab.query(0, f"USE {database}", f"CREATE TABLE {table} AS {rows}", seconds=60)
    with keep_altering(cluster, f"ALTER TABLE {table} ENGINE=InnoDB, ALGORITHM=COPY"):
        lab.wait("all three are in a DDL", lambda: pause_in_ddl(cluster), seconds=120)
        lab.kill_everything()
    assert all(is_position_nil(cluster, ordinal) for ordinal in (0, 1, 2))
    lab.start_all()

    cluster.assert_recovers()


def pause_in_ddl(cluster: Cluster) -> bool:
    """Pause all servers; if not all are in a DDL, resume them and return False."""
    pods = list(cluster.lab.pods.values())
    for pod in pods:
        pod.pause("mysql")
    if all(is_position_nil(cluster, ordinal) for ordinal in (0, 1, 2)):
        return True
    for pod in pods:
        pod.resume("mysql")
    time.sleep(0.3)
    return False


def is_position_nil(cluster: Cluster, ordinal: int) -> bool:
    """Whether the member's grastate.dat has no position."""
    return NIL in (cluster.lab.pod(ordinal).folders.volume / "data" / "grastate.dat").read_text()


@contextmanager
def keep_altering(cluster: Cluster, statement: str) -> Iterator[None]:
    """Run the statement again and again until the end of the block."""
    over = threading.Event()

    def alter() -> None:
        while not over.is_set():
            with suppress(pymysql.Error, OSError):
                cluster.lab.query(0, statement, seconds=60)

    thread = threading.Thread(target=alter, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=90)


@full
@pytest.mark.D10
def test_no_other_pod_bootstraps_while_the_candidate_is_paused_between_promise_and_start(cluster: Cluster) -> None:
    lab = cluster.lab
    lab.pod(2).stop()
    cluster.write(50, through=(0, 1))
    before = cluster.count_bootstraps(0)
    lab.kill_everything()
    lab.start_all((1, 2))
    cluster.wait_for_decision(1, r"mysql-0 \(unknown")
    lab.start_all((0,))

    candidate = wait_for_promise(lab)
    lab.pod(candidate).pause()
    others = [k for k in (0, 1, 2) if k != candidate]
    counts = {k: cluster.count_bootstraps(k) for k in others}
    end = time.monotonic() + STALL
    while time.monotonic() < end:
        assert {k: cluster.count_bootstraps(k) for k in others} == counts
        assert not set(cluster.find_primaries()) & set(others)
        time.sleep(1)
    lab.pod(candidate).resume()

    cluster.assert_recovers()
    assert cluster.count_bootstraps(0) <= before + 1
    assert {k: cluster.count_bootstraps(k) for k in others} == counts


def wait_for_promise(lab: Lab) -> int:
    """Wait for a promise in the logs, which are faster than `status`; returns the candidate's ordinal."""

    def find_candidates() -> list[str]:
        logs = [pod.containers["agent"].log for pod in lab.pods.values()]
        return [
            found[1]
            for log in logs
            if log.exists()
            for found in re.finditer(r"term (?!1 )\d+ is promised to mysql-(\d)", log.read_text())
        ]

    lab.wait("a pod has given a promise", lambda: bool(find_candidates()), seconds=90)
    return int(find_candidates()[-1])


@full
@pytest.mark.D12
def test_clocks_an_hour_apart_change_nothing(lab: Lab, tmp_path: Path) -> None:
    """During the outage, each clock is set to another time."""
    for ordinal, hours in enumerate((-1, 0, 1)):
        pod = lab.create(ordinal)
        set_clock(pod, hours)
        pod.start()
    lab.wait_synced(3)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    times = [lab.query(ordinal, "SELECT UNIX_TIMESTAMP()")[0][0] for ordinal in (0, 1, 2)]
    assert times[2] - times[0] >= 7200 - 60
    cluster.cut_power()
    for ordinal, hours in enumerate((1, 2, -1)):
        set_clock(lab.pod(ordinal), hours)
    lab.start_all()

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 2


def set_clock(pod: Pod, hours: int) -> None:
    """Shift the pod's clock from its next start on."""
    try:
        faulty.shift_clock(pod, hours * 3600)
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


def start_with_options(lab: Lab, options: str) -> None:
    """Start three pods with more options; {data} is a pod's datadir, {work} a folder of the pod, {lab} the lab's."""
    for ordinal in range(3):
        pod = lab.create(ordinal)
        places = {"work": pod.folders.work, "data": pod.folders.volume / "data", "lab": lab.folder}
        write_more_options(pod, options.format(**places))
        pod.start()
    lab.wait_synced(3)


@full
@pytest.mark.D14
def test_positions_are_found_with_another_error_log_a_binlog_and_gtids(lab: Lab, tmp_path: Path) -> None:
    start_with_options(lab, OPTIONS)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    for _ in range(2):
        cluster.cut_power()
        lab.start_all()
        cluster.assert_recovers()
    assert cluster.all_bootstraps == 3


BINLOG = """\
[mysqld]
log_bin=binlog
log_slave_updates=ON
sync_binlog=1
# By default InnoDB would write its pending data after a second.
innodb_flush_log_at_timeout=600
"""


@full
@pytest.mark.D14
def test_no_server_starts_without_the_binary_log_that_prepared_transactions_need(lab: Lab, tmp_path: Path) -> None:
    """With a binlog, InnoDB may have only prepared an acknowledged commit; a start without the binlog rolls it back."""
    start_with_options(lab, BINLOG)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    with cluster.make_writer() as writer:
        # One more acknowledged row, and no later transaction that would sync it.
        writer.stop()
        cluster.acknowledge(0, 7)
        lab.kill_everything()
    kept, log = recover_copies(lab, tmp_path)
    assert "transactions in prepared state after recovery" in log
    for pod in lab.pods.values():
        write_more_options(pod, "")
    lab.start_all()
    for ordinal in (0, 1, 2):
        cluster.wait_for_decision(ordinal, r"had a binary log \(--log_bin=binlog\), which is now off", action="hold")
    cluster.assert_nobody_starts(10)
    for pod in lab.pods.values():
        write_more_options(pod, BINLOG)

    cluster.assert_recovers()
    assert lab.read_servers()[0] is not None
    assert kept["without"] < kept["with"] <= max(s.last_committed for s in lab.read_servers().values() if s)


def recover_copies(lab: Lab, folder: Path) -> tuple[dict[str, int], str]:
    """Recover copies of all datadirs with and without the binlog; returns the highest seqnos and the last log."""
    best, log = {}, ""
    for way, more in (("with", ()), ("without", ("--skip-log-bin",))):
        found = []
        for pod in lab.pods.values():
            data = folder / way / pod.name
            shutil.copytree(pod.folders.volume / "data", data)
            command = ("mariadbd", f"--defaults-file={pod.folders.config / 'my-galera.cnf'}", *more)
            options = ("--wsrep-recover", "--skip-networking", "--skip-log-error", f"--datadir={data}")
            done = run(wrap_for_pod((*command, *options)), capture_output=True, text=True, check=True, env=pod.env)
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
def test_encrypted_data_are_recovered_and_are_unknown_without_their_key(lab: Lab, tmp_path: Path) -> None:
    keys = lab.folder / "keys"
    keys.write_text(f"1;{secrets.token_hex(32)}\n")
    start_with_options(lab, ENCRYPTED)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    cluster.cut_power()
    pages = [(pod.folders.volume / "data/app/acknowledged.ibd").read_bytes() for pod in lab.pods.values()]
    assert not any(b"127.0." in page for page in pages), "each row contains an address, which must be encrypted"
    keys.rename(keys.with_name("away"))
    lab.start_all()
    for ordinal in (0, 1, 2):
        cluster.wait_for_decision(ordinal, "the datadir is UNKNOWN: .*keys. not found", action="hold")
    cluster.assert_nobody_starts(5)
    keys.with_name("away").rename(keys)

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 2


@full
@pytest.mark.D11
@may_mount
def test_no_pod_starts_while_a_disk_is_full_and_all_start_when_there_is_room(lab: Lab, tmp_path: Path) -> None:
    """The whole volume of one member is full when it starts: neither its journal nor its server can write."""
    cluster = Cluster(lab, tmp_path / "acknowledged")
    lab.up(3)
    lab.wait_synced(3)
    cluster.write(200)
    cluster.cut_power()
    pod = lab.pod(1)
    with mount_small_disk(pod.folders.volume, tmp_path / "image") as filler:
        fill_up(filler)
        lab.start_all()
        cluster.wait_for_decision(0, "mysql-1")
        cluster.assert_nobody_starts(10)
        filler.unlink()

        cluster.assert_recovers()
        lab.kill_everything()


@full
@pytest.mark.D11
@may_mount
@pytest.mark.parametrize(
    ("part", "megabytes", "reason"),
    [
        ("meta", 1, r"the journal .* cannot be written"),
        ("data", 192, r"the datadir is UNKNOWN: .*the volume is full: make room"),
    ],
)
def test_a_pod_holds_while_a_part_of_its_volume_is_full_and_goes_on_when_there_is_room(
    cluster: Cluster, tmp_path: Path, part: str, megabytes: int, reason: str
) -> None:
    lab = cluster.lab
    cluster.cut_power()
    with mount_small_disk(lab.pod(1).folders.volume / part, tmp_path / "image", megabytes) as filler:
        # A recovery that fails because the disk is full would remove this file, and would then have room.
        filler.with_name("ibtmp1").unlink(missing_ok=True)
        fill_up(filler)
        lab.start_all()
        cluster.wait_for_decision(1, reason, action="hold")
        cluster.assert_nobody_starts(10)
        filler.unlink()

        cluster.assert_recovers()
        lab.kill_everything()


def start_with_bad_disk(lab: Lab) -> faulty.BadDisk:
    """Start a cluster in which disks can fail; returns the disk of mysql-1."""
    try:
        disks = [faulty.BadDisk(lab.create(ordinal)) for ordinal in range(3)]
    except NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    for pod in lab.pods.values():
        write_more_options(pod, f"[mysqld]\n{faulty.SYNCHRONOUS}\n")
        pod.start()
    lab.wait_synced(3)
    return disks[1]


@full
@pytest.mark.D11
@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("meta/", r"the journal .*cannot be (read|written)"),
        ("data/grastate.dat", r"the datadir is UNKNOWN: cannot read .*: Input/output error; the disk"),
        ("data/ibdata1", r"the datadir is UNKNOWN: .*I/O error; the disk under the volume fails"),
    ],
)
def test_a_pod_holds_while_its_disk_cannot_be_read_and_goes_on_when_it_can(
    lab: Lab, tmp_path: Path, part: str, reason: str
) -> None:
    disk = start_with_bad_disk(lab)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    cluster.cut_power()
    disk.damage(lab.pod(1).folders.volume / part)
    lab.start_all()
    cluster.wait_for_decision(1, reason, action="hold")
    cluster.assert_nobody_starts(10)
    disk.repair()

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 2


@full
@pytest.mark.D11
def test_a_disk_that_fails_under_a_member_does_not_affect_the_others(lab: Lab, tmp_path: Path) -> None:
    disk = start_with_bad_disk(lab)
    cluster = Cluster(lab, tmp_path / "acknowledged")
    cluster.write(200)
    with cluster.make_writer((0, 2)) as writer:
        disk.damage(lab.pod(1).folders.volume)
        lab.wait("the others go on without mysql-1", lambda: cluster.find_primaries() == [0, 2])
        writer.wait_for(writer.count + 100)
        disk.repair()
        lab.wait_synced(3)

    cluster.assert_recovers()
    assert cluster.all_bootstraps == 1
