"""`galera-bootstrap restore`: an init container between the agent and `bootstrap`."""

from pathlib import Path

import click

from bootstrap.operations.restore import Order, restore
from bootstrap.process.log import die_by_signal, logger
from bootstrap.settings import current


@click.command()
@click.option("--from", "root", type=click.Path(path_type=Path), required=True, help="The folder of the backups.")
@click.option("--name", default="latest", show_default=True, help="The backup.")
@click.option("--ordinal", type=click.IntRange(0), help="The pod that gets it. Default: the lowest ordinal.")
def command(*, root: Path, name: str, ordinal: int | None) -> None:
    """Put a backup on the empty volume of one pod, as the start of a new history.

    Nothing is restored over data, or while another pod has any; then one line says so.
    """
    die_by_signal()
    settings = current()
    restore(settings, Order(root, name, settings.ordinals_start if ordinal is None else ordinal), logger("restore"))
