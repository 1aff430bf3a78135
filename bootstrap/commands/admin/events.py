"""`galera-bootstrap events`: what has happened on this pod, or on all pods."""

import json
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from bootstrap.commands.admin.terminal import echo, paint
from bootstrap.control import channel
from bootstrap.control.status_messages import Events, EventsAnswer
from bootstrap.control.timeline_messages import Timeline, TimelineAnswer
from bootstrap.core.model.codec import dump
from bootstrap.core.status.events import KINDS, SCHEMA, Event
from bootstrap.core.status.timeline.clocks import place, shift_of
from bootstrap.core.status.timeline.lanes import Log
from bootstrap.core.status.timeline.story import Picture, draw
from bootstrap.core.status.timeline.svg import render_svg
from bootstrap.core.status.timeline.text import render_text
from bootstrap.errors import AgentUnreachableError, SettingInvalidError
from bootstrap.process.log import escape
from bootstrap.settings import Settings, current
from bootstrap.storage import atomic, event_log
from bootstrap.storage.layout import Layout

TIMEOUT_S = 5.0
"""For the agent's answer: the agent waits for nothing, and the volume has most of what it would answer."""

ALL_TIMEOUT_S = 15.0
"""The same where it asks all others first, which takes 4 s at the most, after others that ask the same."""

LINES = 20
"""Events that people get to see if they do not say how many; a program gets all."""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read_time(text: str) -> float | None:
    """Read a time of an event: seconds since 1970; None if it is not one."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def format_day(moment: float) -> str:
    """Return the day of a moment, in UTC."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"


def read_since(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Read 90s, 10m, 2h, 3d or 2026-11-30T04:31:00Z: seconds since 1970."""
    if value is None:
        return None
    ago = re.fullmatch(r"([0-9]{1,9})([smhd])", value, re.ASCII)
    moment = datetime.now(UTC).timestamp() - int(ago[1]) * UNITS[ago[2]] if ago else read_time(value)
    if moment is None:
        raise click.BadParameter(f"{value!r} is no time: write 90s, 10m, 2h, 3d, or 2026-11-30T04:31:00Z", ctx, param)
    return moment


@click.command(epilog=f"Kinds: {'; '.join(f'{kind}: {about}' for kind, about in KINDS.items())}.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "-n", "--lines", type=click.IntRange(min=1), metavar="N",
    help=f"Show only the newest N events; default {LINES}, and all with -o json.",
)  # fmt: skip
@click.option(
    "--since", callback=read_since, metavar="TIME", help="Show only events since then: 90s, 10m, 2h, 3d, RFC 3339."
)
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Show only events of this kind; repeatable."
)
@click.option(
    "-a", "--all", "everything", is_flag=True,
    help="Ask all pods, and draw the last outage (or all since --since) as one timeline.",
)  # fmt: skip
@click.option("--svg", metavar="FILE", help="With --all: write the timeline as a picture; - is standard output.")
def command(  # noqa: PLR0913  # each is an option
    output: str, lines: int | None, since: float | None, kinds: tuple[str, ...], svg: str | None, *, everything: bool
) -> None:
    """Show what has happened on this pod, the oldest first; the times are of the machine's clock, in UTC.

    The newest 200 events are kept.  Of each rare kind the newest 25 are kept, whatever the other kinds are.

    With --all the agents of all pods are asked.  Their times are shown on the clock of this pod's machine: each answer
    has its machine's clock, and a difference that is larger than the time of the exchange explains is taken off.
    """
    if svg and not everything:
        raise click.UsageError("--svg is a picture of all pods: add --all")
    if everything and (kinds or lines):
        raise click.UsageError("--all shows states and not single events: use --since instead of --kind and --lines")
    if everything:
        show_all(current(), output, since, svg)
        return
    answer = ask_for_events(current())
    chosen = tuple(event for event in answer.events if (not kinds or event.kind in kinds) and is_since(event, since))
    count = lines or (0 if output == "json" else LINES)
    if output == "json":
        click.echo(json.dumps(dump(replace(answer, events=chosen[-count:]))))
        return
    for event in chosen[-count:]:
        echo(f"{event.time}  {event.n:>5}  {event.kind:<9}  {event.text}")
    if not lines and len(chosen) > count:
        echo(f"{len(chosen) - count} earlier events are not shown: --lines, --since; of all pods: --all", err=True)


def is_since(event: Event, since: float | None) -> bool:
    """Whether it happened since then; one whose time cannot be read did."""
    moment = read_time(event.time)
    return since is None or moment is None or moment >= since


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


def show_all(settings: Settings, output: str, since: float | None, svg: str | None) -> None:
    """Ask all pods, and show their events as one timeline.

    Raises AgentUnreachableError without an agent: it alone can ask the others.
    """
    answer = channel.Client(settings.agent_socket, ALL_TIMEOUT_S).ask(Timeline())
    if output == "json":
        click.echo(json.dumps(dump(answer)))
        return
    picture = draw_answer(answer, since)
    for pod in answer.pods:
        if pod.answer != "ok":
            echo(f"{pod.name} is shown as the others saw it; it does not answer: {pod.answer}", err=True)
        elif shift := shift_of(pod.ahead_s, pod.within_s):
            echo(
                f"the clock of {pod.name} is {abs(shift):.3f} s {'ahead of' if shift > 0 else 'behind'} that of "
                f"{answer.pod} (to {pod.within_s:.3f} s): its times are shifted",
                err=True,
            )
    if picture is None:
        raise AgentUnreachableError("no pod has an event with a time")
    if svg:
        write_picture(svg, render_svg(picture, f"{answer.service}/{answer.namespace}", format_day(picture.start)))
        return
    for line in render_text(picture, format_day(picture.start), paint):
        click.echo(line)


def draw_answer(answer: TimelineAnswer, since: float | None) -> Picture | None:
    """Draw what the agents have answered; None if none of them has an event."""
    logs = [
        Log(
            escape(pod.name),
            tuple(
                one._replace(event=one.event._replace(text=escape(one.event.text)))
                for one in place(pod.events, shift_of(pod.ahead_s, pod.within_s), read_time)
            ),
        )
        for pod in answer.pods
    ]
    return draw(logs, read_time(answer.time) or 0.0, since)


def write_picture(file: str, text: str) -> None:
    """Write the picture; raises SettingInvalidError."""
    if file == "-":
        sys.stdout.write(text)
        return
    try:
        atomic.replace(Path(file).absolute(), text.encode(), mode=0o644)
    except OSError as exc:
        raise SettingInvalidError(
            f"the picture cannot be written to {file} ({exc.strerror}): name a folder that is there and writable, or - "
            "for standard output"
        ) from exc
