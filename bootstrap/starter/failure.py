"""Send the agent the error with which a starter ends: a human asks the agent first, and not each container's log."""

from contextlib import suppress

from bootstrap.control import channel
from bootstrap.control.starter_messages import Container, Failed
from bootstrap.core.model.text import one_line
from bootstrap.errors import BootstrapError
from bootstrap.settings import Settings

PATIENCE_S = 2.0
"""How long the end of a starter may be delayed by an agent that does not answer."""


def send(settings: Settings, container: Container, error: BootstrapError) -> None:
    """Send it, if an agent is there."""
    with suppress(BootstrapError):
        client = channel.Client(settings.agent_socket, PATIENCE_S)
        try:
            client.ask(Failed(container, one_line(str(error))))
        finally:
            client.close()
