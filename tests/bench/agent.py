"""The cost of an idle agent: three Synced members with real servers."""

import os
import statistics
import time
from pathlib import Path

from tests.lab.lab import Lab
from tests.lab.pod import Pod
from tests.lab.runtime import SIDECAR

SETTLE_S = 8.0
"""Seconds after the last join in which an agent checks everything more often."""


def measure(seconds: float) -> str:
    """Measure three agents for so many seconds; returns the table."""
    with Lab() as lab:
        lab.up(3)
        lab.wait_synced(3)
        time.sleep(SETTLE_S)
        pids = [find_agent(pod) for pod in lab.pods.values()]
        before, began = [read_cpu_ms(pid) for pid in pids], time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        costs = [(read_cpu_ms(pid) - ms) / took for pid, ms in zip(pids, before, strict=True)]
        rows = {
            f"CPU, ms/s, over {seconds:.0f} s": (costs, "5"),
            "resident memory, KiB": ([read_kib(pid, "status", "VmRSS") for pid in pids], "29 296"),
            "its share of it (Pss), KiB": ([read_kib(pid, "smaps_rollup", "Pss") for pid in pids], ""),
        }
    lines = ["| an idle agent | min | median | max | bound |", "|---|---|---|---|---|"]
    for name, (values, bound) in rows.items():
        figures = (min(values), statistics.median(values), max(values))
        lines.append(f"| {name} | {' | '.join(f'{figure:.1f}' for figure in figures)} | {bound} |")
    return "\n".join([*lines, "", f"3 agents, load {os.getloadavg()[0]:.1f}", ""])


def find_agent(pod: Pod) -> int:
    """Find the agent's pid: the leader of the container's session."""
    (pid,) = pod.containers[SIDECAR].sessions
    return pid


def read_cpu_ms(pid: int) -> float:
    """Read the CPU time of a process so far, with that of its threads that have ended."""
    # clock_getcpuclockid(3): the clock of a process is made of its pid.
    return time.clock_gettime(~pid << 3 | 2) * 1000


def read_kib(pid: int, file: str, name: str) -> float:
    """Read a value from one of the process's files about memory."""
    lines = (line.split() for line in Path(f"/proc/{pid}/{file}").read_text().splitlines())
    return float(next(line[1] for line in lines if line[0] == f"{name}:"))


if __name__ == "__main__":
    print(measure(30))
