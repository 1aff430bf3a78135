"""`galera-bootstrap arbitrate`: the container of an arbitrator."""

import click

from bootstrap.operations.arbitrator import arbitrate
from bootstrap.process.log import die_by_signal, logger
from bootstrap.settings import settings_for_set


@click.command()
def command() -> None:
    """Give a cluster of two members a third vote, with no data; runs until it is stopped.

    It runs garbd, which must be in the image, and needs of the Secret only `cluster-id`.
    """
    die_by_signal()
    arbitrate(settings_for_set(), logger("arbitrator"))
