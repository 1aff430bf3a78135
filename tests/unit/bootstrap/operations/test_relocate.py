"""A datadir that stands elsewhere on a volume is brought to `data/` whole, or back; whatever kills the move."""

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.core.model.disk import DataClass, JournalHints
from bootstrap.datadir import inspection
from bootstrap.errors import RelocationRefusedError, VolumeBusyError
from bootstrap.mariadb.recover import Recover
from bootstrap.operations.relocate import bring_in, give_back
from bootstrap.storage import lock
from bootstrap.storage.journal import Journal, new_memory
from bootstrap.storage.layout import Layout
from tests.support.bootstrap import servers
from tests.support.bootstrap.kill_points import at_every_change

NO_SERVER = Recover(("/nonexistent/mariadbd",))

NAMES = ("aria_log_control", "galera.cache", "grastate.dat", "ib_logfile0", "ibdata1", "mysql-bin.index", ".hidden")


def put(folder: Path) -> None:
    """A datadir, each file with its name in it."""
    for path in (*NAMES, "mysql/db.opt", "mysql/global_priv.MAD", "shop/t.ibd"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)


def content(folder: Path) -> dict[str, str]:
    """What is in a datadir."""
    own = ("data", "data.moving", "meta", "lost+found")
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = {str(path.relative_to(folder)): path.read_bytes().decode("latin-1") for path in files}
    return {name: text for name, text in found.items() if name.partition("/")[0] not in own}


WHOLE = {name: name for name in (*NAMES, "mysql/db.opt", "mysql/global_priv.MAD", "shop/t.ibd")}


@pytest.fixture(params=[".", "mysql", "storage"])
def place(request: pytest.FixtureRequest) -> str:
    """Where the datadir stands."""
    return str(request.param)


@pytest.fixture
def log() -> list[str]:
    return []


def make(root: Path, place: str) -> Callable[[int], Path]:
    def fresh(number: int) -> Path:
        volume = root / str(number)
        put(volume / place)
        (volume / "lost+found").mkdir()
        return volume

    return fresh


def test_it_is_brought_in_and_put_back(tmp_path: Path, place: str, log: list[str]) -> None:
    layout = Layout(make(tmp_path, place)(1))
    layout.data.mkdir()  # empty: a pod that tried to join made it
    bring_in(layout, log.append)
    assert content(layout.data) == WHOLE
    assert {path.name for path in layout.data_root.iterdir()} == {"data", "meta", "lost+found"}
    bring_in(layout, log.append)
    assert log[-1] == f"nothing to do: the datadir is {layout.data}"

    give_back(layout, log.append)
    assert content(layout.data_root / place) == WHOLE
    assert not layout.data.exists()
    bring_in(layout, log.append)
    assert content(layout.data) == WHOLE


def test_a_kill_at_any_point_leaves_data_whole_or_absent_and_is_finished_by_the_next_run(
    tmp_path: Path, place: str
) -> None:
    def look(layout: Layout) -> None:
        scattered = {**content(layout.data_root / place), **content(layout.moving), **content(layout.data)}
        assert scattered == WHOLE
        assert not layout.data.exists() or content(layout.data) == WHOLE or not any(layout.data.iterdir())
        assert hold(layout) or content(layout.data) == WHOLE

    changes = at_every_change(make(tmp_path, place), lambda layout: bring_in(layout, ignore), look)
    assert changes >= (len(NAMES) + 5 if place == "." else 4)


def test_the_way_back_may_be_killed_too_and_finished_in_either_direction(tmp_path: Path, place: str) -> None:
    def brought(number: int) -> Path:
        layout = Layout(make(tmp_path, place)(number))
        bring_in(layout, ignore)
        return layout.data_root

    def there_and_back(layout: Layout) -> None:
        if layout.data.exists() or layout.moving.exists():
            give_back(layout, ignore)

    def look(layout: Layout) -> None:
        scattered = {**content(layout.data_root / place), **content(layout.moving), **content(layout.data)}
        assert scattered == WHOLE
        if layout.moving.exists():
            assert hold(layout)
            bring_in(layout, ignore)
            assert content(layout.data) == WHOLE

    assert at_every_change(brought, there_and_back, look) >= 1


def ignore(line: str) -> None:
    """No log."""


def hold(layout: Layout) -> bool:
    """Whether no server would be started on this volume, and none would be made on it."""
    return inspection.inspect(layout, NO_SERVER, JournalHints()).data_class is DataClass.UNKNOWN


def refused(layout: Layout, work: Callable[[Layout, Callable[[str], None]], None] = bring_in) -> str:
    """Why the move is refused; it has changed nothing."""
    before = content(layout.data_root)
    with pytest.raises(RelocationRefusedError) as error:
        work(layout, ignore)
    assert content(layout.data_root) == before
    return str(error.value)


def test_two_datadirs_are_not_chosen_from(tmp_path: Path) -> None:
    put(tmp_path)
    put(tmp_path / "data")
    assert refused(Layout(tmp_path)).startswith(f"two datadirs are on this volume, {tmp_path}/data and {tmp_path}")


def test_half_a_datadir_is_not_moved(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "ibdata1").unlink()
    assert "ibdata1 is missing" in refused(Layout(tmp_path))


def test_a_database_with_the_name_of_a_folder_of_ours_is_left_alone(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "db.opt").touch()
    assert "a database is called meta" in refused(Layout(tmp_path))
    assert not (tmp_path / "meta" / "lock").exists()


def test_links_are_left_to_a_human(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "big").symlink_to("../elsewhere")
    assert "big is a link" in refused(Layout(tmp_path))
    assert not (tmp_path / "data.moving").exists()


def test_what_an_old_server_made_at_the_root_meanwhile_is_not_mixed_in(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "data.moving").mkdir()
    (tmp_path / "data.moving" / "ibdata1").write_text("the old one")
    assert "ibdata1 is there already" in refused(Layout(tmp_path))


def test_a_volume_without_a_datadir_is_left_as_it_is(tmp_path: Path, log: list[str]) -> None:
    bring_in(Layout(tmp_path), log.append)
    assert log == ["nothing to do: there is no datadir on this volume"]


def test_a_copy_on_the_volume_of_a_member_is_no_datadir_that_is_meant(tmp_path: Path, log: list[str]) -> None:
    put(tmp_path / "data.bak")
    layout = Layout(tmp_path)
    layout.meta.mkdir()
    Journal(layout.meta).write(replace(new_memory("c", "galera-0"), initialised=True))
    bring_in(layout, log.append)
    assert log == [
        f"nothing to do: this volume was a member before, and {tmp_path}/data.bak is a copy that was put there"
    ]


def test_without_a_note_nothing_is_put_anywhere(tmp_path: Path) -> None:
    put(tmp_path / "data")
    assert "were not brought into" in refused(Layout(tmp_path), give_back)


def test_under_an_agent_nothing_is_put_back(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    put(tmp_path)
    bring_in(layout, ignore)
    held = lock.acquire(layout.agent_lock)
    try:
        assert "an agent runs" in refused(layout, give_back)
    finally:
        os.close(held)


@contextlib.contextmanager
def another_process(path: Path) -> Iterator[None]:
    """A process that has locked a file as a server does."""
    code = "import fcntl, sys; f = open(sys.argv[1], 'rb+'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


@pytest.mark.parametrize("name", ["ibdata1", "aria_log_control"])
def test_a_file_that_a_server_has_locked_is_seen(tmp_path: Path, name: str) -> None:
    put(tmp_path)
    with another_process(tmp_path / name):
        assert f"a server has {tmp_path / name} open" in refused(Layout(tmp_path))


def test_a_held_lock_of_the_volume_is_seen(tmp_path: Path) -> None:
    put(tmp_path)
    layout = Layout(tmp_path)
    layout.meta.mkdir()
    with layout.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(VolumeBusyError):
            bring_in(layout, ignore)


@pytest.mark.galera
def test_a_real_server_on_its_datadir_is_seen_and_after_it_the_move_is_made() -> None:
    with servers.node(servers.workspace(), 5, data=servers.seed() / "data") as node:
        node.bootstrap()
        layout = Layout(node.layout.data)
        with pytest.raises(RelocationRefusedError, match=r"a server has .*/ibdata1 open"):
            bring_in(layout, ignore)
        node.stop()
        bring_in(layout, ignore)
        assert (layout.data / "ibdata1").is_file()


@pytest.mark.galera
@pytest.mark.parametrize("left", [("mysql", "ib_logfile0"), ("ib_logfile0",)])
def test_the_old_image_neither_starts_nor_makes_a_database_on_what_a_killed_move_left(left: tuple[str, ...]) -> None:
    """It makes one where there is no mysql/, as its entrypoint does."""
    root = servers.workspace()
    volume = servers.copy(servers.seed() / "data", root).data
    elsewhere = root / "elsewhere"
    elsewhere.mkdir()
    for path in [path for path in volume.iterdir() if path.name not in left]:
        path.rename(elsewhere / path.name)
    user = () if servers.login() is None else (f"--user={servers.login()}",)
    command: tuple[str, ...] = ("mariadb-install-db", "--no-defaults", "--force", f"--datadir={volume}")
    if "mysql" in left:
        command = ("mariadbd", "--no-defaults", f"--datadir={volume}", f"--socket={root}/sock", "--skip-networking")
    done = subprocess.run((*command, *user), capture_output=True, check=False, timeout=60)
    assert done.returncode != 0, done.stderr.decode()
    assert not (volume / "ibdata1").exists()
