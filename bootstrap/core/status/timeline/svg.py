"""The timeline as a picture: SVG 1.1, without a script, a font or anything from elsewhere."""

from collections.abc import Iterable
from html import escape

from bootstrap.core.status.timeline.lanes import Lane, Span, State
from bootstrap.core.status.timeline.story import Moment, Picture
from bootstrap.core.status.timeline.text import choose_step, format_clock, format_seconds

LEFT, RIGHT, TOP, LANE, BAR, LINE = 120, 60, 64, 34, 24, 18
"""Pixels: margins (the last time of the scale stands in the right one), the height of a lane, of its bar, of a line."""

WIDTH = 960
"""Pixels of the whole picture."""

LETTER = 6.2
"""Pixels of a character of the text in a bar, at the most on average."""

LONGEST = 140
"""Characters of a line below the picture."""

TICKS = 100
"""Pixels between two marks of the scale, at least."""

FILLS = {
    State.DOWN: "#c9302c",
    State.STARTING: "#c8c8c8",
    State.WAITING: "#f0ad4e",
    State.HOLDING: "#8b0000",
    State.BOOTSTRAPPING: "#7a3db8",
    State.JOINING: "#5bc0de",
    State.SYNCED: "#4cae4c",
    State.DONOR: "#8fd18f",
    State.NON_PRIMARY: "#d9534f",
    State.UNKNOWN: "#eeeeee",
}

LIGHT = frozenset({State.DOWN, State.HOLDING, State.BOOTSTRAPPING, State.SYNCED, State.NON_PRIMARY})
"""States with light text in their bar."""

STYLE = (
    "text{font:12px sans-serif;fill:#222}.t{font-weight:bold;font-size:14px}"
    ".b{font-size:11px}.l{fill:#fff}.g{fill:#666}"
)


def render_svg(picture: Picture, title: str, day: str) -> str:
    """Return the picture as an SVG file; `day` is that of its start."""
    bottom = TOP + LANE * len(picture.lanes)
    moments = [moment for moment in picture.moments if moment.mark]
    height = bottom + 30 + LINE * (len(moments) + 2)
    when = f"{day} {format_clock(picture.start)[:-2]} UTC"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        _text(12, 24, f"{title}: {when}, {format_seconds(picture.end - picture.start)}", "t"),
        *(part for n, lane in enumerate(picture.lanes) for part in _lane(picture, lane, TOP + LANE * n)),
        *_scale(picture, bottom),
        *_marks(picture, moments, bottom),
        *_legend(picture, height - 14),
    ]
    return "\n".join([*parts, "</svg>", ""])


def _lane(picture: Picture, lane: Lane, y: int) -> Iterable[str]:
    yield _text(12, y + 16, lane.pod)
    for span in lane.spans:
        x, width = _x(picture, span.start), max(_x(picture, span.end) - _x(picture, span.start), 1.0)
        about = _about(span)
        yield (
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{FILLS[span.state]}">'
            f"<title>{escape(f'{lane.pod} {about}, {format_seconds(span.end - span.start)}')}</title></rect>"
        )
        if has_room(width, about):
            yield _text(x + 4, y + 16, about, "b l" if span.state in LIGHT else "b")


def has_room(width: float, text: str) -> bool:
    """Whether a bar of this width has room for a text, and for a margin on each side."""
    return width >= LETTER * len(text) + 8


def _about(span: Span) -> str:
    return f"waits for {', '.join(span.pods)}" if span.pods else str(span.state)


def _scale(picture: Picture, y: int) -> Iterable[str]:
    seconds = picture.end - picture.start
    step = choose_step(seconds * TICKS / (WIDTH - LEFT - RIGHT))
    for n in range(int(seconds / step) + 1):
        x = _x(picture, picture.start + n * step)
        yield f'<line x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + 5}" stroke="#666"/>'
        yield _text(x + 3, y + 14, format_clock(picture.start + n * step)[:-2], "b g")


def _marks(picture: Picture, moments: list[Moment], bottom: int) -> Iterable[str]:
    """A line through all lanes with its number, and below the picture what it is."""
    for number, moment in enumerate(moments, 1):
        x = _x(picture, moment.at)
        who = f"{moment.pod} " if moment.pod else ""
        yield f'<line x1="{x:.1f}" y1="{TOP - 10}" x2="{x:.1f}" y2="{bottom}" stroke="#222" stroke-dasharray="3 2"/>'
        yield _text(x - 3, TOP - 14 - 12 * (number % 2 == 0), str(number), "b")
        line = f"{number}  {format_clock(moment.at)}  {who}{moment.text}"
        yield _text(12, bottom + 30 + LINE * number, line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}...")


def _legend(picture: Picture, y: int) -> Iterable[str]:
    x = 12.0
    used = {span.state for lane in picture.lanes for span in lane.spans}
    for state in (state for state in State if state in used):
        yield f'<rect x="{x:.1f}" y="{y - 10}" width="12" height="12" fill="{FILLS[state]}"/>'
        yield _text(x + 16, y, str(state), "b g")
        x += 30 + LETTER * len(state)


def _text(x: float, y: float, text: str, style: str = "") -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}>{escape(text)}</text>'


def _x(picture: Picture, moment: float) -> float:
    return LEFT + (moment - picture.start) / (picture.end - picture.start) * (WIDTH - LEFT - RIGHT)
