"""`galera-bootstrap leave`: what a pod does before its server is told to stop, as its preStop hook."""

import time

import click

from bootstrap.control import channel
from bootstrap.core.model.codec import Json
from bootstrap.errors import AgentUnreachableError
from bootstrap.settings import current

POLL_S = 0.5
"""Between two questions to the agent."""

SHORT_S = 2.0
"""For the agent's answer: it waits for nothing."""


@click.command()
@click.option("--at-least", type=click.FloatRange(0), default=5.0, show_default=True, metavar="SECONDS")
@click.option("--at-most", type=click.FloatRange(0), default=60.0, show_default=True, metavar="SECONDS")
def command(at_least: float, at_most: float) -> None:
    """Wait until clients are sent elsewhere, and as long as others join this member; for a preStop hook.

    The first time is for Services and proxies, the second one a bound: then it ends whatever others do.  Exit code 0.
    The agent's log tells for whom it waits.  Where no server runs yet there is nobody to wait for.
    """
    begun = time.monotonic()
    if not told().get("serving", True):
        return
    while (waited := time.monotonic() - begun) < at_least or (waited < at_most and told().get("reason")):
        time.sleep(POLL_S)


def told() -> Json:
    """The agent's answer; empty when there is none: then nobody is named to stay for."""
    try:
        return channel.Client(current().agent_socket, SHORT_S).ask("leave")
    except AgentUnreachableError:
        return {}
