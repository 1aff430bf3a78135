"""`peer-finder healthz`: the probe of a container that opens no port, by the socket of -health."""

import socket
import sys

import click

from peerfinder.errors import UsageError
from peerfinder.health import address

SECONDS = 2.0
"""For the whole answer: it is made of what is known already, so a later one is a sign of trouble by itself."""


@click.command()
@click.option("--health", envvar="PEERFINDER_HEALTH", default="", help="What the running peer-finder has as -health.")
@click.option("--ready", "path", flag_value="/readyz", default="/readyz", help="Has the first hook ended? (default)")
@click.option("--live", "path", flag_value="/livez", help="Does the loop go round?")
@click.option("--metrics", "path", flag_value="/metrics", help="Print the numbers.")
def healthz(health: str, path: str) -> None:
    """Ask the peer-finder that runs here; print its word, exit with 0 for yes and 1 for no.

    Exit codes: 0 yes, 1 no or no answer, 2 usage.
    """
    try:
        good, text = asked(address(health), path)
    except UsageError as exc:
        click.echo(f"peer-finder: {exc}, here and there, or PEERFINDER_HEALTH in the container's env", err=True)
        sys.exit(exc.exit_code)
    except OSError as exc:
        good, text = False, f"unknown: {health} gives no answer ({exc.strerror or exc})\n"
    click.echo(text, nl=False)
    sys.exit(0 if good else 1)


def asked(where: tuple[str, int] | str, path: str) -> tuple[bool, str]:
    """Ask; tell whether the status was 200, and the text. Raises OSError."""
    sock = socket.socket(socket.AF_UNIX) if isinstance(where, str) else None
    if sock:
        sock.settimeout(SECONDS)
        sock.connect(where)
    else:
        sock = socket.create_connection((where[0] or "localhost", where[1]), SECONDS)
    with sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with sock.makefile("rb") as stream:
            head, _, text = stream.read().decode("ascii", "replace").partition("\r\n\r\n")
    return head.startswith("HTTP/1.1 200 "), text
