"""`galera-bootstrap backup`: the container of a CronJob."""

from pathlib import Path

import click

from bootstrap.operations.backup import Order, backup
from bootstrap.process.log import die_by_signal, logger
from bootstrap.settings import settings_for_set


@click.command()
@click.option("--to", type=click.Path(path_type=Path), required=True, help="The folder of the backups.")
@click.option(
    "--keep", type=click.IntRange(1), default=7, show_default=True, help="Number of complete backups to keep."
)
@click.option(
    "--sparing",
    metavar="POD",
    help="The member to copy from only if there is no other one: the writer. Default: the lowest ordinal.",
)
def command(*, to: Path, keep: int, sparing: str | None) -> None:
    """Copy all data of the cluster into a folder, by a full state transfer to a guest; check that the copy is whole.

    Earlier backups are not touched before the new one is complete.
    """
    die_by_signal()
    settings = settings_for_set()
    backup(settings, Order(to, keep, settings.pod if sparing is None else sparing), logger("backup"))
