"""Every class of a datadir, on datadirs that real servers left behind."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
import pytest

from bootstrap.core.galera import grastate
from bootstrap.core.galera.grastate import GraState
from bootstrap.core.model.disk import NIL_UUID, DataClass, Disk, JournalHints, Position
from bootstrap.datadir import inspection, prepare, provenance
from bootstrap.errors import RecoverFailedError, ServerMissingError
from bootstrap.mariadb.recover import Recover
from bootstrap.storage import atomic
from bootstrap.storage.layout import Layout
from tests.paths import ROOT
from tests.support.bootstrap import servers
from tests.support.bootstrap.servers import Node

NO_SERVER = Recover(("no-such-server",))
"""Where the class must be found without a recovery."""
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: mounts and other users need root")


class Left:
    """The datadirs that one story of real servers left, each made when first asked for."""

    def __init__(self) -> None:
        self.root = servers.workspace()
        self.made: dict[str, Path] = {}

    def __getitem__(self, name: str) -> Path:
        if name not in self.made:
            folder = self.root / name
            folder.mkdir()
            make: Callable[[Path], Path] = getattr(self, name)
            self.made[name] = make(folder)
        return self.made[name]

    def crashed(self, folder: Path) -> Path:
        """Killed while running, with a table of 12 MB."""
        with servers.node(folder, 1, data=servers.seed() / "data") as node:
            node.bootstrap()
            node.sql("CREATE TABLE app.big (id INT PRIMARY KEY, t VARCHAR(2000))")
            with node.connect() as connection, connection.cursor() as cursor:
                cursor.execute("USE app")
                cursor.execute("INSERT INTO big SELECT seq, REPEAT('x', 1500) FROM seq_1_to_8000")
            node.kill()
        return node.layout.data

    def clean(self, folder: Path) -> Path:
        """Started again at its position, and stopped cleanly."""
        with servers.node(folder, 1, data=self["crashed"]) as node:
            disk = inspect(node)
            assert disk.position
            node.bootstrap(f"--wsrep_start_position={disk.position}")
            node.sql("INSERT INTO app.big VALUES (0, 'one more')")
            node.stop()
        return node.layout.data

    def ddl_crash(self, folder: Path) -> Path:
        """Killed inside an ALTER TABLE."""
        with servers.node(folder, 1, data=self["clean"]) as node:
            node.bootstrap()
            ended: list[str] = []

            def alter() -> None:
                try:
                    node.sql("ALTER TABLE app.big ADD COLUMN c INT DEFAULT 1, FORCE, ALGORITHM=COPY")
                    ended.append("done")
                except pymysql.Error:
                    ended.append("lost")

            thread = threading.Thread(target=alter)
            thread.start()
            servers.wait_for(lambda: NIL_UUID in node.grastate or bool(ended), "the nil uuid")
            node.kill()
            thread.join()
            assert ended == ["lost"]
        return node.layout.data

    def sst_early(self, folder: Path) -> Path:
        return servers.killed_joiner(self["clean"], folder, late=False).layout.data

    def sst_late(self, folder: Path) -> Path:
        return servers.killed_joiner(self["clean"], folder, late=True).layout.data

    def sst_late_over_old_data(self, folder: Path) -> Path:
        return servers.killed_joiner(self["clean"], folder, late=True, joiner_data=self["crashed"]).layout.data

    def donor(self, folder: Path) -> Path:
        """A donor that was killed in the middle of its gift."""
        return self["sst_late"].parents[1].joinpath("donor", "data").rename(folder / "data")


@pytest.fixture(scope="module")
def left() -> Left:
    return Left()


@pytest.fixture
def volume() -> Path:
    return servers.workspace()


def inspect(node: Node, *, joining: bool = False, initialised: bool = False, same_boot: bool = False) -> Disk:
    hints = JournalHints(joining=joining, same_boot=same_boot, initialised=initialised)
    return inspection.inspect(node.layout, node.recover(), hints)


@contextmanager
def on(folder: Path, data: Path | None) -> Iterator[Node]:
    with servers.node(folder, 2, data=data) as node:
        yield node


def state_of(data: Path) -> GraState:
    return grastate.parse((data / "grastate.dat").read_bytes())


# What real servers left


@pytest.mark.galera
def test_a_clean_stop_is_clean_with_the_flag(volume: Path, left: Left) -> None:
    state = state_of(left["clean"])
    with on(volume, left["clean"]) as node:
        disk = inspect(node)
    assert disk.data_class == DataClass.CLEAN
    assert disk.position == Position(state.uuid, state.seqno)
    assert disk.safe_to_bootstrap


@pytest.mark.galera
def test_a_kill_is_crashed_at_innodb_s_position_and_its_flag_is_not_believed(volume: Path, left: Left) -> None:
    state = state_of(left["crashed"])
    assert state.safe_to_bootstrap
    with on(volume, left["crashed"]) as node:
        disk = inspect(node)
    assert disk.data_class == DataClass.CRASHED
    assert disk.position is not None
    assert disk.position.uuid == state.uuid
    assert disk.position.seqno > 0
    assert not disk.safe_to_bootstrap


@pytest.mark.galera
@pytest.mark.parametrize(
    ("note", "opened"),
    [("10.11.3-MariaDB", True), ("10.6.20-MariaDB", False), ("11.4.5-MariaDB", False), ("no version", False)],
)
def test_killed_data_are_recovered_by_the_same_major_version_alone(
    note: str, opened: bool, volume: Path, left: Left
) -> None:
    with on(volume, left["crashed"]) as node:
        note_version(node, note)
        before = (node.layout.data / "ib_logfile0").read_bytes()
        disk = inspect(node)
        assert ((node.layout.data / "ib_logfile0").read_bytes() == before) is not opened
    assert disk.data_class == (DataClass.CRASHED if opened else DataClass.UNKNOWN)
    assert opened or note.partition(".")[0] in disk.detail or "names no version" in disk.detail


@pytest.mark.galera
@pytest.mark.parametrize(
    ("note", "opened"), [("10.6.20-MariaDB", True), ("10.5.20-MariaDB", False), ("11.4.5-MariaDB", False)]
)
def test_data_stopped_in_order_are_opened_one_step_up_and_never_down(
    note: str, opened: bool, volume: Path, left: Left
) -> None:
    with on(volume, left["clean"]) as node:
        note_version(node, note)
        assert (inspect(node).data_class is DataClass.CLEAN) is opened


@pytest.mark.galera
def test_a_seqno_beside_a_view_is_a_backup_s_and_no_stop(volume: Path, left: Left) -> None:
    """FLUSH TABLES WITH READ LOCK writes the seqno into grastate.dat, and a kill leaves it there."""
    with on(volume, left["clean"]) as node:
        note_version(node, "10.6.20-MariaDB")
        (node.layout.data / "gvwstate.dat").touch()
        assert "not stopped cleanly" in inspect(node).detail


@pytest.mark.galera
def test_without_a_note_the_server_s_own_file_tells_the_version(volume: Path, left: Left) -> None:
    with on(volume, left["crashed"]) as node:
        assert (node.layout.data / "mysql_upgrade_info").read_text().startswith("10.11.")
        (node.layout.data / "mysql_upgrade_info").write_text("10.6.20-MariaDB")
        assert inspect(node).data_class is DataClass.UNKNOWN
        (node.layout.data / "mysql_upgrade_info").unlink()
        assert inspect(node).data_class is DataClass.CRASHED


@pytest.mark.galera
def test_killed_data_are_recovered_with_the_binary_log_that_they_had(volume: Path, left: Left) -> None:
    """Without it the server would roll back acknowledged commits, and recover the position before them."""
    with on(volume, left["crashed"]) as node:
        node.layout.meta.mkdir(exist_ok=True)
        provenance.note_binlog_options(node.layout.meta, ("--log-bin=binlog",))
        assert inspect(node).detail.startswith(
            "the server that was killed here had a binary log (--log-bin=binlog), which"
        )
        node.extra = "log-bin=binlog"
        assert "whose files are gone" in inspect(node).detail
        (node.layout.data / "binlog.index").touch()
        assert not inspection.why_unreadable(node.layout, node.recover())


@pytest.mark.galera
def test_data_that_were_stopped_in_order_need_no_binary_log(volume: Path, left: Left) -> None:
    with on(volume, left["clean"]) as node:
        node.layout.meta.mkdir(exist_ok=True)
        provenance.note_binlog_options(node.layout.meta, ("--log-bin=binlog",))
        assert inspect(node).data_class is DataClass.CLEAN


def note_version(node: Node, text: str) -> None:
    node.layout.meta.mkdir(exist_ok=True)
    (node.layout.meta / "server-version").write_text(text)


@pytest.mark.galera
def test_a_kill_inside_a_ddl_is_ddl_crash_with_a_position(volume: Path, left: Left) -> None:
    assert state_of(left["ddl_crash"]).uuid == NIL_UUID
    with on(volume, left["ddl_crash"]) as node:
        disk = inspect(node)
    assert disk.data_class == DataClass.DDL_CRASH
    assert disk.position is not None
    assert disk.position.uuid == state_of(left["clean"]).uuid
    assert not disk.safe_to_bootstrap


@pytest.mark.galera
def test_a_joiner_killed_early_in_its_transfer_is_interrupted(volume: Path, left: Left) -> None:
    with on(volume, left["sst_early"]) as node:
        assert inspect(node).data_class == DataClass.SST_INTERRUPTED


@pytest.mark.galera
@pytest.mark.parametrize("markers", [True, False], ids=["with the scripts' markers", "without them"])
def test_a_joiner_killed_late_is_interrupted_although_the_server_recovers_a_position(
    volume: Path, left: Left, markers: bool
) -> None:
    with on(volume, left["sst_late"]) as node:
        if not markers:
            (node.layout.data / "sst_in_progress").unlink()
        assert inspect(node).data_class == DataClass.SST_INTERRUPTED
        assert inspect(node).position is None
        assert node.recover().run(node.layout.data) is not None, (
            "the trap is gone: the server refuses such a datadir now"
        )


@pytest.mark.galera
@pytest.mark.parametrize("same_boot", [True, False], ids=["same kernel", "other kernel"])
def test_an_old_datadir_half_overwritten_is_interrupted_by_the_joining_mark_alone(
    volume: Path, left: Left, same_boot: bool
) -> None:
    """Here grastate.dat is not empty but nil, as after a kill in a DDL; only the journal can tell them apart."""
    with on(volume, left["sst_late_over_old_data"]) as node:
        assert state_of(node.layout.data).uuid == NIL_UUID
        assert inspect(node).data_class == DataClass.SST_INTERRUPTED
        (node.layout.data / "sst_in_progress").unlink()
        assert inspect(node, joining=True, same_boot=same_boot).data_class == DataClass.SST_INTERRUPTED
        assert inspect(node).data_class == DataClass.DDL_CRASH


@pytest.mark.galera
def test_a_donor_killed_in_its_gift_is_a_candidate(volume: Path, left: Left) -> None:
    assert (left["donor"] / "wsrep_sst.pid").exists()
    with on(volume, left["donor"]) as node:
        disk = inspect(node)
    assert disk.data_class in (DataClass.CRASHED, DataClass.CLEAN)
    assert disk.position is not None


@pytest.mark.galera
def test_a_first_database_is_initialized_also_when_its_first_start_was_killed(volume: Path) -> None:
    with on(volume, servers.seed() / "data") as node:
        assert inspect(node, initialised=True).data_class == DataClass.INITIALIZED
        for content in (b"", grastate.render(GraState(NIL_UUID, -1, safe_to_bootstrap=True)), b"  \n"):
            atomic.replace(node.layout.grastate, content)
            assert inspect(node, initialised=True).data_class == DataClass.INITIALIZED
            assert inspect(node, initialised=True, joining=True).data_class == DataClass.SST_INTERRUPTED
        uuid = GraState("ff3aea85-e6e3-11f1-b412-43c8a739f785", -1, safe_to_bootstrap=True)
        atomic.replace(node.layout.grastate, grastate.render(uuid))
        assert inspect(node, initialised=True).data_class == DataClass.INITIALIZED
        prepare.forget_state(node.layout)
        node.bootstrap()


@pytest.mark.galera
def test_an_initialised_datadir_that_a_cluster_has_written_to_is_no_longer_initialized(
    volume: Path, left: Left
) -> None:
    with on(volume, left["crashed"]) as node:
        assert inspect(node, initialised=True).data_class == DataClass.CRASHED
        atomic.replace(node.layout.grastate, b"")
        assert inspect(node, initialised=True).data_class == DataClass.SST_INTERRUPTED


@pytest.mark.galera
def test_a_database_that_was_never_in_a_cluster_waits_for_the_operator(volume: Path) -> None:
    with on(volume, servers.seed() / "data") as node:
        disk = inspect(node)
    assert disk.data_class == DataClass.UNKNOWN
    assert disk.detail == "a database that was never in a cluster; `galera-bootstrap adopt`"


# grastate.dat changed, on a real database


@pytest.mark.galera
def test_a_deleted_grastate_is_lost_and_the_recovery_makes_none(volume: Path, left: Left) -> None:
    with on(volume, left["crashed"]) as node:
        node.layout.grastate.unlink()
        disk = inspect(node)
        assert disk.data_class == DataClass.LOST_GRASTATE
        assert disk.position is not None
        assert not node.layout.grastate.exists()


@pytest.mark.galera
def test_an_empty_grastate_is_an_interrupted_transfer_and_no_recovery_is_run(volume: Path, left: Left) -> None:
    with on(volume, left["crashed"]) as node:
        atomic.replace(node.layout.grastate, b"")
        disk = inspection.inspect(node.layout, NO_SERVER, JournalHints())
        assert disk.data_class == DataClass.SST_INTERRUPTED


@pytest.mark.galera
def test_a_grastate_torn_at_any_length_is_never_a_candidate(volume: Path, left: Left) -> None:
    with on(volume, left["clean"]) as node:
        whole = grastate.render(state_of(left["clean"]))
        for length in range(len(whole)):
            node.layout.grastate.write_bytes(whole[:length])
            disk = inspection.inspect(node.layout, NO_SERVER, JournalHints())
            assert disk.data_class == (DataClass.SST_INTERRUPTED if length == 0 else DataClass.UNKNOWN)
            assert disk.position is None


@pytest.mark.galera
@pytest.mark.parametrize("seqno", [0, 10**9])
def test_a_clean_seqno_that_innodb_denies_is_crashed_at_innodb_s(volume: Path, left: Left, seqno: int) -> None:
    state = state_of(left["clean"])
    with on(volume, left["clean"]) as node:
        atomic.replace(node.layout.grastate, grastate.render(GraState(state.uuid, seqno, safe_to_bootstrap=True)))
        disk = inspect(node)
    assert disk.data_class == DataClass.CRASHED
    assert disk.position == Position(state.uuid, state.seqno)
    assert not disk.safe_to_bootstrap
    assert f"grastate.dat has seqno {seqno}, InnoDB {state.seqno}" in disk.detail


@pytest.mark.galera
def test_two_histories_are_a_mismatch_that_names_both(volume: Path, left: Left) -> None:
    other = "11111111-2222-3333-4444-555555555555"
    with on(volume, left["clean"]) as node:
        atomic.replace(node.layout.grastate, grastate.render(GraState(other, 5, safe_to_bootstrap=True)))
        disk = inspect(node)
    assert disk.data_class == DataClass.UUID_MISMATCH
    assert other in disk.detail
    assert state_of(left["clean"]).uuid in disk.detail


@pytest.mark.galera
def test_a_position_that_only_grastate_knows_is_unknown(volume: Path) -> None:
    with on(volume, servers.seed() / "data") as node:
        state = GraState("ff3aea85-e6e3-11f1-b412-43c8a739f785", 5, safe_to_bootstrap=True)
        atomic.replace(node.layout.grastate, grastate.render(state))
        assert inspect(node, initialised=True).data_class == DataClass.UNKNOWN


@pytest.mark.galera
@pytest.mark.parametrize("name", ["clean", "crashed"])
def test_a_joining_mark_with_a_uuid_counts_only_under_the_same_kernel(volume: Path, left: Left, name: str) -> None:
    with on(volume, left[name]) as node:
        before = inspect(node)
        assert inspect(node, joining=True, same_boot=True) == before
        assert inspect(node, joining=True).data_class == DataClass.SST_INTERRUPTED


# Damage and surroundings


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
def test_what_is_left_of_a_database_is_told_without_a_recovery(
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
        pytest.param(damage_redo, "start once with the server version that wrote it", id="a redo log of nobody"),
    ],
)
def test_a_database_that_cannot_be_recovered_is_unknown_with_the_cause(
    volume: Path, left: Left, damage: Callable[[Path], None], detail: str
) -> None:
    with on(volume, left["crashed"]) as node:
        damage(node.layout.data)
        disk = inspect(node)
    assert disk.data_class == DataClass.UNKNOWN
    assert detail in disk.detail
    assert "\n" not in disk.detail


@pytest.mark.galera
def test_a_missing_server_is_an_error_and_no_class(volume: Path, left: Left) -> None:
    with on(volume, left["clean"]) as node, pytest.raises(ServerMissingError, match="cannot run no-such-server"):
        inspection.inspect(node.layout, NO_SERVER, JournalHints())


@pytest.mark.galera
@pytest.mark.parametrize("value", ["/tmp/no/such/folder/x.log", "server.log", ""], ids=["bad", "relative", "default"])
def test_log_error_in_the_configuration_does_not_hide_the_position(volume: Path, left: Left, value: str) -> None:
    with on(volume, left["clean"]) as node:
        node.extra = f"log_error={value}\nlog_warnings=0"
        assert inspect(node).data_class == DataClass.CLEAN


@pytest.mark.galera
@pytest.mark.parametrize(
    ("line", "detail"),
    [("wsrep_on=OFF", "must have wsrep_on"), ("wsrep_provider=none", "must have wsrep_on")],
    ids=["wsrep is off", "no provider"],
)
def test_a_configuration_without_galera_is_unknown_with_the_cure(
    volume: Path, left: Left, line: str, detail: str
) -> None:
    with on(volume, left["clean"]) as node:
        node.extra = line
        disk = inspect(node)
    assert disk.data_class == DataClass.UNKNOWN
    assert detail in disk.detail


@pytest.mark.galera
def test_a_missing_configuration_is_unknown_and_named(volume: Path, left: Left) -> None:
    with on(volume, left["clean"]) as node:
        recover = Recover(("mariadbd", "--defaults-file=/nonexistent.cnf"))
        disk = inspection.inspect(node.layout, recover, JournalHints())
    assert disk.data_class == DataClass.UNKNOWN
    assert "Could not open required defaults file: /nonexistent.cnf" in disk.detail


@pytest.mark.galera
@pytest.mark.parametrize(
    "extra", ["log_bin=binlog\nlog_slave_updates=ON\nwsrep_gtid_mode=ON\nserver_id=7"], ids=["binlog and GTIDs"]
)
def test_a_position_with_gtids_is_read(volume: Path, left: Left, extra: str) -> None:
    with on(volume, left["clean"]) as node:
        node.extra = extra
        node.bootstrap(f"--wsrep_start_position={inspect(node).position}")
        node.sql("INSERT INTO app.big VALUES (-7, 'with a GTID')")
        node.kill()
        assert inspect(node).data_class == DataClass.CRASHED


@pytest.mark.galera
def test_a_live_server_is_unknown_and_stays_unharmed(volume: Path, left: Left) -> None:
    with on(volume, left["clean"]) as node:
        node.bootstrap()
        disk = inspect(node)
        assert disk.data_class == DataClass.UNKNOWN
        assert "a server is running on this datadir" in disk.detail
        assert node.status("wsrep_local_state_comment") == "Synced"


@pytest.mark.galera
def test_a_recovery_is_killed_at_its_time_limit_and_leaves_no_process(volume: Path, left: Left) -> None:
    with on(volume, left["clean"]) as node:
        slow = volume / "slow"
        slow.write_text(f"#!/bin/sh\necho $$ > {volume}/slow.pid\nexec sleep 60\n")
        slow.chmod(0o755)
        with pytest.raises(RecoverFailedError, match="took over"):
            Recover((str(slow),), timeout=1).run(node.layout.data)
    assert not Path(f"/proc/{(volume / 'slow.pid').read_text().strip()}").exists()


@ROOT_ONLY
@pytest.mark.galera
def test_a_read_only_volume_is_unknown_with_the_cure(volume: Path, left: Left) -> None:
    with on(volume / "v", left["clean"]) as node:
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
def test_a_datadir_of_another_user_is_unknown_with_the_cure(volume: Path, left: Left, mode: int) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from bootstrap.datadir import inspection; from bootstrap.mariadb.recover import Recover\n"
        "os.setgid(12345); os.setuid(12345)\n"
        "recover = Recover(('mariadbd', f'--defaults-file={sys.argv[2]}'))\n"
        "print(inspection.inspect(inspection.Layout(Path(sys.argv[1])), recover, inspection.JournalHints()))"
    )
    with on(volume, left["clean"]) as node:
        node.layout.data.chmod(mode)
        node.layout.grastate.chmod(0o644)
        command = [sys.executable, "-c", code, str(volume), str(node.configure())]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "DataClass.UNKNOWN" in result.stdout, result.stderr
    assert "make the volume writable for uid 12345" in result.stdout


# What is done to a datadir


@pytest.mark.galera
@pytest.mark.parametrize("name", ["clean", "crashed", "ddl_crash", "donor", "lost"])
def test_a_prepared_winner_bootstraps_its_own_history(volume: Path, left: Left, name: str) -> None:
    with on(volume, left["crashed" if name == "lost" else name]) as node:
        if name == "lost":
            node.layout.grastate.unlink()
        disk = inspect(node)
        assert disk.position is not None
        prepare.prepare_bootstrap(node.layout, disk.position)
        state = state_of(node.layout.data)
        assert (state.uuid, state.safe_to_bootstrap) == (disk.position.uuid, True)
        assert state.seqno == (disk.position.seqno if disk.data_class == DataClass.CLEAN else -1)
        node.bootstrap(f"--wsrep_start_position={disk.position}")
        assert node.status("wsrep_cluster_state_uuid") == disk.position.uuid
        assert int(node.status("wsrep_last_committed")) > disk.position.seqno
        node.sql("DELETE FROM app.big WHERE id = 1")


@pytest.mark.galera
@pytest.mark.parametrize("name", ["sst_late", "sst_early", "sst_late_over_old_data"])
def test_an_interrupted_joiner_stays_interrupted_until_a_whole_transfer_has_ended(
    volume: Path, left: Left, name: str
) -> None:
    both = (servers.address(3), servers.address(4))
    with (
        servers.node(volume / "donor", 3, data=left["clean"], peers=both) as donor,
        servers.node(volume / "joiner", 4, data=left[name], peers=both) as joiner,
    ):
        prepare.clean_for_join(joiner.layout, inspect(joiner, joining=True))
        assert inspect(joiner).data_class == DataClass.SST_INTERRUPTED
        donor.bootstrap(f"--wsrep_start_position={inspect(donor).position}")
        joiner.start()
        joiner.wait_synced()
        assert joiner.sql("SELECT COUNT(*) FROM app.big") == donor.sql("SELECT COUNT(*) FROM app.big")
        joiner.kill()
        disk = inspect(joiner)
        assert disk.data_class == DataClass.CRASHED
        assert disk.position is not None
        assert disk.position.uuid == donor.status("wsrep_cluster_state_uuid")


@pytest.mark.galera
def test_cleaning_a_whole_datadir_for_a_join_keeps_its_position(volume: Path, left: Left) -> None:
    with on(volume, left["donor"]) as node:
        (node.layout.data / "gvwstate.dat").write_bytes(b"")
        before = inspect(node)
        prepare.clean_for_join(node.layout, before)
        assert inspect(node) == before
        assert not (node.layout.data / "gvwstate.dat").exists()
        assert not (node.layout.data / "wsrep_sst.pid").exists()


@pytest.mark.galera
def test_a_crashed_joiner_gets_minus_one_for_a_seqno_that_innodb_does_not_hold(volume: Path, left: Left) -> None:
    """A seqno in grastate.dat wins over --wsrep_start_position: the IST would begin in the wrong place."""
    with on(volume, left["crashed"]) as node:
        state = state_of(node.layout.data)
        wrong = GraState(state.uuid, 10**6, safe_to_bootstrap=True)
        node.layout.grastate.write_bytes(grastate.render(wrong))
        disk = inspect(node)
        assert disk.data_class == DataClass.CRASHED
        prepare.clean_for_join(node.layout, disk)
        assert state_of(node.layout.data) == GraState(state.uuid, -1, safe_to_bootstrap=False)
        assert inspect(node).position == disk.position


@pytest.mark.galera
def test_a_crash_keeps_the_last_view_beside_the_journal_and_out_of_the_join(volume: Path, left: Left) -> None:
    with on(volume, left["crashed"]) as node:
        view = inspection.read_last_view(node.layout)
        assert view is not None
        kept = (node.layout.data / "gvwstate.dat").read_bytes()
        prepare.clean_for_join(node.layout, inspect(node))
        assert inspection.read_last_view(node.layout) is None
        assert (node.layout.meta / "gvwstate.dat").read_bytes() == kept


def test_a_winner_keeps_a_good_view_and_loses_one_that_galera_dies_of(volume: Path) -> None:
    layout, winner = Layout(volume), Position("aaaaaaaa-0000-11ee-8000-000000000001", 7)
    layout.data.mkdir()
    (layout.data / "gvwstate.dat").write_bytes(b"")
    prepare.prepare_bootstrap(layout, winner)
    assert [path.name for path in layout.data.iterdir()] == ["grastate.dat"]


def test_a_discarded_datadir_stays_on_the_volume_beside_earlier_ones(volume: Path) -> None:
    layout, position = Layout(volume), Position("aaaaaaaa-0000-11ee-8000-000000000001", 7)
    for count in (1, 2):
        layout.data.mkdir()
        (layout.data / "ibdata1").write_text(str(count))
        kept = prepare.discard(layout, position, delete=False)
        assert kept is not None
        assert (kept / "ibdata1").read_text() == str(count)
    assert sorted(p.name for p in volume.iterdir()) == [
        f"discarded-{position.uuid}-7",
        f"discarded-{position.uuid}-7-2",
    ]
    layout.data.mkdir()
    assert prepare.discard(layout, None, delete=True) is None
    assert len(list(volume.iterdir())) == 2
    assert prepare.discard(layout, None, delete=False) is None  # nothing is there
    assert len(list(volume.iterdir())) == 2
    assert inspect_without_server(layout).data_class is DataClass.SST_INTERRUPTED


def inspect_without_server(layout: Layout) -> Disk:
    """What the starter reports next: the agent's mark was made before."""
    return inspection.inspect(layout, NO_SERVER, JournalHints(joining=True, same_boot=True, initialised=True))


def test_a_new_history_starts_without_what_belongs_to_the_old_one(volume: Path) -> None:
    layout = Layout(volume)
    layout.data.mkdir()
    for name in ("gvwstate.dat", "wsrep_sst.pid"):
        (layout.data / name).touch()
    prepare.prepare_fork(layout)
    assert [path.name for path in layout.data.iterdir()] == ["grastate.dat"]
    state = state_of(layout.data)
    assert (state.uuid, state.seqno, state.safe_to_bootstrap) == (NIL_UUID, -1, True)


@pytest.mark.galera
def test_a_mark_that_was_never_closed_does_not_hide_how_far_the_disk_reaches(volume: Path, left: Left) -> None:
    """The agent could not write at Synced, and the newest commits are here: not a candidate, and not to be lost."""
    with on(volume, left["crashed"]) as node:
        plain = inspect(node)
        disk = inspect(node, joining=True, same_boot=False)
    assert (disk.data_class, disk.transfer_may_be_complete) == (DataClass.SST_INTERRUPTED, True)
    assert disk.position == plain.position


def test_cleaning_removes_what_a_transfer_left_and_blanks_grastate_first(volume: Path) -> None:
    layout = Layout(volume)
    (layout.data / ".sst" / "deep").mkdir(parents=True)
    for name in ("sst_in_progress", "wsrep_sst.pid", "gvwstate.dat"):
        (layout.data / name).touch()
    prepare.clean_for_join(layout, Disk(DataClass.SST_INTERRUPTED))
    assert [path.name for path in layout.data.iterdir()] == ["grastate.dat"]
    assert layout.grastate.read_bytes() == b""


def test_cleaning_a_volume_without_a_datadir_does_nothing(volume: Path) -> None:
    prepare.clean_for_join(Layout(volume), Disk(DataClass.EMPTY))
    assert list(volume.iterdir()) == []


@pytest.mark.galera
def test_the_fingerprint_changes_with_any_writer_and_not_by_itself(volume: Path, left: Left) -> None:
    with on(volume, left["clean"]) as node:
        inspect(node)
        seen = [inspection.compute_fingerprint(node.layout)]
        time.sleep(0.05)
        assert inspection.compute_fingerprint(node.layout) == seen[0]
        node.bootstrap()
        seen.append(inspection.compute_fingerprint(node.layout))
        node.stop()
        seen.append(inspection.compute_fingerprint(node.layout))
        shutil.copy2(node.layout.grastate, volume / "copy")
        (volume / "copy").rename(node.layout.grastate)
        seen.append(inspection.compute_fingerprint(node.layout))
    assert len(set(seen)) == 4


def test_the_fingerprint_of_an_empty_volume_is_one(volume: Path) -> None:
    assert inspection.compute_fingerprint(Layout(volume)) == inspection.compute_fingerprint(Layout(volume))
