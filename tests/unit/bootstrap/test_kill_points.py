"""Killed before each single change of the disk: what is left must be what it was, or what it was to become.

A child of this process does the work and ends by SIGKILL before its n-th change, for every n (sys.addaudithook tells of
each), so that no handler of ours tidies up.  Then the real code looks at the disk, as after a restart.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.core.model.disk import NIL_UUID, STARTABLE, DataClass, Disk, JournalHints, Position
from bootstrap.datadir import inspection, prepare
from bootstrap.errors import SettingInvalidError
from bootstrap.mariadb import initialise
from bootstrap.mariadb.accounts import Accounts
from bootstrap.mariadb.recover import Recover
from bootstrap.storage import atomic, permission
from bootstrap.storage.journal import Journal, new_memory
from bootstrap.storage.layout import Layout
from tests.support.bootstrap.kill_points import at_every_change, killed_before
from tests.support.bootstrap.records import A, B

POSITION = Position(A, 41)

SERVER = f"""\
#!/bin/sh
case " $* " in
*" --wsrep-recover "*) echo "[Note] WSREP: Recovered position: {POSITION}" >&2 ;;
*) echo "mariadbd  Ver 10.11.19-MariaDB" ;;
esac
"""


def volume(root: Path, *files_there: str, grastate: str | None, view: bool = True) -> Callable[[int], Path]:
    """Fresh volumes with a whole database and these files."""

    def make(number: int) -> Path:
        layout = Layout(root / str(number))
        (layout.data / "mysql").mkdir(parents=True)
        layout.meta.mkdir()
        names = ("ibdata1", "ib_logfile0", *files_there, *(("gvwstate.dat",) if view else ()))
        for name in names:
            (layout.data / name).write_text(name)
        if "sst_in_progress" in names:
            (layout.data / ".sst").mkdir()
        if grastate is not None:
            layout.grastate.write_text(grastate)
        program = layout.data_root / "mariadbd"
        program.write_text(SERVER)
        program.chmod(0o755)
        return layout.data_root

    return make


def state(uuid: str, seqno: int, safe: int = 0) -> str:
    return f"# GALERA saved state\nversion: 2.1\nuuid:    {uuid}\nseqno:   {seqno}\nsafe_to_bootstrap: {safe}\n"


def found(layout: Layout, *, joining: bool = False, base: Position | None = None, history: str = "") -> Disk:
    recover = Recover((str(layout.data_root / "mariadbd"),))
    hints = JournalHints(joining=joining, same_boot=True, base=base, history=history)
    return inspection.inspect(layout, recover, hints)


CRASHED = Disk(DataClass.CRASHED, POSITION)


@pytest.mark.parametrize("grastate", [state(A, -1), state(A, 40, safe=1)], ids=["killed", "killed in a backup"])
def test_a_join_that_is_killed_while_it_makes_ready_leaves_the_position(grastate: str, tmp_path: Path) -> None:
    def look(layout: Layout) -> None:
        disk = found(layout, joining=True)
        assert (disk.data_class, disk.position) == (DataClass.CRASHED, POSITION), disk

    make = volume(tmp_path, "wsrep_sst.pid", grastate=grastate)
    assert at_every_change(make, lambda layout: prepare.clean_for_join(layout, CRASHED), look) > 4


@pytest.mark.parametrize("grastate", [state(A, -1), state(NIL_UUID, -1, safe=1), None], ids=["uuid", "nil", "none"])
def test_what_a_torn_transfer_left_never_becomes_a_candidate(grastate: str | None, tmp_path: Path) -> None:
    """Also where the mark in the journal were closed: the files alone must tell."""

    def look(layout: Layout) -> None:
        assert found(layout, joining=True).data_class is DataClass.SST_INTERRUPTED
        assert found(layout).data_class is DataClass.SST_INTERRUPTED

    torn = Disk(DataClass.SST_INTERRUPTED)
    make = volume(tmp_path, "sst_in_progress", "wsrep_sst.pid", grastate=grastate)
    assert at_every_change(make, lambda layout: prepare.clean_for_join(layout, torn), look) > 6


@pytest.mark.parametrize(
    "grastate", [state(A, -1), state(NIL_UUID, -1), None], ids=["killed", "killed in a DDL", "lost grastate.dat"]
)
def test_a_winner_that_is_killed_while_it_makes_ready_is_still_the_winner(grastate: str | None, tmp_path: Path) -> None:
    def look(layout: Layout) -> None:
        disk = found(layout)
        assert disk.data_class in STARTABLE, disk
        assert disk.position == POSITION

    make = volume(tmp_path, "wsrep_sst.pid", grastate=grastate)
    assert at_every_change(make, lambda layout: prepare.prepare_bootstrap(layout, POSITION), look) > 3


def test_a_forced_start_that_is_killed_while_it_makes_ready_has_lost_nothing(tmp_path: Path) -> None:
    def look(layout: Layout) -> None:
        disk = found(layout, base=POSITION, history=B)
        assert disk.data_class in STARTABLE, disk
        assert disk.position == POSITION

    make = volume(tmp_path, "wsrep_sst.pid", grastate=state(A, 41, safe=1))
    assert at_every_change(make, lambda layout: prepare.prepare_fork(layout, B), look) > 3


@pytest.mark.parametrize("delete", [False, True])
def test_a_datadir_that_is_discarded_is_in_its_place_or_not(delete: bool, tmp_path: Path) -> None:
    def look(layout: Layout) -> None:
        if layout.data.exists():
            assert found(layout).position == POSITION
        else:
            assert found(layout).data_class is DataClass.EMPTY

    make = volume(tmp_path, grastate=state(A, -1))
    assert at_every_change(make, lambda layout: prepare.discard(layout, POSITION, delete=delete), look) > 0


PROGRAM = """\
#!/bin/sh
for word in "$@"; do case $word in --datadir=*) cd "${word#--datadir=}" ;; esac; done
if [ -d mysql ]; then cat >mysql/accounts; else mkdir mysql; echo half >ibdata1; fi
"""
"""Makes a database when it runs first, and accounts in it when it runs again."""


def test_a_first_database_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    program = tmp_path / "install"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    accounts = Accounts("root password", "agent password")

    def make(number: int) -> Path:
        root = tmp_path / str(number)
        root.mkdir()
        return root

    def look(layout: Layout) -> None:
        names = {path.name for path in layout.data.iterdir()} if layout.data.exists() else set[str]()
        assert names in (set(), {"ibdata1", "mysql"}), names
        assert not names or "root" in (layout.data / "mysql" / "accounts").read_text()

    def work(layout: Layout) -> None:
        if not layout.data.exists():
            initialise.create(layout, accounts, install_db=(str(program),), server=(str(program),))

    assert at_every_change(make, work, look) > 2


def test_a_journal_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    old, new = new_memory("cluster", "galera-0"), new_memory("cluster", "galera-0")

    def make(number: int) -> Path:
        root = tmp_path / str(number)
        root.mkdir()
        Journal(root / "meta").write(old)
        return root

    def look(layout: Layout) -> None:
        assert Journal(layout.meta).read() in (old, new)

    assert at_every_change(make, lambda layout: Journal(layout.meta).write(new), look) >= 2
    shutil.rmtree(tmp_path / "1" / "meta")
    assert Journal(tmp_path / "1" / "meta").read() is None


def test_a_permission_is_used_up_before_anything_else_happens(tmp_path: Path) -> None:
    """Whenever the starter is killed, either nothing was started, or the permission is gone."""
    path = tmp_path / "permission.json"
    started = tmp_path / "started"

    def work() -> None:
        permission.consume(path, 4)
        atomic.replace(started, b"the server")

    for count in range(1, 10):
        permission.write(path, 4)
        started.unlink(missing_ok=True)
        killed = killed_before(count, work)
        assert not (started.exists() and path.exists())
        if not killed:
            break
        if not path.exists():
            with pytest.raises(SettingInvalidError):
                permission.consume(path, 4)
    else:
        pytest.fail("it never came to an end")
