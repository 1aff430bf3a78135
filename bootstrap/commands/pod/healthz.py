"""`galera-bootstrap healthz`: the probes through the agent's socket, for pods that shall open no port for them."""

import sys

import click

from bootstrap.control import channel
from bootstrap.control.pod_messages import Health
from bootstrap.errors import AgentUnreachableError
from bootstrap.settings import current

TIMEOUT_S = 2.0
"""For the agent's answer: the agent waits for nothing, so a later answer is a sign of trouble by itself."""


@click.command()
@click.option("--ready", "question", flag_value="ready", default="ready", help="May clients be sent here? (default)")
@click.option("--live", "question", flag_value="live", help="Does the agent live? Never a reason to kill a server.")
def command(question: str) -> None:
    """Exit with 0 for yes and 1 for no; print the answer in one line."""
    try:
        health = channel.Client(current().agent_socket, TIMEOUT_S).ask(Health())
    except AgentUnreachableError as exc:
        click.echo(f"unknown: {exc}")
        sys.exit(1)
    if question == "ready":
        click.echo(health.readiness)
        sys.exit(0 if health.ready else 1)
    click.echo("live" if health.live else "stuck")
    sys.exit(0 if health.live else 1)
