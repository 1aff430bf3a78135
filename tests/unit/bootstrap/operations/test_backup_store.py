"""A backup is whole, or is none."""

import json
from pathlib import Path

import pytest

from bootstrap.core.model.disk import NIL_UUID, DataClass, Disk, Position
from bootstrap.datadir import restore_marker
from bootstrap.datadir.restore_marker import Restored
from bootstrap.errors import BackupInvalidError, JournalInvalidError
from bootstrap.operations import backup_store

HISTORY = "6fe0d4fa-0000-11f1-b412-43c8a739f785"
OTHER = "ff3aea85-e6e3-11f1-b412-43c8a739f785"
THERE = Position(HISTORY, 512)
SERVER = "mariadbd  Ver 10.11.19-MariaDB for debian-linux-gnu on x86_64"


def make(root: Path, name: str, position: Position = THERE) -> backup_store.Backup:
    data = backup_store.begin(root, name)
    (data / "mysql").mkdir()
    (data / "ibdata1").write_bytes(b"pages")
    (data / "mysql" / "user.frm").write_bytes(b"")
    (data / "galera.cache").write_bytes(b"x" * 100)
    return backup_store.finish(data, backup_store.End(position), SERVER)


def test_what_was_finished_is_read_again(tmp_path: Path) -> None:
    made = make(tmp_path, "20261126T031700Z")

    assert backup_store.read(tmp_path, "latest") == made
    assert (made.name, made.position, made.server, made.size) == ("20261126T031700Z", THERE, SERVER, 5)
    assert made.files.keys() == {"ibdata1", "mysql/user.frm"}


def test_what_was_not_finished_is_no_backup_and_is_removed_by_the_next_one(tmp_path: Path) -> None:
    (backup_store.begin(tmp_path, "20261126T031700Z") / "ibdata1").touch()

    assert backup_store.list_names(tmp_path) == []
    with pytest.raises(BackupInvalidError, match="has no backup latest: there are none"):
        backup_store.read(tmp_path, "latest")
    make(tmp_path, "20261127T031700Z")
    assert [path.name for path in tmp_path.iterdir()] == ["20261127T031700Z"]


@pytest.mark.parametrize("position", [Position(NIL_UUID, 3), Position(HISTORY, -1)])
def test_data_without_a_position_are_no_backup(tmp_path: Path, position: Position) -> None:
    with pytest.raises(BackupInvalidError):
        make(tmp_path, "20261126T031700Z", position)
    assert backup_store.list_names(tmp_path) == []


def test_the_newest_ones_stay(tmp_path: Path) -> None:
    for day in (24, 25, 26):
        make(tmp_path, f"202611{day}T031700Z")
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "notes").touch()

    assert backup_store.prune(tmp_path, 2) == ["20261124T031700Z"]
    assert backup_store.prune(tmp_path, 2) == []
    assert backup_store.list_names(tmp_path) == ["20261125T031700Z", "20261126T031700Z"]
    assert (tmp_path / "notes").exists()


def test_a_copy_is_the_same(tmp_path: Path) -> None:
    made = make(tmp_path, "20261126T031700Z")
    backup_store.copy(made, tmp_path / "data.tmp")

    assert (tmp_path / "data.tmp" / "ibdata1").read_bytes() == b"pages"
    assert (tmp_path / "data.tmp" / "mysql" / "user.frm").exists()


@pytest.mark.parametrize("fault", ["changed", "shorter", "missing", "more"])
def test_what_is_not_as_it_was_made_is_not_copied_in_silence(tmp_path: Path, fault: str) -> None:
    made = make(tmp_path, "20261126T031700Z")
    match fault:
        case "changed":
            (made.data / "ibdata1").write_bytes(b"Pages")
        case "shorter":
            (made.data / "ibdata1").write_bytes(b"page")
        case "missing":
            (made.data / "mysql" / "user.frm").unlink()
        case "more":
            (made.data / "sst_in_progress").touch()

    with pytest.raises(BackupInvalidError, match="take another backup"):
        backup_store.copy(made, tmp_path / "data.tmp")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "other/v1"}', "null"])
def test_a_list_that_is_not_one_names_itself(tmp_path: Path, text: str) -> None:
    made = make(tmp_path, "20261126T031700Z")
    (made.folder / backup_store.LIST).write_text(text)

    with pytest.raises(BackupInvalidError, match=r"backup\.json cannot be understood"):
        backup_store.read(tmp_path, "latest")


def test_a_link_is_no_part_of_a_backup(tmp_path: Path) -> None:
    data = backup_store.begin(tmp_path, "20261126T031700Z")
    (data / "ibdata1").symlink_to("/etc/passwd")

    with pytest.raises(BackupInvalidError, match="neither a file nor a folder"):
        backup_store.finish(data, backup_store.End(THERE), SERVER)


def test_the_list_says_what_it_is(tmp_path: Path) -> None:
    content = json.loads((make(tmp_path, "20261126T031700Z").folder / backup_store.LIST).read_text())

    assert content["schema"] == "galera-bootstrap/backup/v1"
    assert (content["uuid"], content["seqno"]) == (HISTORY, 512)


CLEAN = Disk(DataClass.CLEAN, THERE, safe_to_bootstrap=True)


def test_restored_data_are_no_candidate_while_they_are_of_the_backups_history() -> None:
    seen = restore_marker.apply_marker(CLEAN, Restored("20261126T031700Z", THERE))

    assert (seen.data_class, seen.position) == (DataClass.RESTORED, THERE)
    assert "20261126T031700Z" in seen.detail


@pytest.mark.parametrize(
    ("disk", "mark"),
    [
        (CLEAN, None),
        (Disk(DataClass.CRASHED, Position(OTHER, 3)), Restored("20261126T031700Z", THERE)),
        (Disk(DataClass.EMPTY), Restored("20261126T031700Z", THERE)),
    ],
    ids=["nothing was restored", "they have a history of their own by now", "the restore was cut off"],
)
def test_and_are_what_they_are_otherwise(disk: Disk, mark: Restored | None) -> None:
    assert restore_marker.apply_marker(disk, mark) is disk


def test_the_mark_is_kept_and_forgotten(tmp_path: Path) -> None:
    mark = Restored("20261126T031700Z", THERE)
    assert restore_marker.read(tmp_path) is None
    restore_marker.write(tmp_path, mark)
    assert restore_marker.read(tmp_path) == mark
    restore_marker.forget(tmp_path)
    restore_marker.forget(tmp_path)
    assert restore_marker.read(tmp_path) is None


def test_a_damaged_mark_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / restore_marker.MARK).write_text("{")

    with pytest.raises(JournalInvalidError):
        restore_marker.read(tmp_path)
