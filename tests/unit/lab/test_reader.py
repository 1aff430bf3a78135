"""The reader finds a row that is away, and says nothing of one that is there."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import machine
from tests.lab.database import Connection
from tests.lab.lab import Lab
from tests.lab.reader import Reader
from tests.lab.writer import TABLE, Writer


@pytest.fixture
def lab() -> Iterator[Lab]:
    try:
        machine.check()
    except machine.NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    with Lab(replicas=1) as lab:
        lab.up(1)
        lab.wait_synced(1)
        yield lab


@pytest.mark.galera
def test_a_row_that_is_away_is_found_and_no_other(lab: Lab, tmp_path: Path) -> None:
    with Writer(lab.layout, [lab.pod(0).ip], tmp_path / "acknowledged") as writer, writer.reader() as reader:
        lab.wait("rows are read", lambda: reader.count > 50)
        writer.stop()
        assert reader.missing == []
        # Not the highest id: that is of the last thread, and hundreds of the others' may have come after it.
        lost = writer.newest
        lab.sql(0, f"DELETE FROM {lab.layout.secret('database')}.{TABLE} WHERE id = {lost}")
        lab.wait("the row that is away is missed", lambda: bool(reader.missing))

    assert {number for number, _ in reader.missing} == {lost}


def test_a_reader_that_died_is_not_one_that_missed_nothing() -> None:
    """Of an error that is none of the server's."""
    dead = threading.Event()

    def connect(_ip: str) -> Connection:
        dead.set()
        raise RuntimeError("it died")

    with pytest.raises(RuntimeError, match="it died"), Reader(connect, ["127.0.0.1"], TABLE, lambda: [1]):
        assert dead.wait(60)
