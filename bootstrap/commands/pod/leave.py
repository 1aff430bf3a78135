"""`galera-bootstrap leave`: what a pod does before its server is stopped, as its preStop hook."""

import time

import click

from bootstrap.control import channel
from bootstrap.control.pod_messages import Leave, LeaveAnswer
from bootstrap.errors import AgentUnreachableError
from bootstrap.settings import current

POLL_S = 0.5
"""Between two questions to the agent."""

SHORT_S = 2.0
"""For the agent's answer: the agent waits for nothing."""

UNKNOWN = LeaveAnswer(reason="", serving=True)
"""In place of an answer: no reason to stay, but a server may run."""


@click.command()
@click.option("--at-least", type=click.FloatRange(0), default=5.0, show_default=True, metavar="SECONDS")
@click.option("--at-most", type=click.FloatRange(0), default=60.0, show_default=True, metavar="SECONDS")
def command(at_least: float, at_most: float) -> None:
    """Wait until clients are sent elsewhere, and as long as others join this member; for a preStop hook.

    The first time is for Services and proxies.  The second is a bound: after it the command ends, whatever the other
    pods do.  Exit code 0.  The agent logs for which pods it waits.  If no server runs yet, it does not wait.
    """
    begun = time.monotonic()
    if not ask_agent().serving:
        return
    while (waited := time.monotonic() - begun) < at_least or (waited < at_most and ask_agent().reason):
        time.sleep(POLL_S)


def ask_agent() -> LeaveAnswer:
    """Return the agent's answer, or UNKNOWN if there is none."""
    try:
        return channel.Client(current().agent_socket, SHORT_S).ask(Leave())
    except AgentUnreachableError:
        return UNKNOWN
