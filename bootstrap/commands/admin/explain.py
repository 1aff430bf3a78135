"""`galera-bootstrap explain`: the decision, rule by rule."""

import json

import click

from bootstrap.commands.admin.table import members_table
from bootstrap.control import channel
from bootstrap.settings import current


@click.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(output: str) -> None:
    """Show which rule decides for this pod, which ones had no answer before it, and what is known of every member."""
    told = channel.Client(current().agent_socket).ask("explain")
    if output == "json":
        click.echo(json.dumps(told))
        return
    click.echo(members_table(told))
    click.echo()
    rules = told["rules"]
    for rule in rules if isinstance(rules, list) else []:
        mark, answer = ("=>", rule["answer"]) if rule["answer"] else ("  ", "does not apply")
        click.echo(f"{mark} {rule['rule']}: {answer}")
        click.echo(f"     {rule['about']}")
    overrides = told["overrides"]
    for override in overrides if isinstance(overrides, list) else []:
        click.echo(f"override given here: {override}")
