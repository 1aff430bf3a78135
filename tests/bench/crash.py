"""A server that dies several times in a row: how long it takes until all are Synced, and what its parent costs."""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.bench.agent import read_cpu_ms, read_kib
from tests.lab.lab import Lab
from tests.lab.pod import Pod
from tests.lab.runtime import MAIN
from tests.lab.writer import Writer

KILLS = 3
"""As often in ten minutes a server is started again by default."""

SETTLE_S = 3.0
"""Between two kills: so long all are Synced."""


class Times(NamedTuple):
    """The seconds from a kill."""

    started_again: float
    """To the start of a server, on every member whose server was killed."""
    a_primary: float
    """To a Primary Component."""
    all_synced: float
    """To three Synced."""


def measure(rounds: int) -> str:
    """Kill the server of one member three times in a row, then those of all; returns the tables."""
    one: list[list[Times]] = [[] for _ in range(KILLS)]
    all_of_them: list[list[Times]] = [[] for _ in range(KILLS)]
    with Lab() as lab:
        lab.up(3)
        for _ in range(rounds):
            for ordinals, seconds in (((0,), one), ((0, 1, 2), all_of_them)):
                # In new containers, where nothing counts yet.
                lab.kill_everything()
                lab.start_all()
                kill_in_a_row(lab, ordinals, seconds)
        memory = measure_keepers(list(lab.pods.values()))
    lines = ["| seconds from the kill (min / median / max) | n | 1st kill | 2nd | 3rd |", "|---|---|---|---|---|"]
    for name, seconds in (("one member", one), ("all members at once", all_of_them)):
        for what in Times._fields:
            cells = [format_spread([getattr(times, what) for times in kill]) for kill in seconds]
            lines.append(f"| {name}: {what.replace('_', ' ')} | {rounds} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *memory, "", f"load {os.getloadavg()[0]:.1f}", ""])


def kill_in_a_row(lab: Lab, ordinals: tuple[int, ...], seconds: list[list[Times]]) -> None:
    """Kill these servers under a writer, again and again; no container may end."""
    lab.wait_synced(len(lab.pods))
    starts = [pod.containers[MAIN].starts for pod in lab.pods.values()]
    with Writer(lab.layout, [pod.ip for pod in lab.pods.values()], lab.folder / "rows") as writer:
        for times in seconds:
            writer.wait_for(writer.count + 50)
            time.sleep(SETTLE_S)
            before, began = count_servers(lab), time.monotonic()
            for ordinal in ordinals:
                assert lab.pod(ordinal).crash_server()
            lab.wait("the starts", lambda: sum(count_servers(lab)) == sum(before) + len(ordinals))  # noqa: B023 - at once
            started = time.monotonic() - began
            lab.wait_primary()
            primary = time.monotonic() - began
            lab.wait_synced(len(lab.pods))
            times.append(Times(started, primary, time.monotonic() - began))
            print(f"{len(ordinals)} killed: {times[-1]}", flush=True)
    assert [pod.containers[MAIN].starts for pod in lab.pods.values()] == starts


def count_servers(lab: Lab) -> list[int]:
    """Count how often a server was started on each member."""
    logs = [pod.containers[MAIN].log for pod in lab.pods.values()]
    return [log.read_text(errors="replace").count("start: starting: mariadbd") for log in logs]


def measure_keepers(pods: list[Pod]) -> list[str]:
    """What the parents of the servers take."""
    pids = [next(iter(pod.containers[MAIN].sessions)) for pod in pods]
    rows: dict[str, Callable[[int], float]] = {
        "resident memory, KiB": lambda pid: read_kib(pid, "status", "VmRSS"),
        "its share of it (Pss), KiB": lambda pid: read_kib(pid, "smaps_rollup", "Pss"),
        "its own (RssAnon), KiB": lambda pid: read_kib(pid, "status", "RssAnon"),
        "CPU since the server's start, ms": read_cpu_ms,
    }
    lines = ["| the parent of a server | min | median | max |", "|---|---|---|---|"]
    for name, read in rows.items():
        assert all(b"keep" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)
        values = [float(read(pid)) for pid in pids]
        lines.append(f"| {name} | {min(values):.0f} | {statistics.median(values):.0f} | {max(values):.0f} |")
    return lines


def format_spread(seconds: list[float]) -> str:
    """Write the extremes and the median."""
    return f"{min(seconds):.1f} / {statistics.median(seconds):.1f} / {max(seconds):.1f}"


if __name__ == "__main__":
    print(measure(rounds=2))
