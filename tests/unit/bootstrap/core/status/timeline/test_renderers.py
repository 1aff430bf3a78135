"""The picture in text and in SVG says the same, and says it the same way each time."""

from xml.etree import ElementTree as ET

import pytest

from bootstrap.core.status.timeline.lanes import Lane, Span, State
from bootstrap.core.status.timeline.story import Moment, Picture, draw
from bootstrap.core.status.timeline.svg import FILLS, LETTER, LONGEST, has_room, render_svg
from bootstrap.core.status.timeline.text import (
    COLOURS,
    LETTERS,
    MOST_LINES,
    choose_step,
    fold,
    format_clock,
    format_seconds,
    format_tick,
    render_text,
    state_of_column,
)
from tests.support.bootstrap.outage import FIRST, SECOND, THIRD, log

DAY = "1970-01-01"

SVG = "{http://www.w3.org/2000/svg}"


def outage() -> Picture:
    picture = draw([FIRST, SECOND, THIRD], 40.0)
    assert picture is not None
    return picture


def test_every_state_has_a_letter_of_its_own_and_a_colour() -> None:
    assert set(LETTERS) == set(FILLS) == set(State)
    assert len(set(LETTERS.values())) == len(set(FILLS.values())) == len(State)
    assert set(COLOURS) <= set(State)


def test_a_line_for_each_pod_shows_its_states_in_their_order_and_length() -> None:
    lines = render_text(outage(), DAY)
    rows = {line.split()[0]: line.split()[1] for line in lines[1:4]}
    assert list(rows) == ["mysql-0", "mysql-1", "mysql-2"]
    assert {len(row) for row in rows.values()} == {71}
    first = rows["mysql-0"]
    assert "".join(dict.fromkeys(first)) == "=.swBd"
    per_second = 71 / (28 * 1.1)
    assert first.count(".") == pytest.approx(10 * per_second, abs=1)
    assert first.count("w") == pytest.approx(9 * per_second, abs=1)
    assert rows["mysql-1"].count("j") == pytest.approx(3 * per_second, abs=1)
    assert max(map(len, lines)) <= 80


def test_the_marks_stand_below_their_moment() -> None:
    lines = render_text(outage(), DAY)
    marks = lines[4]
    per_second = 71 / (28 * 1.1)
    assert marks.index("P") - 9 == pytest.approx((32 - 10 + 1.4) * per_second, abs=1)
    assert marks.index("S") - 9 == pytest.approx((38 - 10 + 1.4) * per_second, abs=1)
    assert "P first Primary   S all Synced" in "\n".join(lines)
    assert lines[1][marks.index("P")] in "B="


def test_only_what_is_shown_is_in_the_legend() -> None:
    legend = "\n".join(render_text(outage(), DAY)[7:9])
    assert "B bootstraps" in legend
    assert "holds" not in legend


def test_the_sentences_count_from_the_first_one() -> None:
    lines = render_text(outage(), DAY)
    assert "00:00:10.0     +0.0 s  mysql-0 is down: its last sign of life" in lines
    assert "00:00:32.0    +22.0 s  first Primary Component: mysql-0" in lines


def test_the_permission_to_bootstrap_is_seen_however_short_it_was() -> None:
    lane = Lane(
        "mysql-0",
        (Span(0, 5, State.WAITING), Span(5, 5.01, State.BOOTSTRAPPING), Span(5.01, 9, State.SYNCED)),
        has_log=True,
    )
    assert state_of_column(lane, 0, 9) is State.BOOTSTRAPPING
    assert state_of_column(lane, 0, 5) is State.WAITING
    assert state_of_column(lane, 4, 5) is State.WAITING
    assert state_of_column(lane, 5.01, 9) is State.SYNCED
    assert state_of_column(lane, 9, 10) is State.UNKNOWN


def test_what_took_the_longest_fills_a_column() -> None:
    lane = Lane("x", (Span(0, 2, State.DOWN), Span(2, 3, State.STARTING), Span(3, 4.5, State.DOWN)), has_log=True)
    assert state_of_column(lane, 0, 4.5) is State.DOWN
    assert state_of_column(lane, 1.9, 3) is State.STARTING


def test_the_same_events_make_the_same_picture() -> None:
    assert render_svg(outage(), "x", DAY) == render_svg(outage(), "x", DAY)
    assert render_text(outage(), DAY) == render_text(outage(), DAY)


def test_colours_are_those_of_the_states() -> None:
    painted = render_text(outage(), DAY, lambda text, colour: f"<{colour}>" if colour == "magenta" else text)
    assert "<magenta>" in painted[1]
    assert "<magenta>" not in painted[2]


def test_many_sentences_are_cut_from_the_front() -> None:
    moments = tuple(Moment(float(n), f"event {n}", "mysql-0") for n in range(MOST_LINES + 3))
    lane = Lane("mysql-0", (Span(0, 100, State.SYNCED),), has_log=True)
    lines = render_text(Picture((lane,), 0.0, 100.0, moments), DAY)
    assert lines[-MOST_LINES - 1].startswith("... 3 earlier lines are not shown")
    assert lines[-MOST_LINES].endswith("mysql-0 event 3")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (59.94, "59.9 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_times_are_for_people(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(("least", "step"), [(0.01, 0.1), (2, 2), (2.1, 5), (61, 120), (1e9, 604800)])
def test_a_scale_has_round_numbers(least: float, step: float) -> None:
    assert choose_step(least) == step


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.30000000000000004, "0.3 s"), (119, "119 s"), (120, "2 min"), (140, "2:20 min"), (3540, "59 min"),
        (3600, "1 h"), (5400, "1:30 h"), (7199, "1:59 h"), (86400, "24 h"),
    ],
)  # fmt: skip
def test_a_time_on_the_scale_is_short(seconds: float, text: str) -> None:
    assert format_tick(seconds) == text


def test_a_scale_of_minutes_and_hours_says_so() -> None:
    lane = Lane("mysql-0", (Span(0, 4 * 3600, State.SYNCED),), has_log=True)
    hours = render_text(Picture((lane,), 0.0, 4.0 * 3600, ()), DAY)
    assert hours[3].split() == ["0", "s", "1", "h", "2", "h", "3", "h"]
    assert hours[2].count("|") == 5
    minutes = render_text(Picture((lane._replace(spans=(Span(0, 600, State.SYNCED),)),), 0.0, 600.0, ()), DAY)
    assert minutes[3].split()[:4] == ["0", "s", "2", "min"]


@pytest.mark.parametrize(
    ("moment", "text"), [(0.0, "00:00:00.0"), (86399.99, "23:59:59.9"), (86400.0 + 3723.46, "01:02:03.4")]
)
def test_a_time_of_the_day_is_cut_off_and_not_rounded(moment: float, text: str) -> None:
    assert format_clock(moment) == text


def rects(svg: str, colour: str) -> list[tuple[float, float, str]]:
    """Position, width and tooltip of the bars of a colour."""
    found = ET.fromstring(svg).iter(f"{SVG}rect")
    return [
        (float(r.attrib["x"]), float(r.attrib["width"]), r[0].text or "")
        for r in found
        if r.attrib.get("fill") == colour and len(r)
    ]


def test_the_svg_has_a_bar_for_each_state_at_its_time() -> None:
    svg = render_svg(outage(), "galera/db", DAY)
    down = rects(svg, FILLS[State.DOWN])
    assert [tip for _, _, tip in down] == [
        "mysql-0 is down, 10.0 s", "mysql-1 is down, 13.5 s", "mysql-2 is down, 19.0 s",
    ]  # fmt: skip
    scale = 780 / (28 * 1.1)
    assert down[0][0] == pytest.approx(120 + 1.4 * scale, abs=0.1)
    assert down[0][1] == pytest.approx(10 * scale, abs=0.1)
    assert {tip for _, _, tip in rects(svg, FILLS[State.WAITING])} >= {"mysql-1 waits for mysql-2, 8.0 s"}


def test_the_svg_says_what_its_marks_are() -> None:
    svg = render_svg(outage(), "galera/db", DAY)
    texts = [element.text for element in ET.fromstring(svg).iter(f"{SVG}text")]
    assert "1  00:00:31.0  mysql-0 is permitted to bootstrap: bootstrap bootstrap" in texts
    assert "2  00:00:32.0  first Primary Component: mysql-0" in texts
    assert "3  00:00:38.0  all 3 are Synced" in texts
    assert "galera/db: 1970-01-01 00:00:08 UTC, 30.8 s" in texts


def test_without_marks_and_letters_there_is_no_line_for_them() -> None:
    lane = Lane("mysql-0", (Span(0, 100, State.SYNCED),), has_log=True)
    told = (Moment(50.0, "starts", "mysql-0"), Moment(60.0, "something"), Moment(70.0, "permitted", "mysql-0", "B"))
    lines = render_text(Picture((lane,), 0.0, 100.0, told), DAY)
    assert lines[2].strip("-| ") == ""
    assert lines[4] == "= Synced"


def test_a_mark_at_the_very_end_is_in_the_last_column() -> None:
    lane = Lane("m", (Span(0, 100, State.SYNCED),), has_log=True)
    lines = render_text(Picture((lane,), 0.0, 100.0, (Moment(100.0, "x", "", "S"), Moment(0.0, "y", "", "P"))), DAY)
    assert (len(lines[1]), lines[2][3], lines[2][-1], len(lines[2])) == (80, "P", "S", 80)
    assert lines[5] == "= Synced   P first Primary   S all Synced"


def test_a_long_name_leaves_twenty_columns() -> None:
    lane = Lane("m" * 70, (Span(0, 100, State.SYNCED),), has_log=True)
    assert render_text(Picture((lane,), 0.0, 100.0, ()), DAY)[1] == f"{'m' * 70}  {'=' * 20}"


def test_a_word_that_is_longer_than_a_line_is_not_broken() -> None:
    lane = Lane("m", (Span(0, 100, State.SYNCED),), has_log=True)
    lines = render_text(Picture((lane,), 0.0, 100.0, (Moment(1.0, "x" * 90, "m"),)), DAY)
    assert "x" * 90 in lines[-1]


def test_a_name_cannot_break_out_of_the_svg() -> None:
    bad = log("<script>&", (0.0, "phase", "frozen"), (1.0, "decision", "wait", ("<b>",)))
    picture = draw([bad], 9.0)
    assert picture is not None
    svg = render_svg(picture, "</title><script>", DAY)
    assert "<script>" not in svg
    assert "waits for <b>" in [element.text for element in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize(("letters", "ends"), [(117, "xxxx"), (118, "x...")])
def test_a_long_line_is_cut_in_the_svg(letters: int, ends: str) -> None:
    picture = outage()._replace(moments=(Moment(20.0, "x" * letters, "mysql-0", "B"),))
    line = max((e.text or "" for e in ET.fromstring(render_svg(picture, "t", DAY)).iter(f"{SVG}text")), key=len)
    assert (len(line), line[-4:]) == (LONGEST, ends)


def test_a_bar_has_its_text_where_there_is_room() -> None:
    assert has_room(LETTER * 5 + 8, "joins")
    assert not has_room(LETTER * 5 + 7.9, "joins")


@pytest.mark.parametrize(("seconds", "ticks"), [(78, 8), (79, 4)])
def test_the_times_of_the_scale_have_room(seconds: int, ticks: int) -> None:
    lane = Lane("m", (Span(0, seconds, State.SYNCED),), has_log=True)
    svg = render_svg(Picture((lane,), 0.0, float(seconds), ()), "t", DAY)
    assert len(list(ET.fromstring(svg).iter(f"{SVG}line"))) == ticks


def test_the_scale_of_the_text_has_ten_columns_for_a_time() -> None:
    lane = Lane("mmmm", (Span(0, 74, State.SYNCED),), has_log=True)
    lines = render_text(Picture((lane,), 0.0, 74.0, ()), DAY)
    assert lines[2] == f"      {'|---------' * 7}|---"
    assert lines[3].split("s")[-2] == "      70 "


def test_what_is_not_known_has_no_colour() -> None:
    lane = Lane("m", (Span(0, 74, State.UNKNOWN),), has_log=True)
    painted: list[str] = []
    render_text(Picture((lane,), 0.0, 74.0, ()), DAY, lambda text, colour: painted.append(colour) or text)  # type: ignore[func-returns-value]
    assert set(painted) == {""}


def test_a_line_of_the_legend_is_as_long_as_a_line_may_be() -> None:
    assert fold(["a" * 38, "b" * 39, "c"]) == [f"{'a' * 38}   {'b' * 39}", "c"]
    assert fold(["a" * 38, "b" * 40]) == ["a" * 38, "b" * 40]
    assert fold([]) == [""]
