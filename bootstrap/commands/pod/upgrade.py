"""`galera-bootstrap upgrade`: upgrade the system tables of the server in this container."""

import click

from bootstrap import entrypoints


@click.command()
@click.option("--server", type=click.IntRange(1), metavar="PID", help="Do it when the agent orders it; for `start`.")
def command(server: int | None) -> None:
    """Upgrade the system tables of this pod's server, now.

    It works in the server's container.  `start` leaves it behind with --server, and then it ends by itself when the
    tables are of the server's series, or with that process.
    """
    entrypoints.run_upgrade_tables(server)
