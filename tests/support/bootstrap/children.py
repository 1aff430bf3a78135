"""Processes that a test's own programs have started, by the pids that they note in a file."""

import time
from collections.abc import Callable
from pathlib import Path


def wait_for(seen: Callable[[], bool], seconds: float = 60) -> None:
    """Poll until it is so."""
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.02)


def pids(path: Path) -> list[int]:
    """The pids in a file, one a line; none while there is no file."""
    return [int(line) for line in path.read_text().split()] if path.exists() else []
