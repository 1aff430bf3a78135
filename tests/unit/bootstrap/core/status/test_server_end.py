"""How a server has ended, in words and from the events."""

from datetime import UTC, datetime

import pytest

from bootstrap.core.status.events import Event
from bootstrap.core.status.server_end import KIND, describe_end, find_last_end

NOW = datetime(2026, 11, 30, 12, 0, 0, tzinfo=UTC)


def read_age(text: str) -> float | None:
    try:
        return (NOW - datetime.fromisoformat(text)).total_seconds()
    except ValueError:
        return None


def ended(time: str, how: str, text: str = "", kind: str = KIND) -> Event:
    return Event(1, f"2026-11-30T{time}.000Z", kind, text, how)


@pytest.mark.parametrize(
    ("how", "error", "again", "line"),
    [
        ("SIGKILL", "", True, "the server was ended by SIGKILL and is started again"),
        ("SIGABRT", "it is so", False, "the server was ended by SIGABRT and its container: it is so"),
        ("status-1", "", False, "the server ended with status 1 and its container"),
    ],
)
def test_an_end_is_described_in_one_line(how: str, error: str, line: str, *, again: bool) -> None:
    assert describe_end(how, error, again=again) == line


def test_a_long_error_is_cut() -> None:
    assert len(describe_end("SIGKILL", "x" * 1000, again=True)) == 360


def test_the_last_one_counts_with_those_of_the_last_hour() -> None:
    events = (
        ended("10:59:59", "SIGSEGV"),
        ended("11:00:00", "SIGSEGV"),
        ended("11:30:00", "status-1", kind="failure"),
        ended("11:40:00", "", "the server has ended 2 times and was not Synced"),
        ended("11:59:50", "SIGKILL", describe_end("SIGKILL", "", again=True)),
        ended("11:59:55", "", "the server has ended 3 times and was not Synced"),
    )
    last = find_last_end(events, read_age)
    assert last is not None
    assert (last.how, last.times, last.seconds, last.time) == ("SIGKILL", 2, 10.0, "2026-11-30T11:59:50.000Z")
    assert last.line == "the server was ended by SIGKILL and is started again"
    assert last.is_again


@pytest.mark.parametrize(
    "events", [(), (ended("10:59:59", "SIGKILL"),), (ended("11:59:59", ""),), (ended("no time", "SIGKILL"),)]
)
def test_one_of_long_ago_or_without_a_time_is_none(events: tuple[Event, ...]) -> None:
    assert find_last_end(events, read_age) is None


def test_one_that_has_ended_its_container_is_not_started_again_there() -> None:
    last = find_last_end([ended("11:59:59", "status-1", describe_end("status-1", "", again=False))], read_age)
    assert last is not None
    assert not last.is_again


def test_its_age_is_in_tenths_of_a_second() -> None:
    last = find_last_end([Event(1, "2026-11-30T11:59:49.740Z", KIND, "", "SIGKILL")], read_age)
    assert last is not None
    assert last.seconds == 10.3


def test_a_clock_that_was_put_back_makes_no_negative_time() -> None:
    last = find_last_end([ended("12:10:00", "SIGKILL")], read_age)
    assert last is not None
    assert last.seconds == 0.0
