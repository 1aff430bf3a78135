"""Shell completion for the flags of the drop-in form."""

import click

from peerfinder.flags import FLAGS

PATH_FLAGS = ("on-start", "on-change", "health")
"""Flags whose value is, or begins with, the path of a file."""


def make_options() -> list[click.Option]:
    """Make click options of the flags; they are used for completion only, not for parsing."""
    return [
        click.Option(
            [f"-{flag.name}"],
            is_flag=not flag.metavar,
            type=click.Path() if flag.name in PATH_FLAGS else None,
            help=flag.help,
        )
        for flag in FLAGS
    ]
