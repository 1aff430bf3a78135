"""Send the agent how a starter or a server has ended: a human asks the agent first, and not each container's log."""

from contextlib import suppress
from typing import Any

from bootstrap.control import channel
from bootstrap.control.request import Request
from bootstrap.control.starter_messages import Container, Ended, Failed
from bootstrap.core.model.text import one_line
from bootstrap.errors import BootstrapError
from bootstrap.settings import Settings

PATIENCE_S = 2.0
"""How long the end of a container may be delayed by an agent that does not answer."""


def send(settings: Settings, container: Container, error: BootstrapError) -> None:
    """Send the error with which a starter ends."""
    _send(settings, Failed(container, one_line(str(error))))


def send_end(settings: Settings, how: str, error: str) -> None:
    """Send how a server has ended with which its container ends."""
    _send(settings, Ended(how, one_line(error), again=False))


def _send(settings: Settings, request: Request[Any]) -> None:
    """Send it, if an agent is there."""
    with suppress(BootstrapError):
        client = channel.Client(settings.agent_socket, PATIENCE_S)
        try:
            client.ask(request)
        finally:
            client.close()
