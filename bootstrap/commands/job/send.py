"""`galera-bootstrap send`: the container of a CronJob, after `backup`."""

from pathlib import Path

import click

from bootstrap.commands.job import options
from bootstrap.core.repository.restic import Retention
from bootstrap.operations.repository import Patience, Repository
from bootstrap.operations.send import Order, send
from bootstrap.process.log import die_by_signal, logger
from bootstrap.settings import settings_for_set


@click.command()
@click.option("--from", "root", type=click.Path(path_type=Path), required=True, help="The folder of the backups.")
@options.repository
@options.answer
@options.cluster
@click.option(
    "--keep-daily", type=click.IntRange(0), default=7, show_default=True, help="The last one of each of so many days."
)
@click.option("--keep-weekly", type=click.IntRange(0), default=5, show_default=True, help="The same for weeks.")
@click.option("--keep-monthly", type=click.IntRange(0), default=12, show_default=True, help="The same for months.")
@options.cache
@options.wait
def command(  # noqa: PLR0913  # each is an option
    *,
    root: Path,
    repository: Path,
    wait_for_answer: int,
    cluster: str | None,
    keep_daily: int,
    keep_weekly: int,
    keep_monthly: int,
    cache: Path | None,
    wait_for_lock: int,
) -> None:
    """Send the newest complete backup of a folder to an object storage, by restic, and remove old ones there.

    The repository is made if there is none. What a job that was cut has sent is no backup, and is used again.
    """
    die_by_signal()
    log = logger("send")
    owner = cluster or settings_for_set().backup_owner
    used = Repository(repository, log, cache=cache, patience=Patience(wait_for_answer, wait_for_lock))
    send(used, Order(root, owner, Retention(keep_daily, keep_weekly, keep_monthly)), log)
