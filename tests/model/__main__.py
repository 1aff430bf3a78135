"""`python -m tests.model`: the long exploration.  What a run has finished is in its log, and the next run goes on."""

import hashlib
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import click

from bootstrap import core
from tests import model as package
from tests.model.explore import Report, explore_deviations, walk_randomly
from tests.model.starts import LONG_WALKS, STARTS

WALK = 400
"""How many steps a walk has."""


WALKS_AT_ONCE = 50
"""How many walks one run has."""


class Run(NamedTuple):
    """One exploration: from which start, how, and how far."""

    start: str
    kind: str
    """deviations or walks."""
    much: int
    """How many of them."""
    seed: int = 0
    """Of walks."""

    def explore(self) -> tuple[Report, float]:
        """The result, and the seconds of CPU that it took."""
        began = time.process_time()
        match self.kind:
            case "deviations":
                report = explore_deviations(STARTS[self.start], self.much)
            case _:
                report = walk_randomly(LONG_WALKS[self.start], self.seed, self.much, WALK)
        return report, time.process_time() - began

    def __str__(self) -> str:
        seed = f" of seed {self.seed}" if self.kind == "walks" else ""
        return f"{self.start}: {self.much} {self.kind}{seed}"


def fingerprint() -> str:
    """Of the code: what was explored before a change counts no more."""
    folders = (*core.__path__, *package.__path__)
    files = sorted(path for folder in folders for path in Path(folder).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def finished(log: Path, code: str) -> list[dict[str, Any]]:
    """The lines of the log that are of this code."""
    lines = map(json.loads, log.read_text().splitlines()) if log.exists() else ()
    return [line for line in lines if line["code"] == code]


def plan(deviations: int, steps: int) -> list[Run]:
    """All runs that are asked for, walks of so many steps from each start among them."""
    seeds = range(1, -(-steps // (WALKS_AT_ONCE * WALK)) + 1)
    runs = [Run(start, "deviations", deviations) for start in STARTS]
    return runs + [Run(start, "walks", WALKS_AT_ONCE, seed) for seed in seeds for start in LONG_WALKS]


def explore(runs: list[Run], jobs: int, log: Path, code: str) -> None:
    """Explore, in so many processes, and log each result when it is there."""
    with ProcessPoolExecutor(jobs) as pool:
        waiting = {pool.submit(run.explore): run for run in runs}
        for ended in as_completed(waiting):
            report, seconds = ended.result()
            click.echo(f"{waiting[ended]}: {report} ({seconds:.0f} s)")
            with log.open("a") as file:
                line = {"run": waiting[ended], "code": code, "seconds": round(seconds), **vars(report)}
                file.write(json.dumps(line) + "\n")


@click.command()
@click.option("--deviations", type=click.IntRange(min=0), default=2, show_default=True)
@click.option("--steps", type=click.IntRange(min=0), default=0, show_default=True, help="Of walks, from each start.")
@click.option("--only", default="", help="Only starts with this in their name.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Processes.")
@click.option("--log", type=click.Path(path_type=Path), default=Path(".model.jsonl"), show_default=True)
def model(deviations: int, steps: int, only: str, jobs: int, log: Path) -> None:
    """Explore what can happen to a cluster, and print the results; exit status 1 if an invariant is violated.

    A run that is in the log is not repeated, as long as the code is the same.
    """
    runs = [run for run in plan(deviations, steps) if only in run.start]
    code = fingerprint()  # once: the code may change while this runs
    done = {tuple(line["run"]) for line in finished(log, code)}
    left = [run for run in runs if tuple(run) not in done]
    click.echo(f"{len(runs) - len(left)} of {len(runs)} runs are in {log}, {len(left)} are left")
    explore(left, jobs, log, code)
    found = finished(log, code)
    total = {name: sum(line[name] for line in found) for name in ("states", "bootstraps", "forced", "recovered")}
    click.echo(f"in all: {', '.join(f'{number} {name}' for name, number in total.items())}")
    sys.exit(any(line["violation"] for line in found))


if __name__ == "__main__":
    model()
