"""`galera-bootstrap arbitrate`: the container of an arbitrator."""

import click

from bootstrap.operations.arbitrator import arbitrate
from bootstrap.process.log import die_by_signal, logger
from bootstrap.settings import settings_for_set


@click.command()
@click.option("--of", default="mysql", show_default=True, metavar="NAME", help="The StatefulSet.")
def command(*, of: str) -> None:
    """Give a cluster of two members a third vote, with no data; runs until it is stopped.

    It runs garbd, which must be in the image, and needs of the Secret only `cluster-id`.
    """
    die_by_signal()
    arbitrate(settings_for_set(of), logger("arbitrator"))
