"""`galera-bootstrap on-start`: the hook of the init container."""

import click

from bootstrap import entrypoints


@click.command()
def command() -> None:
    """Read peers on stdin, write my-galera.cnf, report the datadir, and end when it is decided which pod starts first.

    The peers only add to the expected members in my-galera.cnf; no decision uses them.
    """
    entrypoints.run_on_start()
