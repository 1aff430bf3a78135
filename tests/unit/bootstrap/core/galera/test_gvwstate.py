"""gvwstate.dat: the last Primary view, as gcomm writes it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.galera import gvwstate
from bootstrap.core.model.disk import NIL_UUID, View
from bootstrap.errors import GvwStateInvalidError
from tests.paths import DATA

FIRST = b"c8110a61-e6e3-11f1-b7f7-3b9f5bb3b4b5"
OWN = b"c959fd2e-e6e3-11f1-9d2c-46bd9a6d4e0e"
VIEW = (DATA / "gvwstate-three.dat").read_bytes()


def test_a_view_of_three_is_read() -> None:
    assert gvwstate.parse(VIEW) == View(
        my_uuid="c959fd2e-e6e3-11f1-9d2c-46bd9a6d4e0e",
        view_uuid="c8110a61-e6e3-11f1-b7f7-3b9f5bb3b4b5",
        view_seq=3,
        bootstrap=False,
        members=(
            "c8110a61-e6e3-11f1-b7f7-3b9f5bb3b4b5",
            "c959fd2e-e6e3-11f1-9d2c-46bd9a6d4e0e",
            "ca8dbb11-e6e3-11f1-8c35-cf4f1f0fbd2c",
        ),
    )


def test_upper_case_is_the_same_view() -> None:
    upper = VIEW.replace(OWN, OWN.upper()).replace(FIRST, FIRST.upper())
    assert gvwstate.parse(upper) == gvwstate.parse(VIEW)


@pytest.mark.parametrize("length", range(len(VIEW) - 1))
def test_a_file_torn_at_any_length_is_refused(length: int) -> None:
    with pytest.raises(GvwStateInvalidError):
        gvwstate.parse(VIEW[:length])


@given(st.binary(max_size=400) | st.text(max_size=300).map(str.encode))
def test_arbitrary_bytes_raise_nothing_but_the_parser_s_own_error(raw: bytes) -> None:
    with contextlib.suppress(GvwStateInvalidError):
        gvwstate.parse(raw)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param((b"my_uuid: c959", b"my_uuid: d959"), "not a member", id="this node is not in the view"),
        pytest.param((b"view_id: 3", b"view_id: 2"), "view_id is there 0 times", id="a view that is not Primary"),
        pytest.param((b"-8c35-cf4f1f0fbd2c", b""), "unexpected line", id="a torn member"),
        pytest.param((b"bootstrap: 0", b"bootstrap: 0\nbootstrap: 1"), "bootstrap is there 2 times", id="two answers"),
        pytest.param((b"ca8dbb11-e6e3-11f1-8c35-cf4f1f0fbd2c", FIRST), "twice", id="a member twice"),
        pytest.param((VIEW, b""), "my_uuid is there 0 times", id="an empty file"),
        pytest.param((b"#vwbeg", b"#"), "no begin or no end", id="no begin"),
        pytest.param((b"#vwend", b"#"), "no begin or no end", id="no end"),
        pytest.param((b"#vwbeg", b"\xff"), r"unexpected line '\\\\xff'", id="bytes that are no text"),
        pytest.param((OWN, NIL_UUID.encode()), "not a member", id="a node without a uuid"),
    ],
)  # fmt: skip
def test_the_fault_is_named(change: tuple[bytes, bytes], fault: str) -> None:
    with pytest.raises(GvwStateInvalidError, match=fault):
        gvwstate.parse(VIEW.replace(*change))
