"""`python -m tests.faults`: breaks a lab at random, for as long as you like."""

import random
import signal
import sys
from pathlib import Path

import click

from tests.faults.soak import SoakError, format_report, read_log, soak
from tests.lab import machine, series, user


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0), default=30, show_default=True, help="Length of the run.")
@click.option(
    "--series", "version", envvar=series.VARIABLE, default="", help="Series of MariaDB; default: this machine's."
)
@click.option("--seed", type=int, help="Seed of an earlier run, which is continued; default: a new one.")
@click.option(
    "--log",
    type=click.Path(path_type=Path),
    default=Path(".lab/soak.jsonl"),
    show_default=True,
    help="Log of all runs.",
)
def command(minutes: float, version: str, seed: int | None, log: Path) -> None:
    """Break three to five members at random while clients write, and report on all runs in the log."""
    seed = random.randrange(10**6) if seed is None else seed  # a seed must be repeatable, not secret
    click.echo(f"seed {seed}, log {log}")
    # So the lab ends in order, also where a shell has started this in the background.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        series.choose(version)
        machine.check()
        soak(log, seed, minutes * 60, click.echo)
    except (user.NotInstalledError, SoakError) as exc:
        click.echo(f"soak: {exc}", err=True)
        sys.exit(1)
    finally:
        click.echo(format_report(read_log(log)))


if __name__ == "__main__":
    command(prog_name="python -m tests.faults")
