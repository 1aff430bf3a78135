"""The marks of the longer tests, which only `make fault`, `make examples` and E2E_FULL=1 run."""

import os

import pytest

FULL = os.environ.get("E2E_FULL") == "1"

full = pytest.mark.skipif(
    not FULL, reason="NOT TESTED: one of the longer tests; `make fault`, `make examples` or E2E_FULL=1 runs it"
)

may_mount = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: a full disk; only root can mount one")
"""The mark of tests that need a small disk."""

BOTH_METHODS = ["rsync", pytest.param("mariabackup", marks=full)]
"""The methods of a state transfer; the second one is tested only with the longer tests."""
