"""`galera-bootstrap status`: one line for each member."""

import json
import time

import click

from bootstrap.commands.admin.table import status_table
from bootstrap.control import channel
from bootstrap.control.status_messages import Status
from bootstrap.core.model.codec import dump
from bootstrap.settings import current


@click.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--watch", is_flag=True, help="Refresh every second until interrupted.")
def command(output: str, *, watch: bool) -> None:
    """Show what this pod's agent knows of every member, and what this pod does or waits for.

    Words and columns: docs/glossary.md.
    """
    while True:
        answer = channel.Client(current().agent_socket).ask(Status())
        click.echo(json.dumps(dump(answer)) if output == "json" else status_table(answer))
        if not watch:
            return
        time.sleep(1)
