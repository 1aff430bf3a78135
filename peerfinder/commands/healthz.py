"""`peer-finder healthz`: the exec probe of a container that opens no port; it asks the socket of -health."""

import socket
import sys

import click

from peerfinder.errors import UsageError
from peerfinder.health import parse_address

SECONDS = 2.0
"""Longest time for the whole answer. It needs no work, so a later answer is itself a sign of trouble."""

NO_ADDRESS = (
    "peer-finder: no address: give --health as the running peer-finder has it, or set PEERFINDER_HEALTH for both"
)


@click.command()
@click.option("--health", envvar="PEERFINDER_HEALTH", default="", help="The -health of the running peer-finder.")
@click.option("--ready", "path", flag_value="/readyz", default="/readyz", help="Has the first hook ended? (default)")
@click.option("--live", "path", flag_value="/livez", help="Does the loop run?")
@click.option("--metrics", "path", flag_value="/metrics", help="Print the numbers.")
def healthz(health: str, path: str) -> None:
    """Ask the running peer-finder; print its answer, exit with 0 for yes and 1 for no.

    Exit codes: 0 yes, 1 no or no answer, 2 usage.
    """
    if not health:
        click.echo(NO_ADDRESS, err=True)
        sys.exit(UsageError.exit_code)
    try:
        good, text = ask(parse_address(health), path)
    except UsageError as exc:
        click.echo(f"peer-finder: {exc}, here and there, or PEERFINDER_HEALTH in the container's env", err=True)
        sys.exit(exc.exit_code)
    except OSError as exc:
        good, text = False, f"unknown: {health} gives no answer ({exc.strerror or exc})\n"
    click.echo(text, nl=False)
    sys.exit(0 if good else 1)


def ask(address: tuple[str, int] | str, path: str) -> tuple[bool, str]:
    """Request *path*; return whether the status was 200, and the text. Raises OSError."""
    sock = socket.socket(socket.AF_UNIX) if isinstance(address, str) else None
    if sock:
        sock.settimeout(SECONDS)
        sock.connect(address)
    else:
        sock = socket.create_connection((address[0] or "localhost", address[1]), SECONDS)
    with sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with sock.makefile("rb") as stream:
            head, _, text = stream.read().decode("ascii", "replace").partition("\r\n\r\n")
    return head.startswith("HTTP/1.1 200 "), text
