"""The words for restic; that it takes them, the tests with a real one show."""

from bootstrap.core.repository import restic
from bootstrap.core.repository.restic import Retention


def test_a_backup_has_the_time_of_its_name_and_its_tags() -> None:
    assert restic.send("db/mysql", "20261126T031700Z", ("a", "b")) == (
        *("backup", "--host=db/mysql", "--time=2026-11-26 03:17:00", "--force", "--tag=a", "--tag=b", "."),
    )


def test_a_piece_has_its_tags_and_is_sent_without_what_is_there_already() -> None:
    assert restic.send_piece("db/mysql", ("a", "b")) == ("backup", "--host=db/mysql", "--tag=a", "--tag=b", ".")


def test_only_the_named_snapshots_are_removed() -> None:
    assert restic.forget("id1", "id2") == ("forget", "id1", "id2")


def test_the_newest_always_stays_and_a_number_of_0_is_no_rule() -> None:
    assert restic.retain("db/mysql", Retention(7, 0, 12)) == (
        *("forget", "--host=db/mysql", "--tag=galera-bootstrap", "--group-by=host"),
        *("--keep-last=1", "--keep-daily=7", "--keep-monthly=12", "--prune"),
    )


def test_what_only_reads_takes_no_lock() -> None:
    reading = (restic.LIST, restic.list_files("x"), restic.read_file("x", "/y"), restic.fetch("x", "/y"))

    assert all("--no-lock" in words for words in reading)
