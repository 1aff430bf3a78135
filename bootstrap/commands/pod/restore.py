"""`galera-bootstrap restore`: an init container between the agent and `bootstrap`."""

from pathlib import Path

import click

from bootstrap.errors import SettingInvalidError
from bootstrap.operations.restore import Folder, Order, Source, restore
from bootstrap.process.log import Log, die_by_signal, logger
from bootstrap.settings import Settings, current


@click.command()
@click.option("--from", "root", type=click.Path(path_type=Path), help="The folder of the backups.")
@click.option(
    "--repository",
    type=click.Path(path_type=Path),
    help="In place of --from: the Secret of a repository.",
)
@click.option("--cluster", metavar="NAME", help="Whose backups in the repository. Default: those of this one.")
@click.option("--name", default="latest", show_default=True, help="The backup.")
@click.option(
    "--until",
    metavar="MOMENT",
    help="With --repository: replay the binary log up to a time (2026-11-30T14:05:00Z), a GTID, or latest.",
)
@click.option("--ordinal", type=click.IntRange(0), help="The pod that gets it. Default: the lowest ordinal.")
def command(  # noqa: PLR0913  # each is an option
    *,
    root: Path | None,
    repository: Path | None,
    cluster: str | None,
    name: str,
    until: str | None,
    ordinal: int | None,
) -> None:
    """Put a backup on the empty volume of one pod, as the start of a new history.

    Nothing is restored over data, or while another pod has any; then one line says so.
    """
    die_by_signal()
    settings, log = current(), logger("restore")
    source = find_source(settings, root, repository, cluster, log)
    if until is not None:
        source = add_log(settings, source, until, log)
    restore(settings, Order(source, name, settings.ordinals_start if ordinal is None else ordinal), log)


def find_source(
    settings: Settings, root: Path | None, repository: Path | None, cluster: str | None, log: Log
) -> Source:
    """Return where the backups are; raises SettingInvalidError."""
    if (root is None) == (repository is None):
        raise SettingInvalidError("restore needs --from=FOLDER or --repository=FOLDER, and not both")
    if root is not None:
        return Folder(root)
    from bootstrap.operations.fetch import Remote  # noqa: PLC0415  # most restores need none
    from bootstrap.operations.repository import Repository  # noqa: PLC0415

    assert repository is not None  # noqa: S101  # for mypy
    return Remote(Repository(repository, log), cluster or settings.backup_owner)


def add_log(settings: Settings, source: Source, until: str, log: Log) -> Source:
    """Let the source replay the log after its backup; raises SettingInvalidError."""
    from bootstrap.core.repository.moments import parse_moment  # noqa: PLC0415  # as above
    from bootstrap.operations.binlog.source import PointInTime  # noqa: PLC0415
    from bootstrap.operations.fetch import Remote  # noqa: PLC0415

    moment = parse_moment(until)
    if not isinstance(source, Remote):
        raise SettingInvalidError("--until needs --repository: the binary log is there, beside the backups")
    return PointInTime(settings, source, moment, log)
