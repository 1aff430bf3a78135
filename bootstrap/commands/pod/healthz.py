"""`galera-bootstrap healthz`: the probes by the agent's socket, for containers where no port is wanted."""

import sys

import click

from bootstrap.control import channel
from bootstrap.core.model.codec import Json
from bootstrap.errors import AgentUnreachableError
from bootstrap.settings import current

TIMEOUT_S = 2.0
"""For the agent's answer: it waits for nothing, so a later one is a sign of trouble by itself."""


@click.command()
@click.option("--ready", "question", flag_value="ready", default="ready", help="May clients be sent here? (default)")
@click.option("--live", "question", flag_value="live", help="Does the agent live? Never a reason to kill a server.")
def command(question: str) -> None:
    """Exit with 0 for yes and 1 for no; print the answer in one line."""
    try:
        told = channel.Client(current().agent_socket, TIMEOUT_S).ask("health")
    except AgentUnreachableError as exc:
        click.echo(f"unknown: {exc}")
        sys.exit(1)
    click.echo(answer(told, question))
    sys.exit(0 if told[question] else 1)


def answer(told: Json, question: str) -> str:
    """The agent's answer in a word."""
    return str(told["word"]) if question == "ready" else "live" if told["live"] else "stuck"
