"""What is written about a piece is read again, and what cannot be understood is no piece."""

import json

import pytest

from bootstrap.core.binlog.chain import Piece
from bootstrap.core.binlog.events import Gtid
from bootstrap.core.repository import pieces, snapshots
from bootstrap.core.repository.pieces import Segment
from bootstrap.errors import BackupInvalidError, BinlogInvalidError

HISTORY = "6fe0d4fa-0000-11f1-b412-43c8a739f785"
NAME, UNTIL = "20261130T140000Z", "20261130T140501Z"
PIECE = Piece("id1", "db/mysql", NAME, HISTORY, Gtid(7, 100, 5), Gtid(7, 101, 90), UNTIL)
SEGMENTS = (
    Segment("000001.binlog", Gtid(7, 100, 5), Gtid(7, 100, 40), 30, 4000, "ab"),
    Segment("000002.binlog", Gtid(7, 100, 40), Gtid(7, 101, 90), 50, 9000, "cd"),
)


def printed(*tags: str) -> str:
    return json.dumps([{"id": "id1", "hostname": "db/mysql", "tags": list(tags)}])


def test_what_was_tagged_is_read_again() -> None:
    assert pieces.parse(printed(*pieces.make_tags(PIECE, "11.8"))) == (PIECE,)
    assert pieces.parse("null") == ()
    idle = PIECE._replace(last=PIECE.after)
    assert pieces.parse(printed(*pieces.make_tags(idle, "11.8"))) == (idle,)
    assert "series=11.8" in pieces.make_tags(PIECE, "11.8")


def test_no_tag_has_a_comma_at_which_restic_would_cut_it() -> None:
    assert not any("," in tag for tag in pieces.make_tags(PIECE, "11.8"))


def test_a_piece_is_no_backup_and_a_backup_is_no_piece() -> None:
    assert snapshots.parse(printed(*pieces.make_tags(PIECE, "11.8"))) == ()
    assert pieces.parse(printed(snapshots.MARK, f"backup={NAME}")) == ()


@pytest.mark.parametrize(
    "wrong", ["log=x", "history=", "after=7-100", "last=8-100-90", "last=7-100-4", "last=", "until=soon"]
)
def test_tags_that_cannot_be_read_make_no_piece(wrong: str) -> None:
    key = wrong.partition("=")[0]
    tags = [wrong if tag.startswith(f"{key}=") else tag for tag in pieces.make_tags(PIECE, "11.8")]

    assert pieces.parse(printed(*tags)) == ()


@pytest.mark.parametrize("missing", ["log", "history", "after", "last", "until"])
def test_without_one_of_its_tags_it_is_no_piece(missing: str) -> None:
    tags = [tag for tag in pieces.make_tags(PIECE, "11.8") if not tag.startswith(f"{missing}=")]

    assert pieces.parse(printed(*tags)) == ()


@pytest.mark.parametrize("output", ["", "{}x", "[1]"])
def test_what_cannot_be_understood_is_no_list(output: str) -> None:
    with pytest.raises(BackupInvalidError, match="cannot be understood"):
        pieces.parse(output)


def test_the_list_of_a_piece_is_read_again() -> None:
    assert pieces.parse_list(pieces.format_list(PIECE, SEGMENTS, "11.8.9"), PIECE) == SEGMENTS
    idle = PIECE._replace(last=PIECE.after)
    assert pieces.parse_list(pieces.format_list(idle, (), "11.8.9"), idle) == ()


@pytest.mark.parametrize("segments", [(), SEGMENTS[:1], SEGMENTS[1:], SEGMENTS[::-1]])
def test_files_that_do_not_lead_from_end_to_end_are_refused(segments: tuple[Segment, ...]) -> None:
    with pytest.raises(BinlogInvalidError, match="do not lead from 7-100-5 to 7-101-90"):
        pieces.parse_list(pieces.format_list(PIECE, segments, "11.8.9"), PIECE)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"schema": "another", "history": ""}'])
def test_a_list_that_cannot_be_understood_is_refused(text: bytes) -> None:
    with pytest.raises(BinlogInvalidError, match=f"the list of the piece {NAME} cannot be understood"):
        pieces.parse_list(text, PIECE)


def test_the_list_of_another_history_or_with_a_wrong_gtid_is_refused() -> None:
    with pytest.raises(BinlogInvalidError, match="another kind or history"):
        pieces.parse_list(pieces.format_list(PIECE._replace(history="b"), SEGMENTS, ""), PIECE)
    with pytest.raises(BinlogInvalidError, match="another kind or history"):
        pieces.parse_list(pieces.format_list(PIECE, SEGMENTS, "").replace(b"log/v1", b"log/v2"), PIECE)
    with pytest.raises(BinlogInvalidError, match="'x' is no GTID"):
        pieces.parse_list(pieces.format_list(PIECE, SEGMENTS, "").replace(b'"7-100-40"', b'"x"'), PIECE)


def test_the_new_snapshot_is_read_from_the_summary() -> None:
    lines = ['{"message_type":"status"}', "noise", '{"message_type":"summary","snapshot_id":"abc"}', ""]

    assert pieces.parse_sent("\n".join(lines)) == "abc"
    with pytest.raises(BackupInvalidError, match="does not print which snapshot"):
        pieces.parse_sent("\n".join(lines[:2]))
    for other in ('{"message_type":"summary"}', '["summary"]', '{"message_type":"status","snapshot_id":"abc"}'):
        with pytest.raises(BackupInvalidError, match="does not print which snapshot"):
            pieces.parse_sent(other)
