"""Only the cluster's transactions are taken, each once, up to a moment."""

import pytest

from bootstrap.core.binlog import events
from bootstrap.core.binlog.events import MAGIC, Gtid, split
from bootstrap.core.binlog.selection import Limits, Part, Stop, select
from bootstrap.errors import BinlogInvalidError
from tests.support.binlog import ROWS, description, event, file, transaction


def take(limits: Limits, *parts: bytes) -> tuple[bytes, Stop | None]:
    """What is taken of a file with these events, and the first transaction that is not."""
    found = list(select(split([file(*parts)]), limits))
    stop = found[-1] if found and isinstance(found[-1], Stop) else None
    return b"".join(one.raw for one in found if isinstance(one, Part)), stop


def test_what_a_member_wrote_for_itself_and_what_belongs_to_its_file_is_left_out() -> None:
    own = (event(events.GTID_LIST, b"list"), event(events.CHECKPOINT, b"name"), transaction(1, domain=8))
    taken, stop = take(Limits(7, 0), *own, transaction(5), event(events.ROTATE, b"next"), transaction(6, domain=8))

    assert taken == description() + transaction(5)
    assert stop is None


def test_what_is_before_the_first_transaction_is_of_none() -> None:
    assert take(Limits(7, 0), event(ROWS, b"stray"), transaction(5))[0] == description() + transaction(5)
    _, *without_description = split([file(event(ROWS, b"stray"))])
    assert list(select(without_description, Limits(7, 0))) == []


def test_numbers_of_another_domain_are_not_compared() -> None:
    parts = (transaction(5), transaction(1, domain=8), transaction(99, domain=9), transaction(6))

    assert take(Limits(7, 0), *parts)[0] == description() + transaction(5) + transaction(6)


def test_what_is_there_already_is_not_taken_again() -> None:
    assert take(Limits(7, 2), transaction(1), transaction(2), transaction(4)) == (
        description() + transaction(4),
        None,
    )


def test_the_selection_ends_after_a_number_also_if_no_transaction_has_it() -> None:
    parts = (transaction(1), transaction(2), transaction(4, time=9), transaction(5))

    assert take(Limits(7, 0, last=2), *parts) == (
        description() + transaction(1) + transaction(2),
        Stop(Gtid(7, 100, 4), 9),
    )
    assert take(Limits(7, 0, last=3), *parts) == take(Limits(7, 0, last=2), *parts)


def test_the_selection_ends_before_the_first_transaction_of_a_second_even_if_a_later_one_is_older() -> None:
    parts = (transaction(1, time=10), transaction(2, time=12), transaction(3, time=11))

    assert take(Limits(7, 0, before=12), *parts) == (description() + transaction(1, time=10), Stop(Gtid(7, 100, 2), 12))
    assert take(Limits(7, 0, before=13), *parts)[1] is None


def test_what_is_there_already_does_not_end_it() -> None:
    assert take(Limits(7, 2, before=12), transaction(2, time=12), transaction(3, time=11)) == (
        description() + transaction(3, time=11),
        None,
    )


@pytest.mark.parametrize("second", [1, 2])
def test_numbers_that_do_not_rise_are_refused(second: int) -> None:
    with pytest.raises(BinlogInvalidError, match=f"7-100-{second} comes after number 2"):
        take(Limits(7, 9), transaction(2), transaction(second))


def test_a_log_with_an_incident_is_refused() -> None:
    with pytest.raises(BinlogInvalidError, match="incident"):
        take(Limits(7, 0), transaction(1), event(events.INCIDENT, b"\x01\x00"))


def test_the_parts_name_the_transactions_that_they_begin() -> None:
    found = list(select(split([file(transaction(3, time=5))]), Limits(7, 0)))

    assert [(one.begins, one.time) for one in found if isinstance(one, Part)] == [
        (None, 0),
        (Gtid(7, 100, 3), 5),
        (None, 5),
        (None, 5),
    ]
    assert MAGIC + b"".join(one.raw for one in found if isinstance(one, Part)) == file(transaction(3, time=5))
