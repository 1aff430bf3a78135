"""Values where nothing is said, and the small questions that they answer about themselves."""

from dataclasses import replace

import pytest

from bootstrap.core.decision.streaks import Patience, Streaks
from bootstrap.core.model import shapes, text
from bootstrap.core.model.disk import NIL_UUID, DataClass, Disk, JournalHints, LostView, Position, View
from bootstrap.core.model.facts import Facts, Override, Phase, PodState, Server, find_primary
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.model.unknown import Contact, Unknown
from tests.support.bootstrap.records import A, frozen

VIEW = View("gcomm-0", "gcomm-0", 5, bootstrap=False, members=("gcomm-0",))
AT_10 = Position(A, 10)
SERVER = Server("Primary", "Synced", A, 10, 3)


def test_nothing_is_known_where_nothing_is_said() -> None:
    assert LostView(VIEW, AT_10) == (VIEW, AT_10, False)
    assert Disk(DataClass.EMPTY) == (DataClass.EMPTY, None, False, "", False, None, False, None)
    assert JournalHints() == (False, False, False, False, None, "")
    assert Override(1, None) == (1, None, frozenset(), frozenset(), False, "")
    assert Unknown("why") == ("why", "", Contact.NOT_ASKED)
    assert Lifecycle() == (False, True, None, "", None, 0, None, False, 0)
    assert Patience() == (40, 8, 480, 80)
    assert Streaks() == (0, 0, frozenset(), 0)


def test_a_pod_of_which_nothing_is_said_has_no_record() -> None:
    assert PodState("galera-0", 0, "run-0", "volume-0", Phase.STARTING) == PodState(
        pod="galera-0",
        ordinal=0,
        run_id="run-0",
        volume_id="volume-0",
        phase=Phase.STARTING,
        disk=None,
        server=None,
        joining=False,
        was_synced=False,
        epoch=0,
        abandoned_term=0,
        promise=None,
        expected=frozenset(),
        volumes=(),
        lineage=(),
        bootstraps=(),
        override=None,
        view_checkpoint=None,
        has_foreign_members=False,
    )


def test_facts_of_which_nothing_is_said_confirm_nothing() -> None:
    assert Facts(frozen(0), {}) == Facts(
        frozen(0),
        {},
        min_epoch=0,
        last_one_out=False,
        expect_data=False,
        is_primary_confirmed=False,
        has_primary_kept_quorum=False,
        has_directory=True,
    )


def test_a_pod_is_expected_by_itself() -> None:
    assert Facts(frozen(0, expected=frozenset()), {}).expected == {0}


@pytest.mark.parametrize(
    ("server", "position"),
    [
        (SERVER, AT_10),
        (replace(SERVER, uuid=NIL_UUID), None),
        (replace(SERVER, last_committed=-1), None),
        (replace(SERVER, last_committed=0), Position(A, 0)),
    ],
    ids=["known", "no history", "no seqno", "nothing committed"],
)
def test_a_servers_position(server: Server, position: Position | None) -> None:
    assert server.position == position


@pytest.mark.parametrize("phase", Phase)
def test_a_primary_server_is_that_of_a_pod_that_runs(phase: Phase) -> None:
    assert find_primary(phase, SERVER) == (SERVER if phase is Phase.RUNNING else None)
    assert find_primary(phase, replace(SERVER, cluster_status="non-Primary")) is None
    assert find_primary(phase, replace(SERVER, uuid=NIL_UUID)) is None
    assert find_primary(phase, None) is None


def test_bounds() -> None:
    assert (shapes.MAX_ORDINAL, shapes.MAX_TEXT, text.LONGEST) == (999, 1024, 360)


def test_a_line_for_people_is_bounded_and_printable() -> None:
    assert text.one_line("a\nb\x1b[2J") == "a b [2J"
    assert text.one_line("x" * 360) == "x" * 360
    assert text.one_line("x" * 361) == "x" * 357 + "..."
    assert text.one_line("four", 4) == "four"
    assert text.one_line("fifth", 4) == "f..."


def test_a_database_is_new_only_if_it_was_made_here_and_was_in_no_cluster() -> None:
    assert JournalHints(initialised=True).is_new
    assert not JournalHints().is_new
    assert not JournalHints(initialised=True, was_synced=True).is_new
    assert not JournalHints(initialised=True, joining=True).is_new
