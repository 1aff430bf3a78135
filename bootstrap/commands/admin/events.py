"""`galera-bootstrap events`: what has happened on this pod."""

import json

import click

from bootstrap.control import channel
from bootstrap.core.model.codec import Json
from bootstrap.core.status.events import KINDS, SCHEMA
from bootstrap.errors import AgentUnreachableError
from bootstrap.settings import Settings, current
from bootstrap.storage import event_log
from bootstrap.storage.layout import Layout

TIMEOUT_S = 5.0
"""For the agent's answer: it waits for nothing, and the volume remembers most of what it would say."""


@click.command(epilog=f"Kinds: {'; '.join(f'{kind}: {about}' for kind, about in KINDS.items())}.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("-n", "--lines", type=click.IntRange(min=1), help="Only so many, the newest ones.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Only of this kind; repeatable.")
def command(output: str, lines: int | None, kinds: tuple[str, ...]) -> None:
    """Show what has happened on this pod, the oldest first; the times are of the machine's clock, in UTC.

    The newest 200 are kept, and of each rare kind, which nothing pushes out but its like, the newest 30.
    """
    told = asked(current())
    chosen = [e for e in listed(told) if not kinds or e["kind"] in kinds][-(lines or 0) :]
    if output == "json":
        click.echo(json.dumps({**told, "events": chosen}))
        return
    for event in chosen:
        click.echo(f"{event['time']}  {event['n']:>5}  {event['kind']:<9}  {event['text']}")


def asked(settings: Settings) -> Json:
    """The agent's answer; without an agent, what the volume remembers.  Raises AgentUnreachableError without both."""
    try:
        return channel.Client(settings.agent_socket, TIMEOUT_S).ask("events")
    except AgentUnreachableError as exc:
        log, trouble = event_log.read(Layout(settings.data_root).meta)
        if trouble or not log:
            raise AgentUnreachableError(
                f"{exc}; the volume's event log tells nothing, either ({trouble or 'it is empty'})"
            ) from exc
        click.echo(f"{exc}: this is what the volume remembers", err=True)
        events = [{"n": e.n, "time": e.time, "kind": e.kind, "text": e.text} for e in log]
        return {"schema": SCHEMA, "self": settings.pod, "events": events}


def listed(told: Json) -> list[Json]:
    """The events in an answer."""
    events = told["events"]
    return events if isinstance(events, list) else []
