"""`galera-bootstrap backups`: what is in a repository, and the moments that a restore reaches."""

import json
from collections.abc import Iterator
from pathlib import Path

import click

from bootstrap.commands.admin.terminal import echo
from bootstrap.commands.job import options
from bootstrap.core.repository import reach
from bootstrap.core.repository.moments import format_name
from bootstrap.core.repository.reach import Span
from bootstrap.core.repository.snapshots import Snapshot
from bootstrap.operations.binlog.remote import Found, Remote
from bootstrap.operations.repository import Patience, Repository
from bootstrap.process.log import die_by_signal, logger
from bootstrap.settings import settings_for_set

SCHEMA = "galera-bootstrap/backups/v1"


@click.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@options.repository
@options.answer
@options.cluster
def command(*, output: str, repository: Path, wait_for_answer: int, cluster: str | None) -> None:
    """Show the backups in an object storage, and with a binary log the moments for `restore --until`."""
    die_by_signal()
    owner = cluster or settings_for_set().backup_owner
    used = Repository(repository, logger("backups"), patience=Patience(wait_for_answer))
    found = Remote(used, owner).read()
    if output == "json":
        click.echo(json.dumps(to_json(owner, found)))
    else:
        for line in describe(owner, found):
            echo(line)


def describe(owner: str, found: Found) -> Iterator[str]:
    """Yield the lines for people: each backup, then each span of moments."""
    yield f"{owner}: {len(found.backups) or 'no'} backup{'' if len(found.backups) == 1 else 's'}"
    if found.others:
        yield f"also there, by --cluster: {', '.join(found.others)}"
    for one in found.backups:
        proven = f"proven {format_name(one.proven)}" if one.proven else "not proven"
        yield f"  {one.name}  {one.series or '?':<5}  {proven:<27}  {one.position}"
    spans = reach.find_spans(found.backups, found.pieces)
    if spans:
        yield "restore --until reaches"
    for span in spans:
        yield f"  from {format_name(span.taken)}  {span.first}"
        yield f"  to   {format_name(span.until) or 'an unknown time'}  {span.last}"
        if span.gap:
            yield f"  GAP: nothing is there of what came next, up to {span.gap}"


def to_json(owner: str, found: Found) -> dict[str, object]:
    """Return the answer for programs (docs/schemas/backups-v1.json)."""
    return {
        "schema": SCHEMA,
        "cluster": owner,
        "other_clusters": list(found.others),
        "backups": [_dump(one) for one in found.backups],
        "reachable": [_dump_span(one) for one in reach.find_spans(found.backups, found.pieces)],
    }


def _dump(one: Snapshot) -> dict[str, object]:
    return {
        "name": one.name,
        "snapshot": one.id,
        "position": one.position,
        "series": one.series or None,
        "proven": format_name(one.proven) or None,
        "gtid": str(one.gtid) if one.gtid else None,
        "taken": format_name(one.taken) or None,
    }


def _dump_span(span: Span) -> dict[str, object]:
    return {
        "history": span.history,
        "backups": [one.name for one in span.backups],
        "from": {"time": format_name(span.taken), "gtid": str(span.first)},
        "to": {"time": format_name(span.until) or None, "gtid": str(span.last)},
        "missing_up_to": str(span.gap) if span.gap else None,
    }
