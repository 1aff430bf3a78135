"""What a pod's start costs: the CPU time and the peak memory of each program, as the StatefulSet starts them.

`python -m tests.bench.start before=FOLDER after=FOLDER` compares self-contained tools, as `/opt/galera-tools` of two
tool images; `--image` adds those of this tree's.  Three pods recover after all were killed and deleted, with the tools
in turn, pair by pair.  The times are the kernel's (getrusage at the end of a program or at its exec): other load on the
machine changes them, but less than times by the clock, and both sides alike.
"""

import argparse
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from images.build import ensure_id
from tests.bench.agent import find_agent, read_cpu_ms, read_kib
from tests.lab.faulty import build_library
from tests.lab.folders import Folders
from tests.lab.lab import Lab
from tests.lab.layout import write_user_options
from tests.lab.plain import Plain
from tests.lab.pod import Pod
from tests.lab.runtime import Commands, make_commands
from tests.support.images.box import mounted

USAGE = "BENCH_USAGE"
"""The variable with the file that the library writes to."""

PROGRAMS = ("agent", "peer-finder", "on-start", "start")

PATIENCE = 60.0


class Used(NamedTuple):
    """What a program has used."""

    ms: float
    """CPU time, user and system."""
    kib: float
    """Peak memory."""


@dataclass(frozen=True)
class Frozen(Plain):
    """The runtime of processes, whose tools are self-contained."""

    tools: Path = field(kw_only=True)

    def make_commands(self, folders: Folders) -> Commands:
        """Use the commands of the manifests, from the folder of the tools."""
        return make_commands(f"{self.tools}/", folders.config / "my-galera.cnf")


def read_usage(text: str) -> dict[str, Used]:
    """Read what the library has written: the program -> what it has used itself, without what it started."""
    found: dict[str, Used] = {}
    before: defaultdict[int, int] = defaultdict(int)
    for line in text.splitlines():
        pid, micros, kib, *words = line.split()
        took, before[int(pid)] = int(micros) - before[int(pid)], int(micros)
        name = name_program(words)
        if name:
            # An exec by PATH is tried once for each folder.
            found[name] = Used(found.get(name, Used(0, 0)).ms + took / 1000, float(kib))
    return found


def name_program(words: Iterable[str]) -> str:
    """Name one of our programs by its command line; empty = another program."""
    first, second, *_ = (*words, "", "")
    name = Path(first).name
    return {"peer-finder": name, "galera-bootstrap": second}.get(name, "")


def measure_start(pods: Iterable[Pod]) -> list[dict[str, Used]]:
    """Start pods that are off, as after their deletion; returns what each used until its server was started."""
    pods = list(pods)
    files = {pod.name: pod.folders.work / "usage" for pod in pods}
    for pod in pods:
        # A pod that is created again has new emptyDirs.
        pod.wipe_empty_dirs()
        write_user_options(pod)
        pod.extra_env |= {"LD_PRELOAD": str(build_library(SOURCE)), USAGE: str(files[pod.name])}
        pod.start()
    deadline, results = time.monotonic() + PATIENCE, dict[str, dict[str, Used]]()
    while len(results) < len(pods):
        for pod in pods:
            if pod.name in results or not files[pod.name].exists():
                continue
            used = read_usage(files[pod.name].read_text())
            if {"start", "on-start", "peer-finder"} <= used.keys():
                pid = find_agent(pod)
                used["agent"] = Used(read_cpu_ms(pid), read_kib(pid, "status", "VmHWM"))
                results[pod.name] = used
        if time.monotonic() > deadline:
            raise TimeoutError("no server was started: " + "\n".join(pod.tail() for pod in pods))
        time.sleep(0.005)
    return list(results.values())


SOURCE = Path(__file__).with_name("usage.c")


def measure(tools: dict[str, Path], rounds: int) -> str:
    """Measure recoveries with each of the tools in turn; returns a table in Markdown."""
    figures: dict[tuple[str, str], list[Used]] = defaultdict(list)
    with ExitStack() as stack:
        labs = {name: stack.enter_context(Lab(runtime=Frozen(tools=folder))) for name, folder in tools.items()}
        for lab in labs.values():
            lab.up(3)
            lab.wait_synced(3)
            lab.kill_everything()
        for number in range(rounds):
            for name, lab in labs.items():
                for used in measure_start(lab.pods.values()):
                    for program in PROGRAMS:
                        figures[program, name].append(used[program])
                    figures["all four", name].append(Used(sum(u.ms for u in used.values()), 0))
                lab.wait_synced(3)
                lab.kill_everything()
            print(f"round {number + 1} of {rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    return format_table(figures, list(tools))


def format_table(figures: dict[tuple[str, str], list[Used]], names: list[str]) -> str:
    """Write medians, extremes, and the median of the ratios of pairs to the first column."""
    lines = [f"| | {' | '.join(names)} | ratio of pairs |", f"|---|{'---|' * len(names)}---|"]
    for program in (*PROGRAMS, "all four"):
        cells = []
        for name in names:
            ms = [used.ms for used in figures[program, name]]
            kib = statistics.median(used.kib for used in figures[program, name])
            memory = f", {kib / 1024:.1f} MiB" if kib else ""
            cells.append(f"{statistics.median(ms):.0f} ms ({min(ms):.0f} to {max(ms):.0f}){memory}")
        pairs = zip(figures[program, names[-1]], figures[program, names[0]], strict=True)
        cells.append(f"{statistics.median(last.ms / first.ms for last, first in pairs):.2f}")
        lines.append(f"| {program} | {' | '.join(cells)} |")
    count = len(figures["agent", names[0]])
    return "\n".join([*lines, "", f"n = {count} starts of a pod in turn, load {os.getloadavg()[0]:.1f}", ""])


def main() -> None:
    """Read the folders of the tools from the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tools", nargs="*", metavar="NAME=FOLDER", help="self-contained tools")
    parser.add_argument("--image", action="store_true", help="also those of the tool image of this tree")
    parser.add_argument("--rounds", type=int, default=11, help="recoveries with each (default: 11)")
    chosen = parser.parse_args()
    tools = {name: Path(folder).absolute() for name, _, folder in (word.partition("=") for word in chosen.tools)}
    with ExitStack() as stack:
        if chosen.image or not tools:
            tools["image"] = stack.enter_context(mounted(ensure_id("galera-install"))) / "opt/galera-tools"
        print(measure(tools, chosen.rounds), flush=True)


if __name__ == "__main__":
    main()
