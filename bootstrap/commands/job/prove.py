"""`galera-bootstrap prove`: the container of a weekly CronJob."""

from pathlib import Path

import click

from bootstrap.commands.job import options
from bootstrap.operations.fetch import Remote
from bootstrap.operations.prove import Order, prove
from bootstrap.operations.repository import Patience, Repository
from bootstrap.process.log import die_by_signal, logger
from bootstrap.settings import settings_for_set


@click.command()
@click.option("--in", "scratch", type=click.Path(path_type=Path), required=True, help="A folder with room for one.")
@click.option("--name", default="latest", show_default=True, help="The backup.")
@click.option(
    "--max-age", type=click.IntRange(1), default=48, show_default=True, metavar="HOURS", help="Of the newest backup."
)
@click.option("--with-log", is_flag=True, help="Also replay the binary log after the backup, up to its end.")
@options.repository
@options.answer
@options.cluster
@options.cache
@options.wait
def command(  # noqa: PLR0913  # each is an option
    *,
    scratch: Path,
    name: str,
    max_age: int,
    with_log: bool,
    repository: Path,
    wait_for_answer: int,
    cluster: str | None,
    cache: Path | None,
    wait_for_lock: int,
) -> None:
    """Restore the newest backup of an object storage into a throw-away server, and read all its tables.

    A backup that was read completely gets a mark in the repository. It fails, too, if the newest one is too old.
    """
    die_by_signal()
    settings, log = settings_for_set(), logger("prove")
    used = Repository(repository, log, cache=cache, patience=Patience(wait_for_answer, wait_for_lock))
    prove(settings, Remote(used, cluster or settings.backup_owner), Order(scratch, name, max_age, with_log), log)
