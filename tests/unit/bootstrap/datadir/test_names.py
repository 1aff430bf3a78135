"""Databases that are called like files which mean something: they are neither taken for them nor removed."""

from pathlib import Path

import pytest

from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.datadir import prepare, provenance
from bootstrap.datadir.inspection import SST_REMAINS
from bootstrap.datadir.names import is_database, list_names
from bootstrap.operations import backup_store
from bootstrap.storage.layout import Layout
from tests.support.bootstrap.records import A
from tests.support.bootstrap.remains import Remains, inspect, mounted

NAMES = sorted({n for n in (*SST_REMAINS, *provenance.LEFT, *backup_store.NOT_KEPT, "undo001") if "." not in n})
"""Every name that means something, and that a database can have, too."""


def test_a_dot_shows_that_a_folder_is_no_database(volume: Path) -> None:
    for name in (".sst", "app", "a@002eb"):
        (volume / name).mkdir()
    (volume / "sst_in_progress").touch()
    found = {path.name for path in volume.iterdir() if is_database(path)}
    assert found == {"app", "a@002eb"}
    assert list_names(volume) == {".sst", "sst_in_progress"}
    assert list_names(volume / "none") == frozenset()


@pytest.mark.galera
@pytest.mark.parametrize("ending", ["clean", "killed"])
def test_they_change_nothing_in_the_class_of_a_datadir(volume: Path, left: Remains, ending: str) -> None:
    with mounted(volume, left["clean"]) as node:
        node.bootstrap()
        # The server refuses the name of a file that is there.
        names = [name for name in NAMES if not (node.layout.data / name).exists()]
        assert "sst_in_progress" in names
        for name in names:
            node.sql(f"CREATE DATABASE {name}")
            node.sql(f"CREATE TABLE {name}.t (id INT PRIMARY KEY)")
        (node.stop if ending == "clean" else node.kill)()
        (node.layout.meta / provenance.NOTE).unlink(missing_ok=True)
        disk = inspect(node)
        assert disk.data_class is (DataClass.CLEAN if ending == "clean" else DataClass.CRASHED), disk
        prepare.clean_for_join(node.layout, disk)
        assert all((node.layout.data / name / "t.ibd").is_file() for name in names)


def test_a_join_and_a_backup_keep_them(volume: Path, tmp_path: Path) -> None:
    layout, part = Layout(volume), backup_store.begin(tmp_path, "20261126T031700Z")
    for data in (layout.data, part):
        for name in NAMES:
            (data / name).mkdir(parents=True)
            (data / name / "t.ibd").write_text("a row")
    prepare.clean_for_join(layout, Disk(DataClass.SST_INTERRUPTED))
    made = backup_store.finish(part, backup_store.End(Position(A, 7)), "mariadbd")
    assert {path.name for path in layout.data.iterdir()} == {*NAMES, "grastate.dat"}
    assert sorted(made.files) == [f"{name}/t.ibd" for name in NAMES]
