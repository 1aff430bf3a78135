"""Events are found in whatever pieces a file is read, and nothing that was changed or cut is taken for whole."""

import struct
from pathlib import Path

import pytest

from bootstrap.core.binlog import events
from bootstrap.core.binlog.events import GTID, MAGIC, Gtid, find_domain, parse_gtid, split
from bootstrap.errors import BinlogInvalidError
from tests.support.binlog import ROWS, begin, chunks, description, event, file, transaction

REAL = Path(__file__).parents[2] / "data" / "mysql-bin-10.11.000007"


@pytest.mark.parametrize("size", [1, 3, 19, 20, 256, 10**6])
def test_a_file_that_a_real_server_wrote_is_read_in_pieces_of_any_size(size: int) -> None:
    content = REAL.read_bytes()
    found = list(split(chunks(content, size)))

    assert [str(one.gtid) for one in found if one.gtid] == ["7-100-128", "7-100-129", "7-100-130"]
    assert [one.type for one in found[:5]] == [15, 163, 161, 161, 162]
    assert MAGIC + b"".join(one.raw for one in found) == content
    assert found[-1].next_position == len(content)
    assert found[4].time == 1796060011


def test_every_changed_byte_of_a_real_file_is_seen() -> None:
    content = REAL.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0x40
        with pytest.raises(BinlogInvalidError):
            list(split([bytes(changed)]))


def test_a_file_that_is_cut_anywhere_is_not_whole_except_between_two_events() -> None:
    content = REAL.read_bytes()
    ends, place = set(), len(MAGIC)
    for one in split([content]):
        place += len(one.raw)
        ends.add(place)
    for size in range(len(content)):
        if size in ends:
            assert list(split([content[:size]]))
        else:
            with pytest.raises(BinlogInvalidError, match=r"cut|empty"):
                list(split([content[:size]]))


def test_what_comes_before_a_cut_is_yielded_before_the_complaint() -> None:
    content = file(transaction(1), transaction(2))
    found = split([content[:-1]])

    assert [next(found).gtid for _ in range(5)][4] == Gtid(7, 100, 2)
    next(found)
    with pytest.raises(BinlogInvalidError, match="cut in the middle of an event"):
        next(found)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is empty"),
        (MAGIC, "the file is empty"),
        (b"#!/bin/sh\n", "no file of a binary log"),
        (MAGIC + event(ROWS, b"x"), "does not begin with the description"),
        (MAGIC + event(events.FORMAT)[:19] + b"", "cut|description|size"),
        (MAGIC + event(events.FORMAT, bytes(4), sum_=False), "does not begin with the description"),
        (MAGIC + description() + bytes(19), "at .* has an impossible size"),
        (file(event(GTID, b"1234")), "a GTID is cut"),
    ],
)
def test_what_is_no_binary_log_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(BinlogInvalidError, match=why):
        list(split([content]))


def test_a_server_without_checksums_is_read_too() -> None:
    content = MAGIC + description(has_sums=False) + event(ROWS, b"12345678", sum_=False)

    assert [one.type for one in split([content])] == [events.FORMAT, ROWS]


def test_the_shortest_events_are_read() -> None:
    """A Stop is only its header; a GTID and the kind of the checksums end where their events end."""
    kind_and_sum = event(events.FORMAT, bytes(5), sum_=False)
    stop, gtid = event(events.STOP, sum_=False), event(GTID, struct.pack("<QI", 5, 7), sum_=False)

    found = list(split([MAGIC + kind_and_sum + stop + gtid]))
    assert [(one.type, one.gtid) for one in found] == [
        (events.FORMAT, None),
        (events.STOP, None),
        (GTID, Gtid(7, 100, 5)),
    ]


def test_the_flag_of_a_file_that_is_being_written_is_not_part_of_its_checksum() -> None:
    content = bytearray(file(begin(Gtid(7, 1, 5))))
    content[4 + 17] |= 0x01

    assert [one.gtid for one in split([bytes(content)])] == [None, Gtid(7, 1, 5)]


def test_the_flags_of_all_other_events_are_part_of_their_checksums() -> None:
    content = bytearray(file(begin(Gtid(7, 1, 5))))
    content[len(file()) + 17] |= 0x01

    with pytest.raises(BinlogInvalidError, match="does not have its checksum"):
        list(split([bytes(content)]))


@pytest.mark.parametrize("text", ["", "7-100", "7-100-", "-1-2-3", "7-100-5x", "a-b-c", "7-100-12345678901234567890"])
def test_what_is_no_gtid(text: str) -> None:
    assert parse_gtid(text) is None


def test_a_gtid_is_read_and_shown() -> None:
    assert parse_gtid(" 7-100-4711\n") == Gtid(7, 100, 4711)
    assert str(Gtid(7, 100, 4711)) == "7-100-4711"


def test_the_gtid_of_a_domain_is_found_in_a_list() -> None:
    assert find_domain("7-100-195,8-100-1", 7) == Gtid(7, 100, 195)
    assert find_domain("[7-100-195, 8-100-1, 7-9-200]", 7) == Gtid(7, 9, 200)
    assert find_domain("[]", 7) is None
    assert find_domain("8-100-1", 7) is None
    with pytest.raises(BinlogInvalidError, match="no list of GTIDs"):
        find_domain("7-100-1,nonsense", 7)
