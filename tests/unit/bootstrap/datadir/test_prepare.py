"""What is done to a datadir before a start."""

from pathlib import Path

import pytest

from bootstrap.core.galera import grastate
from bootstrap.core.galera.grastate import GraState
from bootstrap.core.model.disk import DataClass, Disk, JournalHints, Position
from bootstrap.datadir import inspection, prepare
from bootstrap.datadir.last_view import read_last_view
from bootstrap.storage.layout import Layout
from tests.support.bootstrap import servers
from tests.support.bootstrap.records import B
from tests.support.bootstrap.remains import NO_SERVER, Remains, inspect, mounted, state_of


@pytest.mark.galera
@pytest.mark.parametrize("name", ["clean", "crashed", "ddl_crash", "donor", "lost"])
def test_a_prepared_candidate_bootstraps_its_own_history(volume: Path, left: Remains, name: str) -> None:
    with mounted(volume, left["crashed" if name == "lost" else name]) as node:
        if name == "lost":
            node.layout.grastate.unlink()
        disk = inspect(node)
        assert disk.position is not None
        # A donor's file has the seqno, too: that of its pause.
        has_seqno = name in ("clean", "donor")
        prepare.prepare_bootstrap(node.layout, disk.position)
        state = state_of(node.layout.data)
        assert (state.uuid, state.safe_to_bootstrap) == (disk.position.uuid, True)
        assert state.seqno == (disk.position.seqno if has_seqno else -1)
        node.bootstrap(f"--wsrep_start_position={disk.position}")
        assert node.status("wsrep_cluster_state_uuid") == disk.position.uuid
        assert int(node.status("wsrep_last_committed")) > disk.position.seqno
        node.sql("DELETE FROM app.big WHERE id = 1")


@pytest.mark.galera
@pytest.mark.parametrize("name", ["sst_late", "sst_early", "sst_late_over_old_data"])
def test_an_interrupted_joiner_stays_interrupted_until_a_whole_transfer_has_ended(
    volume: Path, left: Remains, name: str
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
def test_cleaning_a_whole_datadir_for_a_join_keeps_its_position(volume: Path, left: Remains) -> None:
    with mounted(volume, left["donor"]) as node:
        (node.layout.data / "gvwstate.dat").write_bytes(b"")
        before = inspect(node)
        prepare.clean_for_join(node.layout, before)
        after = inspect(node)
        assert (after.data_class, after.position) == (before.data_class, before.position)
        assert not (node.layout.data / "gvwstate.dat").exists()
        assert not (node.layout.data / "wsrep_sst.pid").exists()


@pytest.mark.galera
def test_a_crashed_joiner_gets_minus_one_for_a_seqno_that_innodb_does_not_hold(volume: Path, left: Remains) -> None:
    """A seqno in grastate.dat wins over --wsrep_start_position: the IST would begin in the wrong place."""
    with mounted(volume, left["crashed"]) as node:
        state = state_of(node.layout.data)
        wrong = GraState(state.uuid, 10**6, safe_to_bootstrap=True)
        node.layout.grastate.write_bytes(grastate.render(wrong))
        disk = inspect(node)
        assert disk.data_class == DataClass.CRASHED
        prepare.clean_for_join(node.layout, disk)
        assert state_of(node.layout.data) == GraState(state.uuid, -1, safe_to_bootstrap=False)
        assert inspect(node).position == disk.position


@pytest.mark.galera
def test_a_crash_keeps_the_last_view_beside_the_journal_and_out_of_the_join(volume: Path, left: Remains) -> None:
    with mounted(volume, left["crashed"]) as node:
        view = read_last_view(node.layout)
        assert view is not None
        kept = (node.layout.data / "gvwstate.dat").read_bytes()
        prepare.clean_for_join(node.layout, inspect(node))
        assert read_last_view(node.layout) is None
        assert (node.layout.meta / "gvwstate.dat").read_bytes() == kept


def test_a_candidate_keeps_a_good_view_and_loses_one_that_ends_galera(volume: Path) -> None:
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
    prepare.prepare_fork(layout, B)
    assert [path.name for path in layout.data.iterdir()] == ["grastate.dat"]
    state = state_of(layout.data)
    assert (state.uuid, state.seqno, state.safe_to_bootstrap) == (B, -1, True)


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
