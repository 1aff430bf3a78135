"""The spans of moments: a restore reaches their ends, and nothing beside them."""

import pytest

from bootstrap.core.binlog.chain import Piece
from bootstrap.core.binlog.events import Gtid
from bootstrap.core.repository.moments import format_name, make_plan, parse_moment
from bootstrap.core.repository.reach import Span, find_spans
from bootstrap.core.repository.snapshots import Snapshot
from bootstrap.errors import MomentUnreachableError

A, B = "aaaaaaaa-0000-11f1-b412-43c8a739f785", "bbbbbbbb-0000-11f1-b412-43c8a739f785"


def at(hour: int) -> str:
    return f"20261130T{hour:02}0000Z"


def backup(hour: int, seqno: int | None, history: str = A, domain: int = 7) -> Snapshot:
    gtid = Gtid(domain, 100, seqno) if seqno is not None else None
    return Snapshot(f"b{99 - hour}", "db/mysql", at(hour), f"{history}:9", "11.8", "", gtid, at(hour) if gtid else "")


def piece(after: int, last: int, hour: int, history: str = A, server: int = 100) -> Piece:
    ends = Gtid(7, server, after), Gtid(7, server, last)
    return Piece(f"p{after}", "db/mysql", at(hour), history, *ends, at(hour))


def test_backups_along_one_log_are_one_span() -> None:
    first, second = backup(3, 100), backup(9, 200)
    found = find_spans((second, first), (piece(150, 250, 12), piece(50, 150, 6)))
    assert found == (Span((first, second), Gtid(7, 100, 100), Gtid(7, 100, 250), at(12), None),)
    assert (found[0].history, found[0].taken) == (A, at(3))


def test_after_a_gap_only_a_backup_begins_a_new_span() -> None:
    first, second = backup(3, 100), backup(9, 200)
    pieces = (piece(100, 150, 6), piece(160, 180, 7), piece(190, 220, 10))
    assert find_spans((first, second), pieces) == (
        Span((first,), Gtid(7, 100, 100), Gtid(7, 100, 150), at(6), Gtid(7, 100, 160)),
        Span((second,), Gtid(7, 100, 200), Gtid(7, 100, 220), at(10), None),
    )


def test_a_backup_at_the_last_transaction_is_in_the_span_whichever_member_wrote_it() -> None:
    first, second = backup(3, 100), backup(9, 150)
    found = find_spans((first, second), (piece(100, 150, 6, server=99),))
    assert [span.backups for span in found] == [(first, second)]


def test_a_backup_without_log_reaches_its_own_end() -> None:
    one = backup(3, 100)
    assert find_spans((one, backup(4, None)), ()) == (Span((one,), Gtid(7, 100, 100), Gtid(7, 100, 100), "", None),)
    assert find_spans((), (piece(1, 2, 3),)) == ()


def test_histories_and_domains_share_no_span_and_the_older_comes_first() -> None:
    later, former, foreign = backup(3, 100, B), backup(2, 120, A), backup(4, 110, A, domain=8)
    found = find_spans((later, former, foreign), (piece(90, 200, 9, A), piece(90, 130, 9, B)))
    assert [(span.backups, span.last.seqno) for span in found] == [((former,), 200), ((later,), 130), ((foreign,), 110)]


@pytest.mark.parametrize("hours", [(3, 9), (3,)])
def test_a_restore_reaches_what_is_shown(hours: tuple[int, ...]) -> None:
    seqnos = {3: 100, 9: 200}
    backups = tuple(backup(hour, seqnos[hour]) for hour in hours)
    pieces = (piece(50, 150, 6), piece(160, 210, 10), piece(195, 300, 15))
    for span in find_spans(backups, pieces):
        for moment in (str(span.first), str(span.last), format_name(span.taken), format_name(span.until)):
            assert make_plan(backups, pieces, parse_moment(moment), "latest").backup in span.backups
        with pytest.raises(MomentUnreachableError):
            make_plan(backups, pieces, parse_moment(f"7-100-{span.last.seqno + 1}"), "latest")
