"""Random faults, one after the other, under writing clients; after each one the cluster must come back whole.

What a round does follows from the seed and its number alone; what the fault meets depends on the machine, too.
Every round is a line in a log, which later runs add to.
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
from tests.faults.shocks import PATIENCE, SHOCKS, Site
from tests.lab.lab import Lab
from tests.lab.oracle import judge
from tests.lab.writer import recorded


class SoakError(Exception):
    """A fault from which the cluster did not come back as it should."""


@dataclass(frozen=True)
class Round:
    """One fault and what became of it."""

    seed: int
    number: int
    fault: str
    seconds: float
    """From the end of the fault, with its own waits, to all members Synced."""
    rows: int
    """Acknowledged so far in this run, and all there."""
    uuid: str
    """The history of all members."""


def drawn(seed: int, number: int) -> tuple[str, Random]:
    """The fault of a round, and the dice that it goes on with."""
    dice = Random(f"{seed}/{number}")  # to be repeated, not to be secret
    return dice.choice(sorted(SHOCKS)), dice


def read(log: Path) -> list[Round]:
    """The rounds of all runs so far; a line that was cut off by a crash is none."""
    if not log.exists():
        return []
    return [Round(**json.loads(line)) for line in log.read_text().splitlines() if line.endswith("}")]


def append(log: Path, done: Round) -> None:
    """Add a round, durably."""
    log.parent.mkdir(parents=True, exist_ok=True)
    cut_off = log.exists() and not log.read_bytes().endswith(b"\n")
    with log.open("a") as file:
        file.write("\n" if cut_off else "")
        file.write(f"{json.dumps(asdict(done))}\n")
        file.flush()
        os.fsync(file.fileno())


def rounds(lab: Lab, record: Path, seed: int, first: int) -> Iterator[Round]:
    """Rounds without end from this number on, in a lab with three Synced members.  Raises SoakError."""
    cluster, site, uuids = Cluster(lab, record), Site(lab, Random()), set[str]()  # replaced at once
    number = first
    while True:
        fault, site.dice = drawn(seed, number)
        try:
            done = suffer(cluster, site, fault, seed, number)
        except Exception as exc:
            raise SoakError(f"seed {seed}, round {number}, {fault}: {exc}") from exc
        uuids.add(done.uuid)
        if len(uuids) > 1:
            raise SoakError(f"seed {seed}, round {number}, {fault}: a second history, {sorted(uuids)}")
        yield done
        number += 1


def suffer(cluster: Cluster, site: Site, fault: str, seed: int, number: int) -> Round:
    """One fault under clients, and the verdict over all that was ever acknowledged in this lab."""
    lab = cluster.lab
    with cluster.writer(site.ordinals) as writer, writer.reader() as reader:
        writer.wait_for(30)
        SHOCKS[fault](site)
        seconds = lab.wait_synced(site.size, seconds=PATIENCE)
        writer.wait_for(writer.count + 10)
    if reader.missing:
        raise SoakError(f"acknowledged rows were away in between: {reader.missing[:5]}")
    verdict = judge(lab, recorded(cluster.record))
    if verdict.complaints:
        raise SoakError("; ".join(verdict.complaints))
    return Round(seed, number, fault, round(seconds, 1), verdict.expected, next(iter(verdict.uuids.values())))


def report(done: Iterable[Round]) -> str:
    """Markdown: faults by kind and how long recoveries took, over all runs in a log."""
    by_fault: dict[str, list[float]] = {}
    seeds: dict[int, int] = {}
    for one in done:
        by_fault.setdefault(one.fault, []).append(one.seconds)
        seeds[one.seed] = seeds.get(one.seed, 0) + 1
    lines = ["| fault | rounds | min s | median s | max s |", "|---|---|---|---|---|"]
    for fault, seconds in sorted(by_fault.items()):
        figures = (min(seconds), statistics.median(seconds), max(seconds))
        lines.append(f"| {fault} | {len(seconds)} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")
    told = ", ".join(f"{seed} ({count} rounds)" for seed, count in seeds.items())
    total = sum(seeds.values())
    return "\n".join([*lines, "", f"{total} rounds by seed {told}; after each: lost rows 0, clusters 1"])


def soak(log: Path, seed: int, seconds: float, say: Callable[[str], None]) -> None:
    """Rounds for so long, from where the log's last run of this seed has ended.  Raises SoakError."""
    first = 1 + max((one.number for one in read(log) if one.seed == seed), default=0)
    end = time.monotonic() + seconds
    with Lab() as lab:
        lab.up(3)
        lab.wait_synced(3)
        for done in rounds(lab, lab.folder / "acknowledged", seed, first):
            append(log, done)
            say(f"{done.number}: {done.fault}: {done.seconds:.1f} s, {done.rows} rows acknowledged and there")
            if time.monotonic() > end:
                return
