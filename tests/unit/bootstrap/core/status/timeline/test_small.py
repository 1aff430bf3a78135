"""The whole of a small picture, so that nothing of it changes unnoticed; what it means is in `test_renderers`."""

from bootstrap.core.status.timeline.lanes import Lane, Span, State
from bootstrap.core.status.timeline.story import Moment, Picture
from bootstrap.core.status.timeline.svg import STYLE, render_svg
from bootstrap.core.status.timeline.text import render_text

SMALL = Picture(
    (
        Lane(
            "mysql-0",
            (
                Span(100, 104, State.SYNCED),
                Span(104, 110, State.DOWN),
                Span(110, 117, State.WAITING, ("name-1",)),
                Span(117, 117.05, State.BOOTSTRAPPING),
                Span(117.05, 120, State.SYNCED),
            ),
            has_log=True,
        ),
        Lane("name-1", (Span(100, 112, State.DOWN), Span(112, 120, State.JOINING)), has_log=True),
    ),
    100.0,
    120.0,
    (
        Moment(104.0, "is down", "mysql-0"),
        Moment(117.0, "is permitted to bootstrap: for a reason longer than a line", "mysql-0", "B"),
        Moment(118.0, "first Primary Component: mysql-0", "", "P"),
        Moment(120.0, "all 2 are Synced", "", "S"),
    ),
)
"""A pod that bootstraps for a moment, and one that joins."""

TEXT = """\
1970-01-01 00:01:40.0 to 00:02:00.0 UTC, 20.0 s
mysql-0  ==============......................wwwwwwwwwwwwwwwwwwwwwwwwB==========
name-1   ...........................................jjjjjjjjjjjjjjjjjjjjjjjjjjjj
                                                                        P      S
         |----------------|-----------------|-----------------|----------------|
         0 s              5 s               10 s              15 s
. is down   w waits   B bootstraps   j joins   = Synced   P first Primary
S all Synced

00:01:44.0     +0.0 s  mysql-0 is down
00:01:57.0    +13.0 s  mysql-0 is permitted to bootstrap: for a reason longer
                       than a line
00:01:58.0    +14.0 s  first Primary Component: mysql-0
00:02:00.0    +16.0 s  all 2 are Synced
"""

PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 252" width="960" height="252">
<title>galera/db</title><style>STYLE</style>
<rect width="960" height="252" fill="#fff"/>
<text x="12.0" y="24.0" class="t">galera/db: 1970-01-01 00:01:40 UTC, 20.0 s</text>
<text x="12.0" y="80.0">mysql-0</text>
<rect x="120.0" y="64" width="156.0" height="24" fill="#4cae4c"><title>mysql-0 Synced, 4.0 s</title></rect>
<text x="124.0" y="80.0" class="b l">Synced</text>
<rect x="276.0" y="64" width="234.0" height="24" fill="#c9302c"><title>mysql-0 is down, 6.0 s</title></rect>
<text x="280.0" y="80.0" class="b l">is down</text>
<rect x="510.0" y="64" width="273.0" height="24" fill="#f0ad4e"><title>mysql-0 waits for name-1, 7.0 s</title></rect>
<text x="514.0" y="80.0" class="b">waits for name-1</text>
<rect x="783.0" y="64" width="1.9" height="24" fill="#7a3db8"><title>mysql-0 bootstraps, 0.0 s</title></rect>
<rect x="784.9" y="64" width="115.1" height="24" fill="#4cae4c"><title>mysql-0 Synced, 3.0 s</title></rect>
<text x="788.9" y="80.0" class="b l">Synced</text>
<text x="12.0" y="114.0">name-1</text>
<rect x="120.0" y="98" width="468.0" height="24" fill="#c9302c"><title>name-1 is down, 12.0 s</title></rect>
<text x="124.0" y="114.0" class="b l">is down</text>
<rect x="588.0" y="98" width="312.0" height="24" fill="#5bc0de"><title>name-1 joins, 8.0 s</title></rect>
<text x="592.0" y="114.0" class="b">joins</text>
<line x1="120.0" y1="132" x2="120.0" y2="137" stroke="#666"/>
<text x="123.0" y="146.0" class="b g">00:01:40</text>
<line x1="315.0" y1="132" x2="315.0" y2="137" stroke="#666"/>
<text x="318.0" y="146.0" class="b g">00:01:45</text>
<line x1="510.0" y1="132" x2="510.0" y2="137" stroke="#666"/>
<text x="513.0" y="146.0" class="b g">00:01:50</text>
<line x1="705.0" y1="132" x2="705.0" y2="137" stroke="#666"/>
<text x="708.0" y="146.0" class="b g">00:01:55</text>
<line x1="900.0" y1="132" x2="900.0" y2="137" stroke="#666"/>
<text x="903.0" y="146.0" class="b g">00:02:00</text>
<line x1="783.0" y1="54" x2="783.0" y2="132" stroke="#222" stroke-dasharray="3 2"/>
<text x="780.0" y="50.0" class="b">1</text>
<text x="12.0" y="180.0">1  00:01:57.0  mysql-0 is permitted to bootstrap: for a reason longer than a line</text>
<line x1="822.0" y1="54" x2="822.0" y2="132" stroke="#222" stroke-dasharray="3 2"/>
<text x="819.0" y="38.0" class="b">2</text>
<text x="12.0" y="198.0">2  00:01:58.0  first Primary Component: mysql-0</text>
<line x1="900.0" y1="54" x2="900.0" y2="132" stroke="#222" stroke-dasharray="3 2"/>
<text x="897.0" y="50.0" class="b">3</text>
<text x="12.0" y="216.0">3  00:02:00.0  all 2 are Synced</text>
<rect x="12.0" y="228" width="12" height="12" fill="#c9302c"/>
<text x="28.0" y="238.0" class="b g">is down</text>
<rect x="85.4" y="228" width="12" height="12" fill="#f0ad4e"/>
<text x="101.4" y="238.0" class="b g">waits</text>
<rect x="146.4" y="228" width="12" height="12" fill="#7a3db8"/>
<text x="162.4" y="238.0" class="b g">bootstraps</text>
<rect x="238.4" y="228" width="12" height="12" fill="#5bc0de"/>
<text x="254.4" y="238.0" class="b g">joins</text>
<rect x="299.4" y="228" width="12" height="12" fill="#4cae4c"/>
<text x="315.4" y="238.0" class="b g">Synced</text>
</svg>
"""


def test_the_text() -> None:
    assert render_text(SMALL, "1970-01-01") == TEXT.splitlines()


def test_the_picture() -> None:
    assert render_svg(SMALL, "galera/db", "1970-01-01").replace(STYLE, "STYLE") == PICTURE
