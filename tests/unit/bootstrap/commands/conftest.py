"""A pod of two, whose agent and commands are real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bootstrap.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, replicas=2)
    yield made
    made.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Machine]:
    """A pod of one."""
    made = Machine(tmp_path)
    yield made
    made.close()
