"""`galera-bootstrap agent`: the sidecar."""

import click

from bootstrap import containers


@click.command()
def command() -> None:
    """Answer the peers' agents, decide, and give permissions; runs until it is stopped."""
    containers.agent()
