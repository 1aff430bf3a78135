"""`galera-bootstrap status`: one line a member."""

import json
import time

import click

from bootstrap.commands.admin.table import members_table
from bootstrap.control import channel
from bootstrap.settings import current


@click.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--watch", is_flag=True, help="Again and again, every second.")
def command(output: str, *, watch: bool) -> None:
    """Show what this pod's agent knows of every member, and what this pod does or waits for."""
    while True:
        told = channel.Client(current().agent_socket).ask("status")
        click.echo(json.dumps(told) if output == "json" else members_table(told))
        if not watch:
            return
        time.sleep(1)
