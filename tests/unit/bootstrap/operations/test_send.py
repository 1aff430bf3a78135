"""A backup in an object storage is whole, or is none; whatever is in the way has its message and its exit code."""

import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.core.binlog.chain import Piece
from bootstrap.core.binlog.events import Gtid
from bootstrap.core.repository import pieces, restic
from bootstrap.operations import backup_store
from bootstrap.operations.repository import read_environment
from tests.support.authority import Authority
from tests.support.object_store import ObjectStore, object_store
from tests.support.restic import HISTORY, Job, ask, list_snapshots, make_backup, require_restic, run

NAMES = ("20261126T031700Z", "20261127T031700Z")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    require_restic()
    with object_store(tmp_path) as store:
        yield store


@pytest.fixture
def secret(store: ObjectStore, tmp_path: Path) -> Path:
    return store.write_secret(tmp_path / "secret")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one backup."""
    make_backup(tmp_path / "backups", NAMES[0], megabytes=24)
    return tmp_path / "backups"


def list_names(secret: Path) -> list[str]:
    tags = [one["tags"] for one in list_snapshots(secret)]
    return sorted(tag.removeprefix("backup=") for each in tags for tag in each if tag.startswith("backup="))


def test_a_backup_is_sent_and_fetched_with_every_file_as_it_was(root: Path, secret: Path, tmp_path: Path) -> None:
    made = backup_store.read(root, "latest")
    code, log = run(tmp_path, secret, "send", f"--from={root}")

    assert (code, f"backup {made.name} is sent as" in log) == (0, True), log
    (one,) = list_snapshots(secret)
    assert one["hostname"] == "db/mysql"
    assert one["time"] == "2026-11-26T03:17:00Z"
    assert set(one["tags"]) == {
        "galera-bootstrap", f"backup={made.name}", f"position={made.position}", "series=10.11",
    }  # fmt: skip
    (tmp_path / "there").mkdir()
    code, log = run(tmp_path, secret, "fetch", f"--to={tmp_path / 'there'}")
    assert code == 0, log
    assert backup_store.read(tmp_path / "there", "latest").files == made.files
    assert [path.name for path in (tmp_path / "there").iterdir()] == [made.name]
    # Neither password nor keys are shown.
    for file in ("password", "AWS_SECRET_ACCESS_KEY"):
        assert (secret / file).read_text().strip() not in log


def test_the_same_backup_is_sent_once(root: Path, secret: Path, tmp_path: Path) -> None:
    for _ in range(2):
        code, log = run(tmp_path, secret, "send", f"--from={root}")
        assert code == 0, log

    assert "is in the repository already" in log
    assert list_names(secret) == [NAMES[0]]


def test_a_wrong_password_makes_nothing_and_is_named(root: Path, secret: Path, tmp_path: Path) -> None:
    run(tmp_path, secret, "send", f"--from={root}")
    (secret / "password").write_text("another")
    code, log = run(tmp_path, secret, "send", f"--from={root}")

    assert (code, "wrong password or no key found; compare the password" in log) == (27, True), log


def test_an_unknown_key_of_the_storage_never_makes_a_second_repository(
    store: ObjectStore, root: Path, secret: Path, tmp_path: Path
) -> None:
    """restic 0.14 reports it like a missing repository."""
    (secret / "AWS_ACCESS_KEY_ID").write_text("another")
    began = time.monotonic()
    code, log = run(tmp_path, secret, "send", f"--from={root}")

    assert (code, "The AWS Access Key Id you provided does not exist" in log) == (27, True), log
    assert "a new one is made" not in log
    assert time.monotonic() - began < 60
    assert store.gate.uploaded == 0


@pytest.mark.parametrize(
    ("place", "code", "text"),
    [
        ("s3:http://127.0.0.1:9/backups/galera", 28, "connection refused"),
        ("s3:http://storage.invalid/backups/galera", 28, "no such host|server misbehaving"),
        ("nonsense:backups", 27, "invalid backend"),
    ],
)
def test_a_storage_that_is_not_there_is_named(  # noqa: PLR0917
    root: Path, secret: Path, tmp_path: Path, place: str, code: int, text: str
) -> None:
    (secret / "repository").write_text(place)
    found, log = run(tmp_path, secret, "send", f"--from={root}", "--wait-for-answer=6")

    assert found == code, log
    assert any(one in log for one in text.split("|")), log


def test_a_storage_that_never_answers_is_given_up(store: ObjectStore, root: Path, secret: Path, tmp_path: Path) -> None:
    store.gate.is_silent = True
    code, log = run(tmp_path, secret, "send", f"--from={root}", "--wait-for-answer=6")

    assert (code, "no answer, timeout after" in log) == (28, True), log


def test_nothing_is_fetched_from_a_repository_that_is_not_there_and_none_is_made(
    store: ObjectStore, secret: Path, tmp_path: Path
) -> None:
    code, log = run(tmp_path, secret, "fetch", f"--to={tmp_path}")

    assert (code, "there is no repository: " in log) == (27, True), log
    assert store.gate.uploaded == 0


def test_a_full_bucket_is_reported_at_once_and_the_backups_before_stay(
    store: ObjectStore, root: Path, secret: Path, tmp_path: Path
) -> None:
    assert run(tmp_path, secret, "send", f"--from={root}")[0] == 0
    make_backup(root, NAMES[1], megabytes=24)
    store.gate.room = 5_000_000
    began = time.monotonic()
    code, log = run(tmp_path, secret, "send", f"--from={root}")

    assert (code, "The quota of this bucket is exceeded" in log, "raise the quota" in log) == (29, True, True), log
    assert time.monotonic() - began < 60
    assert list_names(secret) == [NAMES[0]]
    store.gate.room = None
    (tmp_path / "there").mkdir()
    assert run(tmp_path, secret, "fetch", f"--to={tmp_path / 'there'}")[0] == 0
    # With room again, the next job goes on.
    code, log = run(tmp_path, secret, "send", f"--from={root}")
    assert (code, list_names(secret)) == (0, list(NAMES)), log
    ask(secret, "check", "--read-data")


def test_a_cut_upload_goes_on_when_the_network_is_back(
    store: ObjectStore, root: Path, secret: Path, tmp_path: Path
) -> None:
    store.gate.cut_after = 9_000_000
    job = Job(tmp_path, secret, "send", f"--from={root}")
    await_text(job, "returned error, retrying after")
    store.gate.cut_after = None
    code, log = job.wait()

    assert (code, list_names(secret)) == (0, [NAMES[0]]), log
    ask(secret, "check", "--read-data")


def test_a_job_killed_in_the_middle_leaves_no_backup_and_the_next_one_goes_on(
    store: ObjectStore, root: Path, secret: Path, tmp_path: Path
) -> None:
    assert run(tmp_path, secret, "send", f"--from={root}")[0] == 0
    make_backup(root, NAMES[1], megabytes=24)
    store.gate.cut_after = 9_000_000
    for _ in range(2):
        job = Job(tmp_path, secret, "send", f"--from={root}")
        await_text(job, "returned error, retrying after")
        job.kill()
        job.log.unlink()
    store.gate.cut_after = None

    assert list_names(secret) == [NAMES[0]]
    code, log = run(tmp_path, secret, "send", f"--from={root}")
    assert (code, list_names(secret)) == (0, list(NAMES)), log
    ask(secret, "check", "--read-data")


def test_two_jobs_of_two_folders_at_once_both_end_well(root: Path, secret: Path, tmp_path: Path) -> None:
    make_backup(tmp_path / "others", NAMES[1], megabytes=24)
    (tmp_path / "second").mkdir()
    assert run(tmp_path, secret, "send", f"--from={root}", "--cluster=db/first")[0] == 0
    one = Job(tmp_path, secret, "send", f"--from={root}")
    two = Job(tmp_path / "second", secret, "send", f"--from={tmp_path / 'others'}")

    ends = [one.wait(), two.wait()]
    assert [code for code, _ in ends] == [0, 0], ends
    assert list_names(secret) == [NAMES[0], *NAMES]
    ask(secret, "check", "--read-data")


def test_the_second_job_of_one_folder_ends_at_once(
    root: Path, secret: Path, store: ObjectStore, tmp_path: Path
) -> None:
    store.gate.cut_after = 9_000_000
    first = Job(tmp_path, secret, "send", f"--from={root}")
    await_text(first, "returned error, retrying after")
    (tmp_path / "second").mkdir()
    code, log = run(tmp_path / "second", secret, "send", f"--from={root}")
    store.gate.cut_after = None

    assert (code, "another backup is being made here" in log) == (23, True), log
    assert first.wait()[0] == 0


def test_a_storage_with_a_certificate_of_its_own_needs_the_authority_in_the_secret(root: Path, tmp_path: Path) -> None:
    require_restic()
    authority = Authority(tmp_path / "tls")
    authority.sign("storage", "storage", hosts=("IP:127.0.0.1",))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.certificate("storage"), authority.key("storage"))
    with object_store(tmp_path, tls=context) as store:
        secret = store.write_secret(tmp_path / "secret")
        code, log = run(tmp_path, secret, "send", f"--from={root}", "--wait-for-answer=10")
        assert (code, "certificate signed by unknown authority" in log) == (28, True), log
        (secret / "ca.crt").write_bytes(authority.certificate("ca").read_bytes())
        code, log = run(tmp_path, secret, "send", f"--from={root}")
        assert (code, "is sent as" in log) == (0, True), log


def test_a_lock_of_a_living_job_elsewhere_is_waited_for_and_named(
    root: Path, secret: Path, store: ObjectStore, tmp_path: Path
) -> None:
    """A prune on another machine: its host is another one, so nothing here can tell whether it lives."""
    assert run(tmp_path, secret, "send", f"--from={root}", "--cluster=db/other")[0] == 0
    lock_elsewhere(secret, store)
    code, log = run(tmp_path, secret, "send", f"--from={root}", "--wait-for-lock=1")

    assert code == 30, log
    assert "waiting for another job: " in log
    assert "on elsewhere by" in log
    assert "the lock of a killed job counts for half an hour" in log
    # What is there can be restored meanwhile.
    (tmp_path / "there").mkdir()
    code, log = run(tmp_path, secret, "fetch", f"--to={tmp_path / 'there'}", "--cluster=db/other")
    assert code == 0, log


def test_a_snapshot_that_lacks_a_file_is_no_backup_and_is_sent_again(root: Path, secret: Path, tmp_path: Path) -> None:
    assert run(tmp_path, secret, "send", f"--from={root}")[0] == 0
    (one,) = list_snapshots(secret)
    tags = [f"--tag={tag}" for tag in one["tags"]]
    folder = root / NAMES[0]
    ask(secret, "forget", one["id"])
    ask(secret, "backup", "--host=db/mysql", "--time=2026-11-26 03:17:00", *tags, str(folder / "backup.json"))
    code, log = run(tmp_path, secret, "send", f"--from={root}")

    assert (code, "and is no backup: it is removed from the repository" in log) == (0, True), log
    (tmp_path / "there").mkdir()
    assert run(tmp_path, secret, "fetch", f"--to={tmp_path / 'there'}")[0] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can make a file that its own programs cannot read")
def test_a_file_that_cannot_be_read_leaves_no_backup(root: Path, secret: Path, tmp_path: Path) -> None:
    """What restic does with a bad sector: it goes on, and writes a snapshot without the file."""
    path = root / NAMES[0] / "data" / "ibdata1"
    path.unlink()
    code, log = run(tmp_path, secret, "send", f"--from={root}")

    assert code == 23, log
    assert list_names(secret) == []


def test_old_backups_are_removed_and_the_newest_of_each_cluster_stays(secret: Path, tmp_path: Path) -> None:
    for day in (20, 21, 22):
        make_backup(tmp_path / "backups", f"202611{day}T031700Z")
        options = ("--keep-daily=2", "--keep-weekly=0", "--keep-monthly=0")
        code, log = run(tmp_path, secret, "send", f"--from={tmp_path / 'backups'}", *options)
        assert code == 0, log
        code, log_of_other = run(
            tmp_path, secret, "send", f"--from={tmp_path / 'backups'}", "--cluster=db/other", "--keep-daily=0",
            "--keep-weekly=0", "--keep-monthly=0",
        )  # fmt: skip
        assert code == 0, log_of_other

    assert "backup 20261120T031700Z is removed from the repository" in log
    assert list_names(secret) == ["20261121T031700Z", "20261122T031700Z", "20261122T031700Z"]
    ask(secret, "check", "--read-data")


def test_a_backup_that_is_not_there_is_named_with_those_that_are(root: Path, secret: Path, tmp_path: Path) -> None:
    run(tmp_path, secret, "send", f"--from={root}")
    code, log = run(tmp_path, secret, "fetch", f"--to={tmp_path}", "--name=20251126T031700Z")
    assert (code, f"no backup 20251126T031700Z of db/mysql: there are {NAMES[0]}" in log) == (24, True), log
    code, log = run(tmp_path, secret, "fetch", f"--to={tmp_path}", "--cluster=try/mysql")
    assert (code, "no backup of try/mysql: there are those of db/mysql; name one" in log) == (24, True), log


def test_a_secret_without_its_keys_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, log = run(tmp_path, tmp_path / "empty", "send", f"--from={root}")

    assert (code, "lacks repository and password" in log) == (15, True), log


def await_text(job: Job, text: str) -> None:
    end = time.monotonic() + 90
    while text not in job.read_log():
        assert job.process.poll() is None, job.read_log()
        assert time.monotonic() < end, job.read_log()
        time.sleep(0.05)


def lock_elsewhere(secret: Path, store: ObjectStore) -> None:
    """Leave the exclusive lock of a restic that was killed on a machine with another name."""
    store.gate.falls_silent_at_lock = True
    words = ("unshare", "--uts", "--map-root-user", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh")
    held = subprocess.Popen((*words, "restic", "--no-cache", "prune"), env=read_environment(secret))
    end = time.monotonic() + 60
    while not store.gate.is_silent:
        assert held.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    held.kill()
    held.wait()
    store.gate.falls_silent_at_lock = store.gate.is_silent = False


def test_pieces_of_the_log_go_with_the_backups_that_they_follow(secret: Path, tmp_path: Path) -> None:
    root, history = tmp_path / "backups", HISTORY
    made = make_backup(root, NAMES[1], gtid=Gtid(7, 100, 100))
    code, log = run(tmp_path, secret, "send", f"--from={root}")
    assert code == 0, log
    assert {f"gtid={made.gtid}", f"taken={made.taken}"} < set(list_snapshots(secret)[0]["tags"])
    (tmp_path / "piece").mkdir()
    for name, after, last, of in (
        *(("old", 50, 90, history), ("needed", 90, 150, history), ("inside", 95, 120, history)),
        *(("given up", 10, 990, "another"), ("newest", 150, 160, history)),
    ):
        (tmp_path / "piece" / "content").write_text(name)
        one = Piece(
            "", "db/mysql", NAMES[1], of, Gtid(7, 100, after), Gtid(7, 100, last), f"20261128T0000{last % 60:02}Z"
        )
        words = restic.send_piece("db/mysql", pieces.make_tags(one, "10.11"))
        subprocess.run(
            ("restic", "--no-cache", *words), env=read_environment(secret), cwd=tmp_path / "piece", check=True
        )
    code, log = run(tmp_path, secret, "send", f"--from={root}")

    assert code == 0, log
    assert "pieces of the log are removed: 2 before the oldest backup, 1 that others contain" in log
    left = pieces.parse(ask(secret, "snapshots"))
    assert {(one.after.seqno, one.last.seqno) for one in left} == {(90, 150), (150, 160)}
    assert list_names(secret) == [NAMES[1]]
