"""Skip, loudly, what needs programs that this machine does not have."""

import pytest

from tests.lab import machine


def require(*programs: str) -> None:
    """Skip the test unless a lab can run here, and these programs are there, too."""
    try:
        machine.check(*programs)
    except machine.NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
