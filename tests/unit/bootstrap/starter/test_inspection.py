"""When a starter looks at the datadir again: it believes an earlier report only while nothing has been written."""

from pathlib import Path
from typing import cast

import pytest

from bootstrap.control.starter_messages import AgentDecision, DecisionKind
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import DataClass, Disk, JournalHints, Position
from bootstrap.datadir import restore_marker
from bootstrap.datadir.restore_marker import Restored
from bootstrap.mariadb.recover import Recover
from bootstrap.starter.inspection import Inspection, ReportOutdatedError
from bootstrap.starter.launch import make_ready
from bootstrap.starter.pod import Pod
from bootstrap.storage import atomic
from bootstrap.storage.layout import Layout
from tests.support.bootstrap.records import A

NONE = JournalHints()
REPORTED = Disk(DataClass.CLEAN, Position(A, 5))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path)
    made.data.mkdir()
    made.meta.mkdir()
    return made


@pytest.fixture
def inspection(layout: Layout) -> Inspection:
    return Inspection(layout, Recover(("true",)), lambda *_: None)


def test_an_earlier_report_is_believed_while_the_datadir_is_the_same(inspection: Inspection) -> None:
    assert inspection.ensure(NONE, REPORTED, inspection.compute_fingerprint()) == REPORTED


def test_an_earlier_report_of_another_datadir_is_not(inspection: Inspection) -> None:
    assert inspection.ensure(NONE, REPORTED, "another one").data_class is DataClass.EMPTY


def test_a_change_after_the_report_is_noticed(inspection: Inspection, layout: Layout) -> None:
    inspection.ensure(NONE, None, "")
    inspection.check_unchanged()
    (layout.data / "grastate.dat").touch()
    with pytest.raises(ReportOutdatedError):
        inspection.check_unchanged()
    assert inspection.disk is None


@pytest.mark.parametrize("joining", [True, False])
def test_what_an_open_join_has_written_is_made_durable_before_it_is_read(
    inspection: Inspection, monkeypatch: pytest.MonkeyPatch, *, joining: bool
) -> None:
    def fail(path: Path) -> None:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(atomic, "sync_volume", fail)
    found = inspection.ensure(NONE._replace(joining=joining), None, "")
    assert (found.data_class is DataClass.UNKNOWN) is joining
    assert ("cannot be synced: Input/output error" in found.detail) is joining


def test_data_that_join_are_no_backups_any_more(layout: Layout) -> None:
    class ThisPod:
        def __init__(self) -> None:
            self.layout = layout

    restore_marker.write(layout.meta, Restored("backup", Position(A, 5)))
    kind = DecisionKind.JOIN
    join = AgentDecision(kind, Action.JOIN, "", "", first=False, forced=False, adopt=False, history="", term=0)
    make_ready(cast("Pod", ThisPod()), Recover(("false",)), Disk(DataClass.EMPTY), join)
    assert restore_marker.read(layout.meta) is None
