"""The class and the position of datadirs that real servers left."""

import shutil
import time
from pathlib import Path

import pytest

from bootstrap.core.galera import grastate, server_version
from bootstrap.core.galera.grastate import GraState
from bootstrap.core.model.disk import NIL_UUID, DataClass, Disk, JournalHints, Position
from bootstrap.datadir import inspection, prepare, provenance
from bootstrap.storage import atomic
from bootstrap.storage.layout import Layout
from tests.support.bootstrap import servers
from tests.support.bootstrap.remains import NO_SERVER, Remains, inspect, mounted, state_of
from tests.support.bootstrap.servers import Node


@pytest.mark.galera
def test_a_clean_stop_is_clean_with_the_flag(volume: Path, left: Remains) -> None:
    state = state_of(left["clean"])
    with mounted(volume, left["clean"]) as node:
        disk = inspect(node)
    assert disk.data_class == DataClass.CLEAN
    assert disk.position == Position(state.uuid, state.seqno)
    assert disk.safe_to_bootstrap


@pytest.mark.galera
def test_a_kill_is_crashed_at_innodb_s_position_and_its_flag_is_not_believed(volume: Path, left: Remains) -> None:
    state = state_of(left["crashed"])
    assert state.safe_to_bootstrap
    with mounted(volume, left["crashed"]) as node:
        disk = inspect(node)
    assert disk.data_class == DataClass.CRASHED
    assert disk.position is not None
    assert disk.position.uuid == state.uuid
    assert disk.position.seqno > 0
    assert not disk.safe_to_bootstrap


def version(node: Node, steps: int) -> str:
    """A version so many long-term series above that of the server here, or below it."""
    here = server_version.parse_series(node.recover().read_version())
    assert here is not None
    series = server_version.LONG_TERM[server_version.LONG_TERM.index(here) + steps]
    return f"{server_version.format_series(series)}.20-MariaDB"


@pytest.mark.galera
@pytest.mark.parametrize(("steps", "opened"), [(0, True), (-1, False), (1, False), (None, False)])
def test_killed_data_are_recovered_by_the_same_major_version_alone(
    steps: int | None, opened: bool, volume: Path, left: Remains
) -> None:
    with mounted(volume, left["crashed"]) as node:
        note = "no version" if steps is None else version(node, steps)
        note_version(node, note)
        before = (node.layout.data / "ib_logfile0").read_bytes()
        disk = inspect(node)
        assert ((node.layout.data / "ib_logfile0").read_bytes() == before) is not opened
    assert disk.data_class == (DataClass.CRASHED if opened else DataClass.UNKNOWN)
    assert opened or note.partition(".")[0] in disk.detail or "names no version" in disk.detail


@pytest.mark.galera
@pytest.mark.parametrize(("steps", "opened"), [(-1, True), (-2, False), (1, False)])
def test_data_stopped_cleanly_are_opened_one_step_up_and_never_down(
    steps: int, opened: bool, volume: Path, left: Remains
) -> None:
    with mounted(volume, left["clean"]) as node:
        note_version(node, version(node, steps))
        assert (inspect(node).data_class is DataClass.CLEAN) is opened


@pytest.mark.galera
def test_a_seqno_beside_a_view_is_a_backup_s_and_no_stop(volume: Path, left: Remains) -> None:
    """FLUSH TABLES WITH READ LOCK writes the seqno into grastate.dat, and a kill leaves it there."""
    with mounted(volume, left["clean"]) as node:
        note_version(node, "10.6.20-MariaDB")
        (node.layout.data / "gvwstate.dat").touch()
        assert "not stopped cleanly" in inspect(node).detail


@pytest.mark.galera
def test_without_a_note_the_server_s_own_file_has_the_version(volume: Path, left: Remains) -> None:
    with mounted(volume, left["crashed"]) as node:
        (own,) = (path for name in provenance.LEFT if (path := node.layout.data / name).exists())
        assert own.read_text().startswith(version(node, 0).removesuffix("20-MariaDB"))
        own.write_text(version(node, -1))
        assert inspect(node).data_class is DataClass.UNKNOWN
        own.unlink()
        assert inspect(node).data_class is DataClass.CRASHED


@pytest.mark.galera
def test_killed_data_are_recovered_with_the_binary_log_that_they_had(volume: Path, left: Remains) -> None:
    """Without it the server would roll back acknowledged commits, and recover the position before them."""
    with mounted(volume, left["crashed"]) as node:
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
def test_data_that_were_stopped_cleanly_need_no_binary_log(volume: Path, left: Remains) -> None:
    with mounted(volume, left["clean"]) as node:
        node.layout.meta.mkdir(exist_ok=True)
        provenance.note_binlog_options(node.layout.meta, ("--log-bin=binlog",))
        assert inspect(node).data_class is DataClass.CLEAN


def note_version(node: Node, text: str) -> None:
    node.layout.meta.mkdir(exist_ok=True)
    (node.layout.meta / "server-version").write_text(text)


@pytest.mark.galera
def test_a_kill_inside_a_ddl_is_ddl_crash_with_a_position(volume: Path, left: Remains) -> None:
    assert state_of(left["ddl_crash"]).uuid == NIL_UUID
    with mounted(volume, left["ddl_crash"]) as node:
        disk = inspect(node)
    assert disk.data_class == DataClass.DDL_CRASH
    assert disk.position is not None
    assert disk.position.uuid == state_of(left["clean"]).uuid
    assert not disk.safe_to_bootstrap


@pytest.mark.galera
def test_a_joiner_killed_early_in_its_transfer_is_interrupted(volume: Path, left: Remains) -> None:
    with mounted(volume, left["sst_early"]) as node:
        assert inspect(node).data_class == DataClass.SST_INTERRUPTED


@pytest.mark.galera
@pytest.mark.parametrize("markers", [True, False], ids=["with the scripts' markers", "without them"])
def test_a_joiner_killed_late_is_interrupted_although_the_server_recovers_a_position(
    volume: Path, left: Remains, markers: bool
) -> None:
    with mounted(volume, left["sst_late"]) as node:
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
    volume: Path, left: Remains, same_boot: bool
) -> None:
    """Here grastate.dat is not empty but nil, as after a kill in a DDL; only the journal can tell them apart."""
    with mounted(volume, left["sst_late_over_old_data"]) as node:
        assert state_of(node.layout.data).uuid == NIL_UUID
        assert inspect(node).data_class == DataClass.SST_INTERRUPTED
        (node.layout.data / "sst_in_progress").unlink()
        assert inspect(node, joining=True, same_boot=same_boot).data_class == DataClass.SST_INTERRUPTED
        assert inspect(node).data_class == DataClass.DDL_CRASH


@pytest.mark.galera
def test_a_donor_killed_in_its_gift_is_a_candidate(volume: Path, left: Remains) -> None:
    assert (left["donor"] / "wsrep_sst.pid").exists()
    with mounted(volume, left["donor"]) as node:
        disk = inspect(node)
        assert state_of(node.layout.data).seqno >= 0, "the trap is gone: its pause leaves no seqno in grastate.dat"
    assert disk.data_class is DataClass.CRASHED, "only a server that has stopped in order has applied all its views"
    assert disk.position is not None
    assert disk.view is not None


@pytest.mark.galera
def test_a_first_database_is_initialized_also_when_its_first_start_was_killed(volume: Path) -> None:
    with mounted(volume, servers.seed() / "data") as node:
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
    volume: Path, left: Remains
) -> None:
    with mounted(volume, left["crashed"]) as node:
        plain = inspect(node, initialised=True)
        assert plain.data_class == DataClass.CRASHED
        atomic.replace(node.layout.grastate, b"")
        disk = inspect(node, initialised=True)
    assert (disk.data_class, disk.transfer_may_be_complete) == (DataClass.SST_INTERRUPTED, True)
    assert disk.position == plain.position


@pytest.mark.galera
def test_a_database_that_was_never_in_a_cluster_waits_for_a_human(volume: Path) -> None:
    with mounted(volume, servers.seed() / "data") as node:
        disk = inspect(node)
    assert disk == Disk(DataClass.UNADOPTED, detail="a database that was never in a cluster")


# grastate.dat changed, on a real database


@pytest.mark.galera
def test_a_deleted_grastate_is_lost_and_the_recovery_makes_none(volume: Path, left: Remains) -> None:
    with mounted(volume, left["crashed"]) as node:
        node.layout.grastate.unlink()
        disk = inspect(node)
        assert disk.data_class == DataClass.LOST_GRASTATE
        assert disk.position is not None
        assert not node.layout.grastate.exists()


@pytest.mark.galera
def test_an_empty_grastate_is_an_interrupted_transfer_and_no_recovery_is_run(volume: Path, left: Remains) -> None:
    with mounted(volume, left["crashed"]) as node:
        atomic.replace(node.layout.grastate, b"")
        disk = inspection.inspect(node.layout, NO_SERVER, JournalHints())
        assert disk.data_class == DataClass.SST_INTERRUPTED


@pytest.mark.galera
def test_a_grastate_torn_at_any_length_is_never_a_candidate(volume: Path, left: Remains) -> None:
    with mounted(volume, left["clean"]) as node:
        whole = grastate.render(state_of(left["clean"]))
        for length in range(len(whole)):
            node.layout.grastate.write_bytes(whole[:length])
            disk = inspection.inspect(node.layout, NO_SERVER, JournalHints())
            assert disk.data_class == (DataClass.SST_INTERRUPTED if length == 0 else DataClass.UNKNOWN)
            assert disk.position is None


@pytest.mark.galera
@pytest.mark.parametrize("seqno", [0, 10**9])
def test_a_clean_seqno_that_innodb_denies_is_crashed_at_innodb_s(volume: Path, left: Remains, seqno: int) -> None:
    state = state_of(left["clean"])
    with mounted(volume, left["clean"]) as node:
        atomic.replace(node.layout.grastate, grastate.render(GraState(state.uuid, seqno, safe_to_bootstrap=True)))
        disk = inspect(node)
    assert disk.data_class == DataClass.CRASHED
    assert disk.position == Position(state.uuid, state.seqno)
    assert not disk.safe_to_bootstrap
    assert f"grastate.dat has seqno {seqno}, InnoDB {state.seqno}" in disk.detail


@pytest.mark.galera
def test_two_histories_are_a_mismatch_that_names_both(volume: Path, left: Remains) -> None:
    other = "11111111-2222-3333-4444-555555555555"
    with mounted(volume, left["clean"]) as node:
        atomic.replace(node.layout.grastate, grastate.render(GraState(other, 5, safe_to_bootstrap=True)))
        disk = inspect(node)
    assert disk.data_class == DataClass.UUID_MISMATCH
    assert other in disk.detail
    assert state_of(left["clean"]).uuid in disk.detail


@pytest.mark.galera
def test_a_position_that_only_grastate_knows_is_none(volume: Path) -> None:
    with mounted(volume, servers.seed() / "data") as node:
        state = GraState("ff3aea85-e6e3-11f1-b412-43c8a739f785", 5, safe_to_bootstrap=True)
        atomic.replace(node.layout.grastate, grastate.render(state))
        assert inspect(node, initialised=True).data_class == DataClass.UNADOPTED


@pytest.mark.galera
@pytest.mark.parametrize("name", ["clean", "crashed"])
def test_a_joining_mark_with_a_uuid_counts_only_under_the_same_kernel(volume: Path, left: Remains, name: str) -> None:
    with mounted(volume, left[name]) as node:
        before = inspect(node)
        assert inspect(node, joining=True, same_boot=True) == before
        assert inspect(node, joining=True).data_class == DataClass.SST_INTERRUPTED


@pytest.mark.galera
def test_a_mark_that_was_never_closed_does_not_hide_how_far_the_disk_reaches(volume: Path, left: Remains) -> None:
    """The agent could not write at Synced, and the newest commits are here: not a candidate, and not to be lost."""
    with mounted(volume, left["crashed"]) as node:
        plain = inspect(node)
        disk = inspect(node, joining=True, same_boot=False)
    assert (disk.data_class, disk.transfer_may_be_complete) == (DataClass.SST_INTERRUPTED, True)
    assert disk.position == plain.position


SIGNS = ["sst_in_progress", ".sst", "an empty grastate.dat", "a blank grastate.dat"]


def leave_sign(layout: Layout, sign: str) -> None:
    """Leave a sign of an interrupted state transfer in a datadir."""
    match sign:
        case ".sst":
            (layout.data / sign).mkdir()
        case "sst_in_progress":
            (layout.data / sign).touch()
        case _:
            atomic.replace(layout.grastate, b"" if "empty" in sign else b"  \n")


@pytest.mark.galera
@pytest.mark.parametrize("initialised", [True, False], ids=["the founder", "another member"])
@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_of_a_transfer_that_a_member_s_journal_denies_does_not_hide_what_its_disk_holds(
    volume: Path, left: Remains, sign: str, initialised: bool
) -> None:
    """The scripts could not remove their file, or Galera could not write its own: the newest commits may be here."""
    with mounted(volume, left["crashed"]) as node:
        plain = inspect(node)
        leave_sign(node.layout, sign)
        member = JournalHints(was_synced=True, initialised=initialised)
        disk = inspection.inspect(node.layout, node.recover(), member)
        joiner = inspection.inspect(node.layout, NO_SERVER, member._replace(joining=True, same_boot=True))
    assert (disk.data_class, disk.transfer_may_be_complete) == (DataClass.SST_INTERRUPTED, True)
    assert (disk.position, disk.view) == (plain.position, plain.view)
    assert disk.detail.endswith("although no join is open here")
    assert (joiner.data_class, joiner.position) == (DataClass.SST_INTERRUPTED, None)


@pytest.mark.galera
def test_what_a_member_s_torn_disk_holds_is_unknown_if_the_server_cannot_recover_it(
    volume: Path, left: Remains
) -> None:
    with mounted(volume, left["crashed"]) as node:
        leave_sign(node.layout, "sst_in_progress")
        (node.layout.data / "ibdata1").write_bytes(b"torn")
        disk = inspection.inspect(node.layout, node.recover(), JournalHints(was_synced=True))
    assert disk.data_class is DataClass.UNKNOWN
    assert disk.view is not None, "a later view than another pod's counts also if nothing else is known"


def test_a_sign_of_a_transfer_without_a_database_hides_nothing(volume: Path) -> None:
    layout = Layout(volume)
    layout.data.mkdir()
    leave_sign(layout, "sst_in_progress")
    disk = inspection.inspect(layout, NO_SERVER, JournalHints(was_synced=True))
    assert (disk.data_class, disk.transfer_may_be_complete) == (DataClass.SST_INTERRUPTED, False)


@pytest.mark.galera
def test_the_fingerprint_changes_with_any_writer_and_not_by_itself(volume: Path, left: Remains) -> None:
    with mounted(volume, left["clean"]) as node:
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
