"""Datadirs beside `data/`: a volume of another image is never taken for an empty one."""

from pathlib import Path

import pytest

from bootstrap.core.model.disk import DataClass, Disk, JournalHints
from bootstrap.datadir import inspection, places
from bootstrap.mariadb.recover import Recover
from bootstrap.storage.layout import Layout

NO_SERVER = Recover(("/nonexistent/mariadbd",))


def put(folder: Path) -> None:
    """What every datadir has."""
    (folder / "mysql").mkdir(parents=True)
    (folder / "ibdata1").touch()


def inspect(volume: Path, hints: JournalHints | None = None) -> Disk:
    return inspection.inspect(Layout(volume), NO_SERVER, hints or JournalHints())


def test_an_empty_volume_is_empty(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "meta").mkdir()
    assert inspect(tmp_path).data_class is DataClass.EMPTY


@pytest.mark.parametrize("place", [".", "mysql", "storage"])
def test_a_datadir_beside_an_empty_data_holds(tmp_path: Path, place: str) -> None:
    put(tmp_path / place)
    disk = inspect(tmp_path)
    assert disk.data_class is DataClass.UNKNOWN
    assert f"a datadir stands in {tmp_path / place}, and not in {tmp_path}/data" in disk.detail
    assert "galera-bootstrap relocate" in disk.detail


@pytest.mark.parametrize("sign", places.SIGNS)
def test_one_file_of_a_server_is_enough(tmp_path: Path, sign: str) -> None:
    (tmp_path / sign).touch()
    assert inspect(tmp_path).data_class is DataClass.UNKNOWN


def test_two_datadirs_hold(tmp_path: Path) -> None:
    put(tmp_path)
    put(tmp_path / "data")
    assert f"two datadirs are on this volume, {tmp_path}/data and {tmp_path}" in inspect(tmp_path).detail
    both = tmp_path / "volume"
    put(both / "a")
    put(both / "b")
    assert f"two datadirs are on this volume, {both}/a and {both}/b" in inspect(both).detail


@pytest.mark.parametrize("name", ["discarded-unknown", "data.tmp", "meta"])
def test_what_this_toolkit_put_there_is_no_other_datadir(tmp_path: Path, name: str) -> None:
    put(tmp_path / name)
    assert inspect(tmp_path).data_class is DataClass.EMPTY


@pytest.mark.parametrize(
    "hints", [JournalHints(was_synced=True), JournalHints(initialised=True), JournalHints(joining=True)]
)
def test_a_copy_that_a_human_left_on_a_member_s_volume_changes_nothing(tmp_path: Path, hints: JournalHints) -> None:
    put(tmp_path / "data.bak")
    assert inspect(tmp_path, hints).data_class is not DataClass.UNKNOWN


def test_a_move_that_has_not_ended_holds_whatever_the_journal_knows(tmp_path: Path) -> None:
    put(tmp_path / "data.moving")
    for hints in (JournalHints(), JournalHints(was_synced=True)):
        assert "a move of the datadir has not ended" in inspect(tmp_path, hints).detail
