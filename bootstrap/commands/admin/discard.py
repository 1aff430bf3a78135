"""`galera-bootstrap discard`: give up the data of a pod that holds, so that it can join."""

import time
from pathlib import Path

import click

from bootstrap.commands.admin.terminal import echo
from bootstrap.control import channel
from bootstrap.control.override_messages import Discard, Progress
from bootstrap.core.participant.orders import Order
from bootstrap.errors import OverrideRefusedError, OverrideVoidError
from bootstrap.settings import current
from bootstrap.storage.layout import DISCARDED

POLL_S = 0.2
"""Between two questions whether the starter has done it."""


@click.command()
@click.option("--delete", is_flag=True, help="Remove it. Without this option it is renamed on the same volume.")
def command(*, delete: bool) -> None:
    """Put the datadir of this pod aside, which holds beside a live cluster; then it joins by a full state transfer.

    Refused when no Primary Component is known, or when this pod does not hold.
    """
    settings = current()
    before = find_kept(settings.data_root)
    client = channel.Client(settings.agent_socket)
    answer = client.ask(Discard(delete=delete))
    if answer.refusal:
        raise OverrideRefusedError(f"nothing was changed: {answer.refusal}")
    echo(answer.line)
    while client.ask(Progress()).pending_order is not Order.NONE:
        time.sleep(POLL_S)
    progress = client.ask(Progress())
    if progress.failed_order is not Order.NONE:
        raise OverrideVoidError(
            "the datadir is still there: the container that had to put it aside has failed or ended, and its log says "
            "why; run discard again"
        )
    for path in sorted(find_kept(settings.data_root) - before):
        echo(f"the old data are in {path}, beside the new ones; remove the folder when nobody needs it")
    echo(f"done; now: {progress.decision}")


def find_kept(data_root: Path) -> frozenset[Path]:
    """Find the datadirs that were put aside on this volume."""
    return frozenset(data_root.glob(f"{DISCARDED}*"))
