"""The reader reports a row that is missing, and no row that is there."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.database import Connection
from tests.lab.lab import Lab
from tests.lab.reader import Reader
from tests.lab.writer import TABLE, Writer
from tests.support.installed import require


@pytest.fixture
def lab() -> Iterator[Lab]:
    require()
    with Lab(replicas=1) as lab:
        lab.up(1)
        lab.wait_synced(1)
        yield lab


@pytest.mark.galera
def test_a_missing_row_is_found_and_no_other(lab: Lab, tmp_path: Path) -> None:
    with Writer(lab.layout, [lab.pod(0).ip], tmp_path / "acknowledged") as writer, writer.make_reader() as reader:
        lab.wait("rows are read", lambda: reader.count > 50)
        writer.stop()
        assert reader.missing == []
        # Not the highest id: it is from the last thread, and the other threads may have written hundreds of rows later.
        lost = writer.newest
        lab.query(0, f"DELETE FROM {lab.layout.read_secret('database')}.{TABLE} WHERE id = {lost}")
        lab.wait("the missing row is found", lambda: bool(reader.missing))

    assert {number for number, _ in reader.missing} == {lost}


def test_a_reader_that_died_does_not_count_as_one_that_found_every_row() -> None:
    """It died from an error that did not come from a server."""
    dead = threading.Event()

    def connect(_ip: str) -> Connection:
        dead.set()
        raise RuntimeError("it died")

    with pytest.raises(RuntimeError, match="it died"), Reader(connect, ["127.0.0.1"], TABLE, lambda: [1]):
        assert dead.wait(60)
