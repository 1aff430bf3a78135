"""Damaged datadirs and hostile surroundings."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.core.galera import grastate
from bootstrap.core.galera.grastate import GraState
from bootstrap.core.model.disk import NIL_UUID, DataClass, JournalHints
from bootstrap.datadir import inspection
from bootstrap.errors import RecoverFailedError, ServerMissingError
from bootstrap.mariadb.recover import Recover
from bootstrap.storage import atomic
from bootstrap.storage.layout import Layout
from tests.paths import ROOT
from tests.support.bootstrap.remains import NO_SERVER, Remains, inspect, mounted

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: mounts and other users need root")


def test_an_empty_datadir_is_empty_and_nothing_is_made_in_it(volume: Path) -> None:
    layout = Layout(volume)
    assert inspection.inspect(layout, NO_SERVER, JournalHints()).data_class == DataClass.EMPTY
    (layout.data / "lost+found").mkdir(parents=True)
    assert inspection.inspect(layout, NO_SERVER, JournalHints()).data_class == DataClass.EMPTY
    assert [path.name for path in layout.data.iterdir()] == ["lost+found"]


def test_an_empty_datadir_with_a_joining_mark_is_interrupted(volume: Path) -> None:
    disk = inspection.inspect(Layout(volume), NO_SERVER, JournalHints(joining=True, same_boot=True))
    assert disk.data_class == DataClass.SST_INTERRUPTED


def test_a_volume_that_is_not_there_is_unknown(volume: Path) -> None:
    disk = inspection.inspect(Layout(volume / "no"), NO_SERVER, JournalHints())
    assert disk.data_class == DataClass.UNKNOWN
    assert "mount the volume" in disk.detail


@pytest.mark.parametrize(
    ("names", "expected", "detail"),
    [
        pytest.param(["ibdata1"], DataClass.UNKNOWN, "mysql is missing", id="tables without the system database"),
        pytest.param(["mysql"], DataClass.UNKNOWN, "ibdata1 is missing", id="no system tablespace"),
        pytest.param(["ib_logfile0"], DataClass.UNKNOWN, "there is ib_logfile0", id="only a redo log"),
        pytest.param([".sst"], DataClass.SST_INTERRUPTED, ".sst is left over", id="only what mariabackup received"),
        pytest.param(["ibdata1", "mysql", "sst_in_progress"], DataClass.SST_INTERRUPTED, "left over", id="a marker"),
        pytest.param(["wsrep_sst.pid"], DataClass.EMPTY, "no ibdata1", id="only a script's pid file"),
    ],
)
def test_what_is_left_of_a_database_is_classified_without_a_recovery(
    volume: Path, names: list[str], expected: DataClass, detail: str
) -> None:
    layout = Layout(volume)
    layout.data.mkdir()
    for name in names:
        (layout.data / name).touch()
    disk = inspection.inspect(layout, NO_SERVER, JournalHints())
    assert disk.data_class == expected
    assert detail in disk.detail


def test_a_grastate_without_a_database_is_unknown_unless_it_is_nil(volume: Path) -> None:
    layout = Layout(volume)
    layout.data.mkdir()
    atomic.replace(layout.grastate, grastate.render(GraState("ff3aea85-e6e3-11f1-b412-43c8a739f785", 5, False)))
    assert inspection.inspect(layout, NO_SERVER, JournalHints()).data_class == DataClass.UNKNOWN
    atomic.replace(layout.grastate, grastate.render(GraState(NIL_UUID, -1, True)))
    disk = inspection.inspect(layout, NO_SERVER, JournalHints())
    assert disk.data_class == DataClass.SST_INTERRUPTED


def test_a_disk_that_cannot_be_read_is_unknown_and_named(volume: Path) -> None:
    """The kernel answers a read of this file with EIO, as it does for a bad block."""
    layout = Layout(volume)
    (layout.data / "mysql").mkdir(parents=True)
    (layout.data / "ibdata1").touch()
    layout.grastate.symlink_to("/proc/self/mem")
    disk = inspection.inspect(layout, NO_SERVER, JournalHints())
    assert disk.data_class is DataClass.UNKNOWN
    assert f"cannot read {layout.data}: Input/output error" in disk.detail


def test_a_file_in_the_datadir_s_place_is_unknown(volume: Path) -> None:
    (volume / "data").touch()
    disk = inspection.inspect(Layout(volume), NO_SERVER, JournalHints())
    assert disk.data_class == DataClass.UNKNOWN
    assert "Not a directory" in disk.detail


def damage_redo(data: Path) -> None:
    with (data / "ib_logfile0").open("r+b") as file:
        file.write(bytes(40960))


@pytest.mark.galera
@pytest.mark.parametrize(
    ("damage", "detail"),
    [
        pytest.param(lambda d: (d / "ib_logfile0").unlink(), "ib_logfile0 was not found", id="no redo log"),
        pytest.param(
            lambda d: os.truncate(d / "ibdata1", 5 << 20), "ibdata1' is of a different size", id="torn ibdata1"
        ),
        pytest.param(damage_redo, "start once with the server version that wrote it", id="a redo log of no version"),
    ],
)
def test_a_database_that_cannot_be_recovered_is_unknown_with_the_cause(
    volume: Path, left: Remains, damage: Callable[[Path], None], detail: str
) -> None:
    with mounted(volume, left["crashed"]) as node:
        damage(node.layout.data)
        disk = inspect(node)
    assert disk.data_class == DataClass.UNKNOWN
    assert detail in disk.detail
    assert "\n" not in disk.detail


@pytest.mark.galera
def test_a_missing_server_is_an_error_and_no_class(volume: Path, left: Remains) -> None:
    with mounted(volume, left["clean"]) as node, pytest.raises(ServerMissingError, match="cannot run no-such-server"):
        inspection.inspect(node.layout, NO_SERVER, JournalHints())


@pytest.mark.galera
@pytest.mark.parametrize("value", ["/tmp/no/such/folder/x.log", "server.log", ""], ids=["bad", "relative", "default"])
def test_log_error_in_the_configuration_does_not_hide_the_position(volume: Path, left: Remains, value: str) -> None:
    with mounted(volume, left["clean"]) as node:
        node.extra = f"log_error={value}\nlog_warnings=0"
        assert inspect(node).data_class == DataClass.CLEAN


@pytest.mark.galera
@pytest.mark.parametrize(
    ("line", "detail"),
    [("wsrep_on=OFF", "must have wsrep_on"), ("wsrep_provider=none", "must have wsrep_on")],
    ids=["wsrep is off", "no provider"],
)
def test_a_configuration_without_galera_is_unknown_with_the_cure(
    volume: Path, left: Remains, line: str, detail: str
) -> None:
    with mounted(volume, left["clean"]) as node:
        node.extra = line
        disk = inspect(node)
    assert disk.data_class == DataClass.UNKNOWN
    assert detail in disk.detail


@pytest.mark.galera
def test_a_missing_configuration_is_unknown_and_named(volume: Path, left: Remains) -> None:
    with mounted(volume, left["clean"]) as node:
        recover = Recover(("mariadbd", "--defaults-file=/nonexistent.cnf"))
        disk = inspection.inspect(node.layout, recover, JournalHints())
    assert disk.data_class == DataClass.UNKNOWN
    assert "Could not open required defaults file: /nonexistent.cnf" in disk.detail


@pytest.mark.galera
@pytest.mark.parametrize(
    "extra", ["log_bin=binlog\nlog_slave_updates=ON\nwsrep_gtid_mode=ON\nserver_id=7"], ids=["binlog and GTIDs"]
)
def test_a_position_with_gtids_is_read(volume: Path, left: Remains, extra: str) -> None:
    with mounted(volume, left["clean"]) as node:
        node.extra = extra
        node.bootstrap(f"--wsrep_start_position={inspect(node).position}")
        node.sql("INSERT INTO app.big VALUES (-7, 'with a GTID')")
        node.kill()
        assert inspect(node).data_class == DataClass.CRASHED


@pytest.mark.galera
def test_a_live_server_is_unknown_and_stays_unharmed(volume: Path, left: Remains) -> None:
    with mounted(volume, left["clean"]) as node:
        node.bootstrap()
        disk = inspect(node)
        assert disk.data_class == DataClass.UNKNOWN
        assert "a server is running on this datadir" in disk.detail
        assert node.status("wsrep_local_state_comment") == "Synced"


@pytest.mark.galera
def test_a_recovery_is_killed_at_its_time_limit_and_leaves_no_process(volume: Path, left: Remains) -> None:
    with mounted(volume, left["clean"]) as node:
        slow = volume / "slow"
        # The check of its options, before the recovery, is not what takes long here.
        slow.write_text(
            f'#!/bin/sh\ncase "$*" in *--help*) exit 0;; esac\necho $$ > {volume}/slow.pid\nexec sleep 60\n'
        )
        slow.chmod(0o755)
        with pytest.raises(RecoverFailedError, match="took over"):
            Recover((str(slow),), timeout=1).run(node.layout.data)
    assert not Path(f"/proc/{(volume / 'slow.pid').read_text().strip()}").exists()


@ROOT_ONLY
@pytest.mark.galera
def test_a_read_only_volume_is_unknown_with_the_cure(volume: Path, left: Remains) -> None:
    with mounted(volume / "v", left["clean"]) as node:
        target = volume / "ro"
        target.mkdir()
        if subprocess.run(["mount", "--bind", str(node.folder), str(target)], check=False).returncode != 0:
            pytest.skip("NOT TESTED: bind mounts are not allowed here")
        try:
            subprocess.run(["mount", "-o", "remount,ro,bind", str(target)], check=True)
            disk = inspection.inspect(Layout(target), node.recover(), JournalHints())
        finally:
            subprocess.run(["umount", str(target)], check=True)
    assert disk.data_class == DataClass.UNKNOWN
    assert "make the volume writable" in disk.detail


@ROOT_ONLY
@pytest.mark.galera
@pytest.mark.parametrize("mode", [0o700, 0o755], ids=["unreadable", "unwritable"])
def test_a_datadir_of_another_user_is_unknown_with_the_cure(volume: Path, left: Remains, mode: int) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from bootstrap.datadir import inspection; from bootstrap.mariadb.recover import Recover\n"
        "os.setgid(12345); os.setuid(12345)\n"
        "recover = Recover(('mariadbd', f'--defaults-file={sys.argv[2]}'))\n"
        "print(inspection.inspect(inspection.Layout(Path(sys.argv[1])), recover, inspection.JournalHints()))"
    )
    with mounted(volume, left["clean"]) as node:
        node.layout.data.chmod(mode)
        node.layout.grastate.chmod(0o644)
        command = [sys.executable, "-c", code, str(volume), str(node.configure())]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "DataClass.UNKNOWN" in result.stdout, result.stderr
    assert "make the volume writable for uid 12345" in result.stdout
