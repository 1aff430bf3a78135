"""Skips these tests where there is no database."""

import pytest

from tests.lab import machine


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    try:
        machine.check()
    except machine.NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
