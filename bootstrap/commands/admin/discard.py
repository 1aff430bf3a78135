"""`galera-bootstrap discard`: give up what the datadir of a pod that holds has and the cluster has not."""

import time

import click

from bootstrap.control import channel
from bootstrap.errors import OverrideRefusedError, OverrideVoidError
from bootstrap.settings import current

POLL_S = 0.2
"""Between two looks at whether the starter has done it."""


@click.command()
@click.option("--delete", is_flag=True, help="Remove it; without this it is renamed on the same volume.")
def command(*, delete: bool) -> None:
    """Put the datadir of this pod aside, which holds beside a live cluster; then it joins by a full state transfer.

    Refused when no Primary Component is known, or when this pod does not hold.
    """
    client = channel.Client(current().agent_socket)
    answer = client.ask("discard", delete=delete)
    if answer["refusal"]:
        raise OverrideRefusedError(f"nothing was changed: {answer['refusal']}")
    click.echo(str(answer["line"]))
    while client.ask("fate")["errand"]:
        time.sleep(POLL_S)
    fate = client.ask("fate")
    if fate.get("undone"):
        raise OverrideVoidError(
            "the datadir is still there: the container that was to put it aside has failed or ended, and its log says "
            "why; say it again"
        )
    click.echo(f"done: {fate['now']}")
