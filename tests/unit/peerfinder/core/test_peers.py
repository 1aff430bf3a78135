"""A list of peers is whole and valid, or it is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerfinder.core.peers import format_change, format_lines, is_name, normalize, parse, quote, sort_names
from peerfinder.errors import PeersInvalidError

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
NAMES = st.builds(lambda labels, last: ".".join([*labels, f"x{last}"]), st.lists(LABELS, max_size=5), LABELS)


@given(st.lists(NAMES, min_size=1))
def test_what_was_written_is_read_back(names: list[str]) -> None:
    assert parse(format_lines(sort_names(names))) == sort_names(names)


@given(st.text())
def test_any_text_is_a_valid_list_or_an_error(text: str) -> None:
    try:
        found = parse(text)
    except PeersInvalidError as exc:
        message = str(exc)
        assert "\n" not in message
        assert len(message) < 300
    else:
        assert found
        assert all(map(is_name, found))
        assert list(found) == sorted(set(found))


@given(st.lists(NAMES), st.lists(NAMES))
def test_a_change_names_each_difference_once(before: list[str], after: list[str]) -> None:
    words = [word for word in format_change(before, after).split(" ") if word]

    assert {word[1:] for word in words if word[0] == "+"} == set(after) - set(before)
    assert {word[1:] for word in words if word[0] == "-"} == set(before) - set(after)
    assert len(words) == len(set(after) ^ set(before))


def test_peers_are_sorted_by_bytes_as_ten_years_of_hooks_saw_them() -> None:
    assert sort_names(["mysql-2", "mysql-10", "mysql-1"]) == ("mysql-1", "mysql-10", "mysql-2")


def test_the_last_line_ends_in_a_newline_because_a_shell_read_drops_it_otherwise() -> None:
    assert format_lines(["a", "b"]) == "a\nb\n"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("b.x\na.x\n", ("a.x", "b.x"), id="lines in any order"),
        pytest.param("a.x", ("a.x",), id="a missing final newline"),
        pytest.param("a.x\n\n \nb.x\n", ("a.x", "b.x"), id="blank lines"),
        pytest.param("a.x\r\nb.x\r\n", ("a.x", "b.x"), id="CRLF"),
        pytest.param("A.X.\na.x\n", ("a.x",), id="upper case and a final dot"),
        pytest.param(f"{'a' * 63}.x", (f"{'a' * 63}.x",), id="a label of 63 octets"),
    ],
)
def test_a_list_may_have(text: str, names: tuple[str, ...]) -> None:
    assert parse(text) == names


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("\n \n", id="only blank lines"),
        pytest.param("a.x b.x", id="two names on a line"),
        pytest.param("-a.x", id="a leading hyphen, which could be an option"),
        pytest.param("a-.x", id="a trailing hyphen"),
        pytest.param("a..x", id="an empty label"),
        pytest.param("..", id="only dots"),
        pytest.param("a_b.x", id="an underscore"),
        pytest.param(f"{'a' * 64}.x", id="a label of 64 octets"),
        pytest.param(".".join(["a" * 49] * 6), id="a name of 299 characters"),
        pytest.param("a?pc.ignore_sb=true&pc.weight=7", id="a Galera option"),
        pytest.param("a,b", id="a comma"),
        pytest.param("127.0.0.1", id="an IPv4 address"),
        pytest.param("fd00::1", id="an IPv6 address"),
        pytest.param("a.x\nb.x\n$(reboot)\n", id="one bad line among good ones"),
        pytest.param("ä.x", id="a letter outside ASCII"),
        pytest.param("\u212a.x", id="a Kelvin sign that lower() makes an ASCII k"),
        pytest.param("\u0661.x", id="a digit outside ASCII"),
        pytest.param("a\x00.x", id="a NUL"),
        pytest.param("a.x\u2028b.x", id="a line separator that is no newline"),
    ],
)
def test_a_list_is_refused_as_a_whole_for(text: str) -> None:
    with pytest.raises(PeersInvalidError):
        parse(text)


def test_a_refused_name_is_shown_on_one_bounded_line() -> None:
    assert quote("a\nb") == r"'a\nb'"
    assert len(quote("x" * 10_000)) < 100


def test_the_normal_form_has_lower_case_and_no_final_dot() -> None:
    assert normalize("MySQL-0.Galera.") == "mysql-0.galera"
