"""Waits for a cluster's parts, and defines the error when they do not come."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

STEP = 0.1
"""Seconds between two checks."""


class ClusterError(Exception):
    """A part of the cluster does not do what it should; the message names it, with the end of its log if it has one."""


def wait(what: str, check: Callable[[], Value | None], *, seconds: float, step: float = STEP) -> Value:
    """Check until the result is true, and return it.  Raises ClusterError after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        if time.monotonic() > deadline:
            raise ClusterError(f"{what}: not there after {seconds:.0f} s")
        time.sleep(step)
    return found
