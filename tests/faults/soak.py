"""Random faults, one after another, while clients write; after each fault the cluster must come back with all rows.

The fault of a round depends only on the seed and the round's number; its effect also depends on the machine.
Every round is a line in a log, to which later runs are added.
"""

import json
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from tests.faults.cluster import Cluster
from tests.faults.shocks import SHOCKS
from tests.faults.site import PATIENCE, Site
from tests.lab.lab import Lab
from tests.lab.oracle import judge
from tests.lab.writer import read_record


class SoakError(Exception):
    """The cluster did not recover from a fault as it should."""


@dataclass(frozen=True)
class Round:
    """One fault and its result."""

    seed: int
    number: int
    fault: str
    seconds: float
    """From the end of the fault, including the waits in it, until all members are Synced."""
    rows: int
    """The rows that were acknowledged so far in this run, all of which are there."""
    uuid: str
    """The history of all members."""


def draw_fault(seed: int, number: int) -> tuple[str, Random]:
    """Draw the fault of a round; returns also the random numbers that the fault continues with."""
    dice = Random(f"{seed}/{number}")  # it must be repeatable, not secret
    return dice.choice(sorted(SHOCKS)), dice


def read_log(log: Path) -> list[Round]:
    """Read the rounds of all runs so far, without a line that a crash cut off."""
    if not log.exists():
        return []
    return [Round(**json.loads(line)) for line in log.read_text().splitlines() if line.endswith("}")]


def append_round(log: Path, done: Round) -> None:
    """Add a round durably."""
    log.parent.mkdir(parents=True, exist_ok=True)
    cut_off = log.exists() and not log.read_bytes().endswith(b"\n")
    with log.open("a") as file:
        file.write("\n" if cut_off else "")
        file.write(f"{json.dumps(asdict(done))}\n")
        file.flush()
        os.fsync(file.fileno())


def run_rounds(lab: Lab, record: Path, seed: int, first: int) -> Iterator[Round]:
    """Run rounds without end from this number on, in a lab with three Synced members.  Raises SoakError."""
    cluster, site, uuids = Cluster(lab, record), Site(lab, Random()), set[str]()  # each round has its own dice
    number = first
    while True:
        fault, site.dice = draw_fault(seed, number)
        try:
            done = run_round(cluster, site, fault, seed, number)
        except Exception as exc:
            raise SoakError(f"seed {seed}, round {number}, {fault}: {exc}") from exc
        uuids.add(done.uuid)
        if len(uuids) > 1:
            raise SoakError(f"seed {seed}, round {number}, {fault}: there is a second history: {sorted(uuids)}")
        yield done
        number += 1


def run_round(cluster: Cluster, site: Site, fault: str, seed: int, number: int) -> Round:
    """Cause one fault while clients write, then check all rows that were ever acknowledged in this lab."""
    lab = cluster.lab
    with cluster.make_writer(site.ordinals) as writer, writer.make_reader() as reader:
        writer.wait_for(30)
        SHOCKS[fault](site)
        seconds = lab.wait_synced(site.size, seconds=PATIENCE)
        writer.wait_for(writer.count + 10)
    if reader.missing:
        raise SoakError(f"acknowledged rows were missing for a while: {reader.missing[:5]}")
    verdict = judge(lab, read_record(cluster.record))
    if verdict.complaints:
        raise SoakError("; ".join(verdict.complaints))
    return Round(seed, number, fault, round(seconds, 1), verdict.expected, next(iter(verdict.uuids.values())))


def format_report(done: Iterable[Round]) -> str:
    """Write a report in Markdown on all runs in a log: how often each fault occurred, how long the recoveries took."""
    by_fault: dict[str, list[float]] = {}
    seeds: dict[int, int] = {}
    for one in done:
        by_fault.setdefault(one.fault, []).append(one.seconds)
        seeds[one.seed] = seeds.get(one.seed, 0) + 1
    lines = ["| fault | rounds | min s | median s | max s |", "|---|---|---|---|---|"]
    for fault, seconds in sorted(by_fault.items()):
        figures = (min(seconds), statistics.median(seconds), max(seconds))
        lines.append(f"| {fault} | {len(seconds)} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")
    counts = ", ".join(f"{seed} ({count} rounds)" for seed, count in seeds.items())
    total = sum(seeds.values())
    return "\n".join([*lines, "", f"{total} rounds by seed {counts}; after each: lost rows 0, clusters 1"])


def soak(log: Path, seed: int, seconds: float, print_line: Callable[[str], None]) -> None:
    """Run rounds for so many seconds, from the end of the last run with this seed on.  Raises SoakError."""
    first = 1 + max((one.number for one in read_log(log) if one.seed == seed), default=0)
    end = time.monotonic() + seconds
    with Lab() as lab:
        lab.up(3)
        lab.wait_synced(3)
        for done in run_rounds(lab, lab.folder / "acknowledged", seed, first):
            append_round(log, done)
            print_line(
                f"{done.number}: {done.fault}: {done.seconds:.1f} s, all {done.rows} acknowledged rows are there"
            )
            if time.monotonic() > end:
                return
