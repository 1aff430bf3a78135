"""`python -m tests.faults`: a lab that is broken at random, for as long as you like."""

import random
import sys
from pathlib import Path

import click

from tests.faults.soak import SoakError, read, report, soak
from tests.lab import machine


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0), default=30, show_default=True)
@click.option("--seed", type=int, help="Of an earlier run: goes on where that ended. Without it a new one.")
@click.option("--log", type=click.Path(path_type=Path), default=Path(".lab/soak.jsonl"), show_default=True)
def command(minutes: float, seed: int | None, log: Path) -> None:
    """Break three to five members at random under writing clients; the report is of all runs in the log."""
    seed = random.randrange(10**6) if seed is None else seed  # to be repeated, not to be secret
    click.echo(f"seed {seed}, log {log}")
    try:
        machine.check()
        soak(log, seed, minutes * 60, click.echo)
    except (machine.NotInstalledError, SoakError) as exc:
        click.echo(f"soak: {exc}", err=True)
        sys.exit(1)
    finally:
        click.echo(report(read(log)))


if __name__ == "__main__":
    command(prog_name="python -m tests.faults")
