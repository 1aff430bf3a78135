"""`galera-bootstrap explain`: the decision, rule by rule."""

import json

import click

from bootstrap.commands.admin.table import status_table
from bootstrap.control import channel
from bootstrap.control.status_messages import Explain
from bootstrap.core.model.codec import dump
from bootstrap.settings import current


@click.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(output: str) -> None:
    """Show which rule decides for this pod, which ones had no answer before it, and what is known of every member.

    Words and columns: docs/glossary.md.  Rules: docs/override.md.
    """
    answer = channel.Client(current().agent_socket).ask(Explain())
    if output == "json":
        click.echo(json.dumps(dump(answer)))
        return
    click.echo(status_table(answer))
    click.echo()
    for rule in answer.rules:
        click.echo(f"{'=>' if rule.answer else '  '} {rule.rule}: {rule.answer or 'does not apply'}")
        click.echo(f"     {rule.about}")
    for override in answer.overrides:
        click.echo(f"override given here: {override}")
