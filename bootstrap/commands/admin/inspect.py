"""`galera-bootstrap inspect`: what the datadir holds."""

import json
import os

import click

from bootstrap.commands.admin.terminal import echo
from bootstrap.core.model.codec import Json, dump
from bootstrap.datadir import inspection, journal_hints
from bootstrap.mariadb.recover import Recover
from bootstrap.settings import current
from bootstrap.storage import lock
from bootstrap.storage.journal import Journal
from bootstrap.storage.layout import Layout


@click.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(output: str) -> None:
    """Show class and position of this pod's datadir; no server may be running on it.

    The position comes from the server's own recovery, as at every start (`mariadbd --wsrep-recover`).
    While it runs, the agent sees a held lock and soon reports to its peers that this pod is unknown: decisions wait.
    """
    settings = current()
    layout = Layout(settings.data_root)
    fd = lock.acquire(layout.lock)
    hints = journal_hints.from_memory(Journal(layout.meta).read())
    command = (settings.mariadbd, f"--defaults-file={settings.cnf}")
    recover = Recover(command, keep_fds=(fd,), direct=settings.upgrade_from)
    disk = inspection.inspect(layout, recover, hints)
    os.close(fd)
    if output == "json":
        found: Json = dump(disk)
        position: Json = found.pop("position") or {"uuid": None, "seqno": None}  # type: ignore[assignment]  # or an object
        head = {"schema": "galera-bootstrap/inspect/v1", "class": found.pop("data_class")}
        click.echo(json.dumps({**head, **position, **found}))
        return
    echo(f"{disk.data_class}  {disk.position or '-'}  {disk.detail}")
