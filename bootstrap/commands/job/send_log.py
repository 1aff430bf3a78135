"""`galera-bootstrap send-log`: the container of a Deployment."""

import threading
from pathlib import Path

import click

from bootstrap.commands.job import options
from bootstrap.network import text_server
from bootstrap.operations.binlog.log_source import Login
from bootstrap.operations.binlog.remote import Remote
from bootstrap.operations.binlog.ship import Order, Shipper
from bootstrap.operations.repository import Patience, Repository
from bootstrap.process.log import die_by_signal, logger
from bootstrap.settings import settings_for_set

MIB = 1 << 20


@click.command()
@click.option(
    "--login",
    type=click.Path(path_type=Path),
    default=Path("/etc/galera-log/client.cnf"),
    show_default=True,
    help="An option file with user and password of an account with REPLICATION SLAVE and BINLOG MONITOR.",
)
@click.option("--spool", type=click.Path(path_type=Path), required=True, help="A folder for the piece that is open.")
@click.option(
    "--every",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="With the time that sending takes, the largest loss.",
)
@click.option(
    "--piece-size", type=click.IntRange(1), default=64, show_default=True, metavar="MIB", help="Larger ones are closed."
)
@click.option(
    "--piece-age", type=click.IntRange(1), default=60, show_default=True, metavar="MINUTES", help="Older ones, too."
)
@click.option("--sparing", metavar="POD", help="Read this one only if there is no other. Default: the lowest ordinal.")
@options.repository
@options.answer
@options.cluster
@options.cache
@options.wait
def command(  # noqa: PLR0913  # each is an option
    *,
    login: Path,
    spool: Path,
    every: int,
    piece_size: int,
    piece_age: int,
    sparing: str | None,
    repository: Path,
    wait_for_answer: int,
    cluster: str | None,
    cache: Path | None,
    wait_for_lock: int,
) -> None:
    """Send the binary log of the cluster to an object storage, continuously, by restic.

    It reads one member at a time, and goes on with another one when that has gone.
    """
    die_by_signal()
    settings, log = settings_for_set(), logger("send-log")
    used = Repository(repository, log, cache=cache, patience=Patience(wait_for_answer, wait_for_lock))
    ca = settings.tls_dir / "ca.crt" if settings.tls_dir else None
    order = Order(
        Login(login, ca), spool, every, piece_size * MIB, 60.0 * piece_age, settings.pod if sparing is None else sparing
    )
    shipper = Shipper(settings, Remote(used, cluster or settings.backup_owner), order, log)
    if settings.health_port:
        server = text_server.listen(settings.bind_address, settings.health_port, shipper.health.answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    shipper.run()
