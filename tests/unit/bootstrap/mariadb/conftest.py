"""The programs of each series of MariaDB."""

import os

import pytest

from tests.lab import series
from tests.support.installed import require_series


@pytest.fixture(params=series.SUITES)
def each_series(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each series in turn; its programs come first in the PATH."""
    name: str = request.param
    require_series(name)
    monkeypatch.setenv(series.VARIABLE, name)
    monkeypatch.setenv("PATH", f"{series.make_path(name)}{os.pathsep}{os.environ['PATH']}")
    return name
