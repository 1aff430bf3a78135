"""`galera-bootstrap status`: how the cluster is, a line for each member, why, and what to do."""

import json
import sys
import time
from datetime import UTC, datetime

import click

from bootstrap.commands.admin.table import format_status
from bootstrap.control import channel
from bootstrap.control.status_messages import Status
from bootstrap.core.model.codec import dump
from bootstrap.errors import BootstrapError
from bootstrap.settings import Settings, current

CLEAR = "\x1b[H\x1b[J"
"""ECMA-48: cursor to the first column of the first line (CUP), erase to the end of the screen (ED)."""

INTERRUPTED = 130
"""The exit code after Ctrl-C, as a shell gives it."""


@click.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--watch", is_flag=True, help="Refresh every second until interrupted.")
def command(output: str, *, watch: bool) -> None:
    """Show how the cluster is, what this pod's agent knows of every member, why this pod waits, and what to do.

    Words and columns: docs/glossary.md.
    """
    settings = current()
    if not watch:
        click.echo(_read(settings, output))
        return
    try:
        _follow(settings, output)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _read(settings: Settings, output: str) -> str:
    answer = channel.Client(settings.agent_socket, channel.ANSWER_S).ask(Status())
    return json.dumps(dump(answer)) if output == "json" else format_status(answer)


def _follow(settings: Settings, output: str) -> None:
    """Refresh: on a terminal the same screen, else one answer after the other; an agent that is away may come back."""
    while True:
        try:
            text = _read(settings, output)
        except BootstrapError as exc:
            if not sys.stdout.isatty():
                raise
            text = f"{exc}"
        if sys.stdout.isatty() and output == "table":
            text = f"{CLEAR}{datetime.now(UTC):%H:%M:%S} UTC\n{text}"
        click.echo(text)
        time.sleep(1)
