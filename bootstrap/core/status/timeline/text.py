"""The timeline as text: a line for each pod, a scale, and what happened in sentences."""

import textwrap
from collections.abc import Callable, Iterable

from bootstrap.core.status.timeline.lanes import Lane, State
from bootstrap.core.status.timeline.story import ALL_SYNCED, PRIMARY, Moment, Picture

WIDTH = 80

LETTERS = {
    State.DOWN: ".",
    State.STARTING: "s",
    State.WAITING: "w",
    State.HOLDING: "H",
    State.BOOTSTRAPPING: "B",
    State.JOINING: "j",
    State.SYNCED: "=",
    State.DONOR: "d",
    State.NON_PRIMARY: "n",
    State.UNKNOWN: "?",
}

COLOURS = {
    State.DOWN: "red",
    State.HOLDING: "red",
    State.NON_PRIMARY: "red",
    State.WAITING: "yellow",
    State.BOOTSTRAPPING: "magenta",
    State.JOINING: "cyan",
    State.DONOR: "cyan",
    State.SYNCED: "green",
}

MARKS = {PRIMARY: "first Primary", ALL_SYNCED: "all Synced"}
"""The marks below the lines, and what they are; the permission is a letter in its line."""

GAP = "   "
"""Between two parts of the legend."""

STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400, 604800)
"""Seconds between two marks of the scale, as people count."""

LEAST_COLUMNS = 10
"""Columns between two marks of the scale."""

MOST_LINES = 40
"""Sentences that are shown; `-o json` has all events."""

Paint = Callable[[str, str], str]
"""(text, name of a colour) -> the text in that colour, or as it is."""


def render_text(picture: Picture, day: str, paint: Paint = lambda text, _colour: text) -> list[str]:
    """Return the picture's lines: at most 80 columns, but for long names and sentences; `day` is that of its start."""
    names = max(len(lane.pod) for lane in picture.lanes)
    columns = max(20, WIDTH - names - 2)
    width = (picture.end - picture.start) / columns
    margin = " " * (names + 2)
    length = format_seconds(picture.end - picture.start)
    lines = [f"{day} {format_clock(picture.start)} to {format_clock(picture.end)} UTC, {length}"]
    lines += [f"{lane.pod.ljust(names)}  {_row(lane, picture.start, width, columns, paint)}" for lane in picture.lanes]
    if marks := _marks(picture.moments, picture.start, width, columns):
        lines.append(f"{margin}{marks}")
    lines += [f"{margin}{line}" for line in _scale(picture.end - picture.start, width, columns)]
    lines += [*_legend(picture), ""]
    shown = picture.moments[-MOST_LINES:]
    if hidden := len(picture.moments) - len(shown):
        lines.append(f"... {hidden} earlier lines are not shown; --since shows a shorter time")
    origin = shown[0].at if shown else picture.start
    return lines + [line for moment in shown for line in _lines(moment, origin)]


def format_seconds(seconds: float) -> str:
    """Return a time for people: 0.4 s, 12.3 s, 3 min 12 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def state_of_column(lane: Lane, start: float, end: float) -> State:
    """Return what a column shows: the permission to bootstrap however short it was, else what took the longest."""
    shares: dict[State, float] = {}
    for span in lane.spans:
        share = min(span.end, end) - max(span.start, start)
        if share > 0:
            shares[span.state] = shares.get(span.state, 0.0) + share
    if State.BOOTSTRAPPING in shares:
        return State.BOOTSTRAPPING
    return max(shares, key=lambda state: shares[state], default=State.UNKNOWN)


def _row(lane: Lane, start: float, width: float, columns: int, paint: Paint) -> str:
    states = [state_of_column(lane, start + n * width, start + (n + 1) * width) for n in range(columns)]
    return "".join(paint(LETTERS[state], COLOURS.get(state, "")) for state in states)


def _marks(moments: Iterable[Moment], start: float, width: float, columns: int) -> str:
    row = [" "] * columns
    for moment in moments:
        if moment.mark in MARKS:
            row[min(int((moment.at - start) / width), columns - 1)] = moment.mark
    return "".join(row).rstrip()


def _scale(seconds: float, width: float, columns: int) -> tuple[str, str]:
    step = choose_step(seconds / columns * LEAST_COLUMNS)
    ticks, numbers = ["-"] * columns, [" "] * columns
    for n in range(int(seconds / step) + 1):
        column, number = min(int(n * step / width), columns - 1), format_tick(n * step)
        ticks[column] = "|"
        if column + len(number) <= columns:
            numbers[column : column + len(number)] = number
    return "".join(ticks), "".join(numbers).rstrip()


def choose_step(least: float) -> float:
    """Return the seconds between two marks of a scale: the first round number that is not below the least."""
    return next((step for step in STEPS_S if step >= least), STEPS_S[-1])


def format_tick(seconds: float) -> str:
    """Return a time on the scale: 0.5 s, 90 s, 2:30 min, 3 h."""
    if seconds < 120:
        return f"{seconds:g} s"
    unit, size = ("min", 60) if seconds < 3600 else ("h", 3600)
    whole, rest = divmod(round(seconds), size)
    parts = rest * 60 // size
    return f"{whole}:{parts:02d} {unit}" if parts else f"{whole} {unit}"


def _legend(picture: Picture) -> list[str]:
    used = {span.state for lane in picture.lanes for span in lane.spans}
    parts = [f"{LETTERS[state]} {state}" for state in State if state in used]
    marks = {moment.mark for moment in picture.moments}
    return fold([*parts, *(f"{mark} {text}" for mark, text in MARKS.items() if mark in marks)])


def fold(parts: Iterable[str]) -> list[str]:
    """Put the parts into as few lines as they need, in their order."""
    lines = [""]
    for part in parts:
        if len(lines[-1]) + len(GAP) + len(part) > WIDTH:
            lines.append("")
        lines[-1] += f"{GAP}{part}" if lines[-1] else part
    return lines


def _lines(moment: Moment, origin: float) -> list[str]:
    who = f"{moment.pod} " if moment.pod else ""
    head = f"{format_clock(moment.at)}  {f'+{moment.at - origin:.1f} s':>9}  "
    indent = " " * len(head)
    return textwrap.wrap(
        f"{who}{moment.text}", WIDTH, initial_indent=head, subsequent_indent=indent, break_long_words=False
    )


def format_clock(moment: float) -> str:
    """Return the time of the day in UTC, to a tenth of a second; cut off and not rounded: 60.0 is no second."""
    tenths = int(moment * 10) % 864000
    return f"{tenths // 36000:02d}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"
