"""Lines for people: whatever a text comes from, it is one line, and nothing in it is obeyed by a terminal."""

import click

from bootstrap.process.log import escape


def echo(line: str = "", *, err: bool = False) -> None:
    """Print one line."""
    click.echo(escape(line), err=err)
