"""Options of all commands that use a repository."""

from pathlib import Path

import click

from bootstrap.operations.repository import FOLDER

repository = click.option(
    "--repository",
    type=click.Path(path_type=Path),
    default=FOLDER,
    show_default=True,
    help="The folder of the repository's Secret: its place, its password, the storage's keys.",
)

cluster = click.option("--cluster", metavar="NAME", help="Whose backups: NAMESPACE/SET. Default: those of this one.")

cache = click.option("--cache", type=click.Path(path_type=Path), help="A folder for restic's cache. Default: none.")

answer = click.option(
    "--wait-for-answer",
    type=click.IntRange(1),
    default=90,
    show_default=True,
    metavar="SECONDS",
    help="How long the storage may not answer at the beginning.",
)

wait = click.option(
    "--wait-for-lock",
    type=click.IntRange(0),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long another job may use the repository.",
)
