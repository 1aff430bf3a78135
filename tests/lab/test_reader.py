"""The reader finds a row that is away, and says nothing of one that is there."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import machine
from tests.lab.lab import Lab
from tests.lab.writer import TABLE, Writer

pytestmark = pytest.mark.galera


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


def test_a_row_that_is_away_is_found_and_no_other(lab: Lab, tmp_path: Path) -> None:
    with Writer(lab.layout, [lab.pod(0).ip], tmp_path / "acknowledged") as writer, writer.reader() as reader:
        lab.wait("rows are read", lambda: reader.count > 50)
        writer.stop()
        assert reader.missing == []
        lost = max(writer.acknowledged)
        lab.sql(0, f"DELETE FROM {lab.layout.secret('database')}.{TABLE} WHERE id = {lost}")
        end = time.monotonic() + 60
        while not reader.missing and time.monotonic() < end:
            time.sleep(0.2)

    assert {number for number, _ in reader.missing} == {lost}
