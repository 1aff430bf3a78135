"""`galera-bootstrap explain`: the decision, rule by rule."""

import json

import click

from bootstrap.commands.admin.table import format_status
from bootstrap.commands.admin.terminal import echo
from bootstrap.control import channel
from bootstrap.control.status_messages import Explain
from bootstrap.core.model.codec import dump
from bootstrap.settings import current


@click.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--all", "everything", is_flag=True, help="Show also the rules that had no answer before it.")
def command(output: str, *, everything: bool) -> None:
    """Show which rule decides for this pod, what would change that, and what is known of every member.

    Words and columns: docs/glossary.md.  Rules: docs/reference/rules.md.
    """
    answer = channel.Client(current().agent_socket, channel.ANSWER_S).ask(Explain())
    if output == "json":
        click.echo(json.dumps(dump(answer)))
        return
    click.echo(format_status(answer))
    echo()
    for uuid in dict.fromkeys(member.uuid for member in answer.members if member.uuid):
        echo(f"history {uuid}")
    for rule in answer.rules if everything else answer.rules[-1:]:
        echo(f"{'=>' if rule.answer else '  '} {rule.rule}: {rule.answer or 'does not apply'}")
        echo(f"     {rule.about}")
        if rule.answer and answer.change:
            echo(f"     It is another decision when {answer.change}.")
    for override in answer.overrides:
        echo(f"override given here: {override}")
