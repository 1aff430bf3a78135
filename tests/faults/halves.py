"""Which faults `make test` leaves to `make fault` and E2E_FULL=1, because each takes a minute or more."""

import os

import pytest

FULL = os.environ.get("E2E_FULL") == "1"

full = pytest.mark.skipif(not FULL, reason="NOT TESTED: one of the longer faults; `make fault` or E2E_FULL=1 runs it")

BOTH_METHODS = ["rsync", pytest.param("mariabackup", marks=full)]
"""How a state transfer is made: the second way in the longer half."""
