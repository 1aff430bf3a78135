"""`galera-bootstrap fetch`: a copy out of a repository, for people and other tools."""

from pathlib import Path

import click

from bootstrap.commands.job import options
from bootstrap.operations.fetch import Remote, fetch
from bootstrap.operations.repository import Patience, Repository
from bootstrap.process.log import die_by_signal, logger
from bootstrap.settings import settings_for_set


@click.command()
@click.option("--to", type=click.Path(path_type=Path), required=True, help="The folder of the backups.")
@click.option("--name", default="latest", show_default=True, help="The backup.")
@options.repository
@options.answer
@options.cluster
def command(*, to: Path, name: str, repository: Path, wait_for_answer: int, cluster: str | None) -> None:
    """Put a backup from an object storage into a folder, and compare all its files with their sums.

    It gets its name when it is there completely; then `restore --from` can use the folder.
    """
    die_by_signal()
    log = logger("fetch")
    owner = cluster or settings_for_set().backup_owner
    fetch(Remote(Repository(repository, log, patience=Patience(wait_for_answer)), owner), name, to, log)
