"""The piece that is made: only what is new, whole files, and a list that says what they hold."""

import hashlib
from pathlib import Path

import pytest

from bootstrap.core.binlog.chain import Piece
from bootstrap.core.binlog.events import Gtid
from bootstrap.core.binlog.selection import Limits
from bootstrap.core.repository import pieces
from bootstrap.errors import BinlogInvalidError
from bootstrap.operations.binlog.spool import Spool, copy_selected
from tests.support.binlog import file, transaction

EMPTY = Piece("", "db/mysql", "20261130T140000Z", "a", Gtid(7, 100, 3), Gtid(7, 100, 3), "19700101T000000Z")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", EMPTY)


def raw(spool: Spool, *parts: bytes) -> Path:
    path = spool.scratch / "mysql-bin.000007"
    path.write_bytes(file(*parts))
    return path


def test_each_look_adds_what_is_new(spool: Spool) -> None:
    assert spool.add(raw(spool, transaction(3), transaction(4), transaction(6, at=777))).next_position == 777
    assert spool.add(raw(spool, transaction(6))).last is None
    spool.add(raw(spool, transaction(6), transaction(8, domain=9), transaction(9)))
    spool.note("20261130T140501Z", "11.8.9")
    spool.write_list()

    assert [(str(one.after), str(one.last), one.transactions) for one in spool.segments] == [
        ("7-100-3", "7-100-6", 2),
        ("7-100-6", "7-100-9", 1),
    ]
    assert (spool.piece.last, spool.piece.until) == (Gtid(7, 100, 9), "20261130T140501Z")
    assert sorted(path.name for path in spool.folder.iterdir()) == ["000001.binlog", "000002.binlog", pieces.LIST]
    assert (spool.folder / "000001.binlog").read_bytes() == file(transaction(4), transaction(6, at=777))
    assert pieces.parse_list((spool.folder / pieces.LIST).read_bytes(), spool.piece) == spool.segments
    assert spool.size == sum(path.stat().st_size for path in spool.folder.glob("*.binlog"))


def test_a_file_that_is_cut_leaves_nothing(spool: Spool) -> None:
    path = raw(spool, transaction(4), transaction(5))
    path.write_bytes(path.read_bytes()[:-3])

    with pytest.raises(BinlogInvalidError, match="cut"):
        spool.add(path)
    assert (spool.segments, spool.piece.last, list(spool.folder.iterdir())) == ((), EMPTY.last, [])


def test_what_may_be_of_another_history_is_dropped(spool: Spool) -> None:
    spool.add(raw(spool, transaction(4)))
    spool.add(raw(spool, transaction(5)))
    spool.drop_after(1)

    assert (spool.piece.last, [path.name for path in spool.folder.iterdir()]) == (Gtid(7, 100, 4), ["000001.binlog"])
    spool.drop_after(0)
    assert (spool.piece.last, list(spool.folder.iterdir())) == (Gtid(7, 100, 3), [])


def test_a_new_piece_begins_in_an_empty_folder(spool: Spool, tmp_path: Path) -> None:
    spool.add(raw(spool, transaction(4)))

    assert list(Spool(tmp_path / "spool", EMPTY).folder.iterdir()) == []


def test_a_selection_says_what_it_has_written_and_where_it_has_stopped(tmp_path: Path) -> None:
    source, target = tmp_path / "from", tmp_path / "to"
    source.write_bytes(file(transaction(1, time=5), transaction(2, time=6), transaction(4, time=7)))
    found = copy_selected(source, target, Limits(7, 0, last=3))

    content = target.read_bytes()
    assert content == file(transaction(1, time=5), transaction(2, time=6))
    assert (found.last, found.last_time, found.transactions) == (Gtid(7, 100, 2), 6, 2)
    assert (found.size, found.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert found.stop is not None
    assert (found.stop.gtid, found.stop.time) == (Gtid(7, 100, 4), 7)
