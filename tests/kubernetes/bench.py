"""How long a human waits, and a client: overlays in turn on one cluster, so that their figures may be compared."""

import os
from collections.abc import Mapping
from pathlib import Path

from images.running import say
from tests.kubernetes.database import SET, Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.overlay import NAMESPACE
from tests.kubernetes.times import Times

ROWS = 20
"""Rows that the client writes before and after each fault."""


def run(kubectl: Kubectl, overlays: Mapping[str, Path], rounds: int) -> Times:
    """Measure each overlay so many times, in turn; returns the seconds.  Raises ClusterError."""
    times = Times()
    for number in range(rounds):
        for name, overlay in overlays.items():
            measure(Database(kubectl.in_namespace(NAMESPACE)), name, overlay, times)
            load = ", ".join(f"{figure:.1f}" for figure in os.getloadavg())
            say(f"round {number + 1} of {rounds}, {name}: load {load}\n{times.table()}")
    return times


def measure(database: Database, name: str, overlay: Path, times: Times) -> None:
    """A first start, all pods deleted by force, and a rolling restart, the last two under a client."""
    database.remove()
    with times.measure(f"{name}: first start, to 3 Ready and Synced"):
        database.apply(overlay)
        database.wait_synced(3)
    with database.writer():
        database.wait_acknowledged(ROWS)
        with times.measure(f"{name}: all pods deleted by force, to 3 Ready and Synced"):
            database.delete_all_pods()
            database.wait_synced(3)
        database.wait_acknowledged(ROWS)
    times.note(f"{name}: all pods deleted by force, a client waited", database.longest_gap())
    with database.writer():
        database.wait_acknowledged(ROWS)
        with times.measure(f"{name}: rolling restart"):
            database.kubectl("rollout", "restart", SET)
            database.kubectl("rollout", "status", SET, "--timeout=300s", seconds=310)
        database.wait_acknowledged(ROWS)
    times.note(f"{name}: rolling restart, a client waited", database.longest_gap())
    if complaints := database.judge().complaints:
        raise AssertionError("; ".join(complaints))
