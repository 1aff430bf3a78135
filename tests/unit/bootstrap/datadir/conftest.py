"""Datadirs of real servers, and a folder for a volume."""

from pathlib import Path

import pytest

from tests.support.bootstrap import servers
from tests.support.bootstrap.remains import Remains


@pytest.fixture(scope="session")
def left() -> Remains:
    return Remains()


@pytest.fixture
def volume() -> Path:
    return servers.workspace()
