"""Fixtures of the tests of peer-finder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dns.knot import Knot, numbered_pods, pods
from tests.support.peerfinder.program import STARTED


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    """End processes that a failed test has left running."""
    yield
    while STARTED:
        with STARTED.pop() as process:
            if process.poll() is None:
                process.kill()


@pytest.fixture
def knot(tmp_path: Path) -> Iterator[Knot]:
    """A name server that knows no Service yet."""
    with Knot(tmp_path / "knot") as server:
        yield server


@pytest.fixture
def galera(knot: Knot) -> Knot:
    """A name server with the Service galera of three pods."""
    knot.publish(pods("galera", numbered_pods(3)))
    return knot
