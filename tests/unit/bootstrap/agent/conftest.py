"""A fleet of real agents in this process."""

from collections.abc import Iterator

import pytest

from tests.support.bootstrap.fleet import Fleet


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    made = Fleet()
    yield made
    made.close()
