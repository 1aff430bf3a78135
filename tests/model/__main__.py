"""`python -m tests.model`: the long exploration, with the number of states that it has visited."""

import sys
import time
from collections.abc import Callable

import click

from tests.model.explore import Report, explore_all, explore_deviations, walk_randomly
from tests.model.starts import member_lost, pod_gone, pods_found
from tests.model.state import after_outage, first_start
from tests.model.steps import power_cut


@click.command()
@click.option("--deviations", type=click.IntRange(min=0), default=2, show_default=True)
@click.option("--depth", type=click.IntRange(min=1), default=9, show_default=True, help="Of all steps in any order.")
@click.option("--walks", type=click.IntRange(min=1), default=300, show_default=True, help="Of five members.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the walks.")
def model(deviations: int, depth: int, walks: int, seed: int) -> None:
    """Explore what can happen to a cluster, and print the results; exit status 1 if an invariant is violated."""
    first, outage = first_start(3, faults=3, writes=2), after_outage(3, faults=3, writes=1)
    gone = pod_gone(0, faults=2, writes=1, overrides_left=2)
    behind, level = (
        pods_found(by, given_up, faults=3, writes=1, overrides_left=2) for by, given_up in ((2, {0, 1}), (0, {1}))
    )
    runs: dict[str, Callable[[], Report]] = {
        f"first start, {deviations} deviations": lambda: explore_deviations(first, deviations),
        f"after an outage, {deviations} deviations": lambda: explore_deviations(outage, deviations),
        f"after an outage, all of {depth} steps": lambda: explore_all(outage, depth),
        f"a pod is gone, {deviations} deviations": lambda: explore_deviations(gone, deviations),
        f"pods beyond a fork come back, {deviations} deviations": lambda: explore_deviations(behind, deviations),
        f"a pod comes back to its fork, {deviations} deviations": lambda: explore_deviations(level, deviations),
        f"a member is lost, {deviations} deviations": lambda: explore_deviations(
            member_lost(3, {2}, faults=3, writes=2), deviations
        ),
        f"a member was lost before the outage, {deviations} deviations": lambda: explore_deviations(
            power_cut(member_lost(3, {2}, faults=3, writes=1)), deviations
        ),
        f"a member is lost, overrides, {walks} walks of seed {seed}": lambda: walk_randomly(
            member_lost(3, {2}, faults=7, writes=4)._replace(overrides_left=1), seed, walks, 400
        ),
        f"overrides and a new pod, {walks} walks of seed {seed}": lambda: walk_randomly(
            after_outage(3, faults=6, writes=3)._replace(overrides_left=3, grow=1), seed, walks, 400
        ),
        f"five members, {walks} walks of seed {seed}": lambda: walk_randomly(
            after_outage(5, faults=5, writes=3), seed, walks, 400
        ),
    }
    broken = False
    for name, run in runs.items():
        click.echo(f"{name} ...")
        began = time.monotonic()
        report = run()
        broken |= bool(report.violation)
        click.echo(f"{name}: {report} ({time.monotonic() - began:.0f} s)")
    sys.exit(broken)


if __name__ == "__main__":
    model()
