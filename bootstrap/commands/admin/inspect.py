"""`galera-bootstrap inspect`: what the datadir holds, and of a volume from elsewhere what is missing."""

import json
import os
import sys

import click

from bootstrap.commands.admin.terminal import echo
from bootstrap.core.model.codec import Json, dump
from bootstrap.core.model.disk import DataClass, Disk
from bootstrap.datadir import inspection, journal_hints, volume
from bootstrap.datadir.volume import Volume
from bootstrap.errors import VolumeNotReadyError
from bootstrap.mariadb import config, pod_config
from bootstrap.mariadb.recover import Recover
from bootstrap.settings import Settings, current
from bootstrap.storage import lock
from bootstrap.storage.journal import Journal
from bootstrap.storage.layout import Layout

NOWHERE = "127.0.0.1"


@click.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(output: str) -> None:
    """Show class and position of this pod's datadir; no server may be running on it.

    The position comes from the server's own recovery, as at every start (`mariadbd --wsrep-recover`).
    While it runs, the agent sees a held lock and soon reports to its peers that this pod is unknown: decisions wait.
    Of a volume that was no member here so far it shows what is on it, and what is missing for a take-over (exit code 33
    if anything is).
    """
    settings = current()
    layout = Layout(settings.data_root)
    fd = lock.acquire(layout.lock)
    hints = journal_hints.from_memory(Journal(layout.meta).read())
    write_missing_config(settings)
    command = (settings.mariadbd, f"--defaults-file={settings.cnf}")
    recover = Recover(command, keep_fds=(fd,), direct=settings.upgrade_from)
    found = volume.describe(layout, recover) if hints.is_from_elsewhere else None
    # No recovery where something is in its way.
    disk = Disk(DataClass.UNKNOWN, detail=found.missing[0]) if found and found.missing else None
    disk = disk or inspection.inspect(layout, recover, hints)
    os.close(fd)
    if output == "json":
        click.echo(json.dumps(to_json(disk, found)))
    else:
        echo(f"{disk.data_class}  {disk.position or '-'}  {disk.detail}")
        for name, text in describe(found) if found and found.datadir else ():
            echo(f"  {name:<12}{text}")
    if found and found.missing:
        sys.exit(VolumeNotReadyError.exit_code)


def write_missing_config(settings: Settings) -> None:
    """Write a my-galera.cnf where no starter has run yet: the recovery needs one.  Raises ConfigNotWrittenError."""
    if not settings.cnf.exists():
        alone = settings._replace(sst_method="rsync", tls_dir=None)
        config.update(settings.cnf, pod_config.build_cnf(alone, "inspect", (settings.pod_ip or NOWHERE,)))


def to_json(disk: Disk, found: Volume | None) -> Json:
    """The answer for programs (docs/schemas/inspect-v1.json)."""
    known: Json = dump(disk)
    position: Json = known.pop("position") or {"uuid": None, "seqno": None}  # type: ignore[assignment]  # or an object
    head = {"schema": "galera-bootstrap/inspect/v1", "class": known.pop("data_class")}
    return {**head, **position, **known, "volume": found and found._asdict()}


def describe(found: Volume) -> list[tuple[str, str]]:
    """The lines about a volume from elsewhere."""
    ended = "stopped in order" if found.stopped_cleanly else "killed, or running"
    mine = "" if found.owner and found.owner.startswith(f"{found.uid}:") else f"; this container is uid {found.uid}"
    lines = [
        ("datadir", str(found.datadir)),
        ("files of", f"{found.owner}{mine}"),
        ("written by", f"MariaDB {found.written_by or 'of an unknown version'}; this image has {found.server}"),
        ("saved", f"{found.saved or 'no position'}; {ended}"),
        ("binary log", ", ".join(found.binary_logs) or "none in the datadir"),
        *(("missing", one) for one in found.missing),
    ]
    return lines if found.missing else [*lines, ("missing", "nothing: a start makes the accounts, and takes it over")]
