"""Lines for people: whatever a text comes from, it is one line, and nothing in it is obeyed by a terminal."""

import os
import sys

import click

from bootstrap.process.log import escape


def echo(line: str = "", *, err: bool = False) -> None:
    """Print one line."""
    click.echo(escape(line), err=err)


def paint(text: str, colour: str, *, bold: bool = False) -> str:
    """Colour a text on a terminal, unless NO_COLOR is set (https://no-color.org); "" is no colour."""
    is_plain = not colour or not sys.stdout.isatty() or os.environ.get("NO_COLOR")
    return text if is_plain else click.style(text, fg=colour, bold=bold or None)
