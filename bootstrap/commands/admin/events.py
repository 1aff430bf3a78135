"""`galera-bootstrap events`: what has happened on this pod."""

import json
from dataclasses import replace

import click

from bootstrap.commands.admin.terminal import echo
from bootstrap.control import channel
from bootstrap.control.status_messages import Events, EventsAnswer
from bootstrap.core.model.codec import dump
from bootstrap.core.status.events import KINDS, SCHEMA
from bootstrap.errors import AgentUnreachableError
from bootstrap.settings import Settings, current
from bootstrap.storage import event_log
from bootstrap.storage.layout import Layout

TIMEOUT_S = 5.0
"""For the agent's answer: the agent waits for nothing, and the volume has most of what it would answer."""


@click.command(epilog=f"Kinds: {'; '.join(f'{kind}: {about}' for kind, about in KINDS.items())}.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("-n", "--lines", type=click.IntRange(min=1), metavar="N", help="Show only the newest N events.")
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Show only events of this kind; repeatable."
)
def command(output: str, lines: int | None, kinds: tuple[str, ...]) -> None:
    """Show what has happened on this pod, the oldest first; the times are of the machine's clock, in UTC.

    The newest 200 events are kept.  Of each rare kind the newest 30 are kept, whatever the other kinds are.
    """
    answer = ask_for_events(current())
    chosen = tuple(event for event in answer.events if not kinds or event.kind in kinds)[-(lines or 0) :]
    if output == "json":
        click.echo(json.dumps(dump(replace(answer, events=chosen))))
        return
    for event in chosen:
        echo(f"{event.time}  {event.n:>5}  {event.kind:<9}  {event.text}")


def ask_for_events(settings: Settings) -> EventsAnswer:
    """Return the agent's answer, or without an agent the events on the volume.

    Raises AgentUnreachableError if there are none either.
    """
    try:
        return channel.Client(settings.agent_socket, TIMEOUT_S).ask(Events())
    except AgentUnreachableError as exc:
        log, trouble = event_log.read(Layout(settings.data_root).meta)
        if trouble or not log:
            raise AgentUnreachableError(
                f"{exc}; the volume's event log cannot be read either ({trouble or 'it is empty'})"
            ) from exc
        echo(f"{exc}: these events are from the volume", err=True)
        return EventsAnswer(SCHEMA, settings.pod, log)
