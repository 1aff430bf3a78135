"""Which backup and which pieces lead to a moment, and why none do."""

from datetime import UTC, datetime

import pytest

from bootstrap.core.binlog.chain import Piece
from bootstrap.core.binlog.events import Gtid
from bootstrap.core.binlog.selection import Limits
from bootstrap.core.repository.moments import LATEST, Moment, find_obstacle, make_plan, parse_moment
from bootstrap.core.repository.snapshots import Snapshot
from bootstrap.errors import MomentUnreachableError, SettingInvalidError

A, B = "aaaaaaaa-0000-11f1-b412-43c8a739f785", "bbbbbbbb-0000-11f1-b412-43c8a739f785"


def at(hour: int, minute: int = 0) -> str:
    return f"20261130T{hour:02}{minute:02}00Z"


def backup(hour: int, seqno: int | None, history: str = A) -> Snapshot:
    gtid = Gtid(7, 100, seqno) if seqno is not None else None
    return Snapshot(
        f"b{hour}", "db/mysql", at(hour), f"{history}:{seqno}", "11.8", "", gtid, at(hour, 5) if gtid else ""
    )


def piece(after: int, last: int, until: str, history: str = A) -> Piece:
    return Piece(f"p{after}", "db/mysql", until, history, Gtid(7, 100, after), Gtid(7, 100, last), until)


BACKUPS = (backup(3, 100), backup(9, 200))
PIECES = (piece(50, 150, at(6)), piece(150, 250, at(12)), piece(250, 300, at(15)))


def plan(moment: str, backups: tuple[Snapshot, ...] = BACKUPS, pieces: tuple[Piece, ...] = PIECES, name: str = LATEST):  # type: ignore[no-untyped-def]  # noqa: ANN201
    return make_plan(backups, pieces, parse_moment(moment), name)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-30T14:05:00Z", datetime(2026, 11, 30, 14, 5, tzinfo=UTC)),
        ("2026-11-30 14:05:00+00:00", datetime(2026, 11, 30, 14, 5, tzinfo=UTC)),
        ("2026-11-30T14:05+02:00", datetime(2026, 11, 30, 12, 5, tzinfo=UTC)),
        ("20261130T140500Z", datetime(2026, 11, 30, 14, 5, tzinfo=UTC)),
        ("2026-03-01T00:30:15+0100", datetime(2026, 2, 28, 23, 30, 15, tzinfo=UTC)),
        ("2026-12-31T14:05:00Z", datetime(2026, 12, 31, 14, 5, tzinfo=UTC)),
        ("2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2028-02-29T23:59:59-09:30", datetime(2028, 3, 1, 9, 29, 59, tzinfo=UTC)),
    ],
)
def test_a_time_needs_a_zone(text: str, time: datetime) -> None:
    assert parse_moment(text) == Moment(time=int(time.timestamp()), text=text)


def test_a_gtid_and_the_latest_are_moments() -> None:
    assert parse_moment("7-100-4711") == Moment(gtid=Gtid(7, 100, 4711), text="7-100-4711")
    assert parse_moment("latest") == Moment()
    assert [str(parse_moment(text)) for text in ("7-100-1", "latest", "20261130T140500Z")] == [
        *("7-100-1", "latest", "20261130T140500Z")
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-11-30T14:05:00", "names no zone: write 2026-11-30T14:05:00Z for UTC"),
        ("2026-11-30", "is no moment"),
        ("yesterday", "is no moment"),
        ("", "is no moment"),
        ("2026-13-30T14:05:00Z", "is no moment"),
        ("2026-00-30T14:05:00Z", "is no moment"),
        ("2026-02-29T14:05:00Z", "is no moment"),
        ("2026-02-00T14:05:00Z", "is no moment"),
        ("2026-02-01T24:05:00Z", "is no moment"),
        ("2026-02-01T14:60:00Z", "is no moment"),
        ("2026-02-01T14:05:60Z", "is no moment"),
        ("1969-12-31T14:05:00Z", "is no moment"),
        ("7-100", "is no moment"),
        ("2026-11-30T14:05:00.5Z", "whole seconds only"),
    ],
)
def test_what_is_no_moment_is_refused(text: str, why: str) -> None:
    with pytest.raises(SettingInvalidError, match=why):
        parse_moment(text)


def test_the_newest_backup_before_a_time_is_taken_and_the_log_from_its_gtid() -> None:
    found = plan("2026-11-30T10:00:00Z")

    assert found.backup == BACKUPS[1]
    assert found.chain.pieces == PIECES[1:]
    assert found.limits == Limits(7, 200, None, int(datetime(2026, 11, 30, 10, tzinfo=UTC).timestamp()))
    assert plan("2026-11-30T09:05:00Z").backup == BACKUPS[1]
    assert plan("2026-11-30T09:04:59Z").backup == BACKUPS[0]
    # All that was acknowledged before this second is there.
    assert plan("2026-11-30T15:00:00Z").backup == BACKUPS[1]
    assert plan("2026-11-30T10:00:00Z", name=at(3)).backup == BACKUPS[0]


def test_the_newest_backup_before_a_gtid_is_taken() -> None:
    found = plan("7-100-200")

    assert (found.backup, found.limits) == (BACKUPS[1], Limits(7, 200, 200))
    assert plan("7-100-199").backup == BACKUPS[0]
    assert plan("7-100-300").chain.last.seqno == 300


def test_the_latest_is_all_that_there_is() -> None:
    found = plan("latest")

    assert (found.backup, found.limits, found.chain.last.seqno) == (BACKUPS[1], Limits(7, 200), 300)


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        ("2026-11-30T03:04:59Z", f"no backup is old enough for .*: the oldest, {at(3)}, ended at 7-100-100, 2026-"),
        ("7-100-99", "no backup is old enough"),
        ("8-100-250", "no backup is old enough"),
        (
            "2026-11-30T15:00:01Z",
            "leads to 7-100-300, where all was there .* before 2026-11-30T15:00:00Z; --until=latest",
        ),
        ("7-100-301", "7-100-301 is not reached: .*leads to 7-100-300"),
    ],
)
def test_a_moment_that_is_not_covered_is_refused(moment: str, why: str) -> None:
    with pytest.raises(MomentUnreachableError, match=f"NOT RESTORED: .*{why}"):
        plan(moment)


@pytest.mark.parametrize("moment", ["latest", "2026-11-30T14:00:00Z", "7-100-260"])
def test_what_is_behind_a_gap_is_refused_and_what_is_before_it_is_named(moment: str) -> None:
    torn = (PIECES[0], piece(150, 250, at(12)), piece(255, 300, at(15)))

    with pytest.raises(MomentUnreachableError, match="missing up to 7-100-255; --until=7-100-250 restores"):
        plan(moment, pieces=torn)
    assert plan("7-100-250", pieces=torn).chain.last.seqno == 250
    assert plan("2026-11-30T11:00:00Z", pieces=torn).chain.last.seqno == 250


def test_a_moment_between_the_end_of_one_history_and_the_first_backup_of_the_next_is_not_reached() -> None:
    backups = (*BACKUPS, backup(20, 260, B))
    pieces = (*PIECES, piece(255, 280, at(22), B))

    with pytest.raises(MomentUnreachableError, match="leads to 7-100-300"):
        plan("2026-11-30T18:00:00Z", backups, pieces)
    assert plan("2026-11-30T21:00:00Z", backups, pieces).backup.history == B


def test_a_gtid_that_two_histories_have_needs_a_backup_by_name() -> None:
    backups = (*BACKUPS, backup(20, 260, B))
    pieces = (*PIECES, piece(255, 280, at(22), B))

    with pytest.raises(MomentUnreachableError, match=r"more than one history .*--name"):
        plan("7-100-270", backups, pieces)
    assert plan("7-100-270", backups, pieces, name=at(20)).backup.history == B
    assert plan("7-100-290", backups, pieces).backup == BACKUPS[1]
    assert plan("7-100-300", backups, pieces).backup == BACKUPS[1]
    with pytest.raises(MomentUnreachableError, match="7-100-301 is not reached"):
        plan("7-100-301", backups, pieces)


def test_a_log_of_which_no_time_is_known_reaches_no_time() -> None:
    with pytest.raises(MomentUnreachableError, match="leads to 7-100-200; --until=latest"):
        plan("2026-11-30T10:00:00Z", pieces=())


def test_a_backup_of_which_the_time_is_impossible_is_before_no_time() -> None:
    unknown = BACKUPS[0]._replace(taken="20261399T000000Z")

    with pytest.raises(MomentUnreachableError, match="no backup is old enough"):
        plan("2026-11-30T10:00:00Z", (unknown,))


def test_what_keeps_a_restore_from_the_present_is_named() -> None:
    last = Gtid(7, 100, 300)
    torn = (PIECES[0], piece(150, 250, at(12)), piece(255, 300, at(15)))

    assert find_obstacle(BACKUPS, PIECES, last) == ""
    assert find_obstacle(BACKUPS, PIECES, Gtid(7, 100, 200)) == ""
    assert "no backup of this history has a GTID yet" in find_obstacle([backup(3, None)], PIECES, last)
    assert "no backup of this history has a GTID yet" in find_obstacle(BACKUPS, PIECES, Gtid(8, 100, 300))
    assert f"the newest backup, {at(9)}, the log leads only to 7-100-250" in find_obstacle(BACKUPS, torn, last)
    assert find_obstacle((*BACKUPS, backup(13, 255)), torn, last) == ""
    assert find_obstacle((*BACKUPS, backup(16, 300)), torn, last) == ""


def test_without_a_backup_with_a_gtid_nothing_is_restored() -> None:
    with pytest.raises(MomentUnreachableError, match="no backup has a GTID"):
        plan("latest", (backup(3, None),))
    with pytest.raises(MomentUnreachableError, match=f"the backup {at(4)} is not there, or has no GTID"):
        plan("latest", name=at(4))
