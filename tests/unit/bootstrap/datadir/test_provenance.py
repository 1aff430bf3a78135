"""What shows the series of a server and of its system tables: notes that share the fate of what they are about."""

from pathlib import Path

import pytest

from bootstrap.core.model.disk import NO_VERSIONS, Versions
from bootstrap.datadir.provenance import NOTE, TABLES, note_tables, note_version, read_versions

OLD, NEW = "mariadbd  Ver 10.11.19-MariaDB for Linux", "mariadbd  Ver 11.8.9-MariaDB for Linux"


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    (tmp_path / "meta").mkdir()
    (tmp_path / "data" / "mysql").mkdir(parents=True)
    return tmp_path


def read(volume: Path) -> Versions:
    return read_versions(volume / "data", volume / "meta")


def test_nothing_is_known_of_a_volume_without_notes(volume: Path) -> None:
    assert read(volume) == NO_VERSIONS
    assert read_versions(volume / "no-data", volume / "no-meta") == NO_VERSIONS


def test_server_and_tables_have_notes_of_their_own(volume: Path) -> None:
    note_version(volume / "meta", NEW)
    assert read(volume) == Versions((11, 8), None)
    note_tables(volume / "data", OLD)
    assert read(volume) == Versions((11, 8), (10, 11))


def test_the_note_of_the_tables_is_in_their_folder_which_a_full_copy_replaces(volume: Path) -> None:
    note_tables(volume / "data", OLD)
    assert [path.name for path in (volume / "data" / "mysql").iterdir()] == [TABLES]
    (volume / "data" / "mysql").rename(volume / "elsewhere")
    assert read(volume) == NO_VERSIONS


def test_a_server_that_prints_no_version_leaves_no_note_behind(volume: Path) -> None:
    note_tables(volume / "data", OLD)
    note_tables(volume / "data", "")
    assert read(volume) == NO_VERSIONS


@pytest.mark.parametrize("text", ["", "no version\n", "\0\xff"])
def test_a_note_that_is_not_understood_shows_nothing(volume: Path, text: str) -> None:
    (volume / "meta" / NOTE).write_text(text, encoding="latin-1")
    (volume / "data" / "mysql" / TABLES).write_text(text, encoding="latin-1")
    assert read(volume) == NO_VERSIONS


def test_a_note_that_cannot_be_read_shows_nothing(volume: Path) -> None:
    (volume / "meta" / NOTE).mkdir()
    (volume / "data" / "mysql" / TABLES).mkdir()
    assert read(volume) == NO_VERSIONS
