"""`galera-bootstrap agent`: the sidecar."""

import click

from bootstrap import entrypoints


@click.command()
def command() -> None:
    """Answer the peers' agents, decide, and give permissions; runs until it is stopped."""
    entrypoints.run_agent()
