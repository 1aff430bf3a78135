"""Starters as real processes beside a real agent; only the server is a script that writes down how it was started."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bootstrap.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.close()


@pytest.fixture
def waiting(machine: Machine) -> Machine:
    """A pod that waits for another one without limit."""
    machine.replicas = 2
    machine.database()
    machine.agent()
    return machine
