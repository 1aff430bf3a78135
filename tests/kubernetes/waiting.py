"""Waiting for a cluster's parts, and the error when that is in vain."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

STEP = 0.1
"""Seconds between two looks."""


class ClusterError(Exception):
    """A part of the cluster did not do what it should; the message says which, and how its log ends if it has one."""


def wait(what: str, look: Callable[[], Value | None], *, seconds: float, step: float = STEP) -> Value:
    """Look until there is something true, and return it.  Raises ClusterError after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise ClusterError(f"{what}: not there after {seconds:.0f} s")
        time.sleep(step)
    return found
