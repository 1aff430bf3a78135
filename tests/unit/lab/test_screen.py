from io import StringIO

from tests.lab.screen import Screen
from tests.lab.view import Row

SYNCED = Row("mysql-0", "running", "", "0b5d3c2e:41", "3", "Synced")
LATER = Row("mysql-0", "running", "", "0b5d3c2e:99", "3", "Synced")
OFF = Row("mysql-0", "off")


def test_a_file_gets_a_line_for_each_transition_and_none_for_a_new_seqno() -> None:
    stream = StringIO()
    screen = Screen(stream, terminal=False)
    for row in (SYNCED, SYNCED, LATER, OFF):
        screen.draw([row])
    assert [text.split()[3] for text in stream.getvalue().splitlines()] == ["running", "off"]
    assert "\x1b" not in stream.getvalue()


def test_on_a_terminal_the_table_is_redrawn_in_its_place() -> None:
    stream = StringIO()
    screen = Screen(stream, terminal=True)
    screen.draw([SYNCED])
    screen.draw([LATER])
    # A blank line, the header and one member.
    assert stream.getvalue().count("\x1b[3F\x1b[J") == 1
    assert stream.getvalue().endswith("Synced\n")


def test_a_line_is_printed_above_the_table() -> None:
    stream = StringIO()
    screen = Screen(stream, terminal=True)
    screen.draw([OFF])
    screen.print("power is back")
    last = stream.getvalue().rpartition("\x1b[J")[2].splitlines()
    assert last[0] == "power is back"
    assert last[-1].split() == ["mysql-0", "off"]


def test_a_frozen_table_is_left_alone() -> None:
    stream = StringIO()
    screen = Screen(stream, terminal=True)
    screen.draw([OFF])
    screen.freeze()
    screen.print("next")
    assert "\x1b" not in stream.getvalue()
