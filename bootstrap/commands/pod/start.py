"""`galera-bootstrap start -- COMMAND...`: the entrypoint of the server's container."""

import sys

import click

from bootstrap import entrypoints


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--with-agent", is_flag=True, help="Run the agent too: for a pod without a sidecar.")
@click.argument("server", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def command(*, with_agent: bool, server: tuple[str, ...]) -> None:
    """Wait for the permission to start, then become COMMAND (mariadbd --defaults-file=...)."""
    if with_agent:
        sys.exit(entrypoints.start_with_agent(server))
    entrypoints.run_start(server)
