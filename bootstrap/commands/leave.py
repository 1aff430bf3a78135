"""`galera-bootstrap leave`: what a pod does before its server is told to stop, as its preStop hook."""

import time

import click

from bootstrap import control
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
    The agent's log tells for whom it waits.
    """
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < at_least or (waited < at_most and stays()):
        time.sleep(POLL_S)


def stays() -> bool:
    """Whether the agent names somebody to stay for; without its answer there is nobody."""
    try:
        told = control.Client(current().agent_socket, SHORT_S).ask("leave")
    except AgentUnreachableError:
        return False
    return bool(told["reason"])
