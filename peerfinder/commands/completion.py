"""What a shell completes besides our own commands: the flags of the drop-in form."""

import click

from peerfinder.flags import FLAGS

OF_FILES = ("on-start", "on-change", "health")
"""Flags whose value is, or begins with, the path of a file."""


def options() -> list[click.Option]:
    """Make the flags options of click's, to be completed and not to be read."""
    return [
        click.Option(
            [f"-{flag.name}"],
            is_flag=not flag.value,
            type=click.Path() if flag.name in OF_FILES else None,
            help=flag.meaning,
        )
        for flag in FLAGS
    ]
