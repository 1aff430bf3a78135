"""Skip, loudly, what needs programs that this machine does not have."""

import pytest

from tests.lab import machine, series, user


def require(*programs: str) -> None:
    """Skip the test unless a lab can run here, and these programs are there, too."""
    try:
        machine.check(*programs)
    except user.NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")


def require_series(name: str) -> None:
    """Skip the test unless this series of MariaDB can run here."""
    try:
        series.make_path(name)
    except user.NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
