"""grastate.dat: what Galera writes is read, anything else is refused with all faults."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.galera import grastate
from bootstrap.core.galera.grastate import MAX_SEQNO, GraState
from bootstrap.core.model.disk import NIL_UUID
from bootstrap.errors import GraStateInvalidError
from tests.paths import DATA

UUID = "ff3aea85-e6e3-11f1-b412-43c8a739f785"
CLEAN = GraState(UUID, 10, safe_to_bootstrap=False)

states = st.builds(
    GraState,
    st.uuids().map(str).filter(lambda uuid: uuid != NIL_UUID),
    st.integers(-1, MAX_SEQNO),
    st.booleans(),
) | st.builds(GraState, st.just(NIL_UUID), st.just(-1), st.booleans())


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        pytest.param("clean", CLEAN, id="clean stop"),
        pytest.param("running-alone", GraState(UUID, -1, safe_to_bootstrap=True), id="running alone"),
        pytest.param("padded", GraState(UUID, -1, safe_to_bootstrap=False), id="padded with blanks over a longer one"),
        pytest.param("nil", GraState(NIL_UUID, -1, safe_to_bootstrap=True), id="nil uuid with safe_to_bootstrap 1"),
    ],
)
def test_what_galera_wrote_is_read(file: str, expected: GraState) -> None:
    assert grastate.parse((DATA / f"grastate-{file}.dat").read_bytes()) == expected


def test_the_rendered_file_is_what_galera_writes() -> None:
    assert grastate.render(CLEAN) == (DATA / "grastate-clean.dat").read_bytes()


@given(states)
def test_parse_gives_back_what_render_wrote(state: GraState) -> None:
    assert grastate.parse(grastate.render(state)) == state


@given(states, states)
def test_a_shorter_state_written_in_place_over_a_longer_one_is_read(new: GraState, old: GraState) -> None:
    content = grastate.render(new)
    assert grastate.parse(content.ljust(len(grastate.render(old)), b" ")) == new


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_arbitrary_bytes_raise_nothing_but_the_parser_s_own_error(raw: bytes) -> None:
    with contextlib.suppress(GraStateInvalidError):
        grastate.parse(raw)


@given(states, st.data())
def test_one_changed_byte_is_refused_or_gives_a_whole_state(state: GraState, data: st.DataObject) -> None:
    raw = bytearray(grastate.render(state))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(GraStateInvalidError):
        read = grastate.parse(bytes(raw))
        assert (read.uuid == NIL_UUID) <= (read.seqno == -1)


@pytest.mark.parametrize("length", range(len(grastate.render(CLEAN))))
def test_a_file_torn_at_any_length_is_refused(length: int) -> None:
    with pytest.raises(GraStateInvalidError):
        grastate.parse(grastate.render(CLEAN)[:length])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param(("version: 2.1", "version: 3.0"), "version is '3.0'", id="another major version"),
        pytest.param(("seqno:   10", "seqno:   -2"), "seqno is '-2'", id="a seqno below -1"),
        pytest.param(("seqno:   10", "seqno:   9223372036854775808"), "above 64 bits", id="a seqno above 64 bits"),
        pytest.param(("seqno:   10", "seqno:   \u0661\u0660"), "seqno is", id="digits that are not ASCII"),
        pytest.param(("seqno:   10", "seqno:   10\nseqno:   11"), "seqno is there twice", id="a field twice"),
        pytest.param((UUID, UUID[:-1]), "uuid is", id="a short uuid"),
        pytest.param((UUID, NIL_UUID), "the nil uuid with seqno 10", id="the nil uuid with a seqno"),
        pytest.param(("strap: 0", "strap: 2"), "safe_to_bootstrap is '2'", id="a flag that is neither 0 nor 1"),
        pytest.param(("safe_to_bootstrap: 0\n", ""), "no safe_to_bootstrap", id="no flag"),
        pytest.param(("# GALERA", "GALERA"), "unexpected line", id="a line that is no field"),
        pytest.param(("# GALERA", "other: "), "unexpected line 'other:", id="a field of another name"),
        pytest.param((f"uuid:    {UUID}", "uuid"), "unexpected line 'uuid'", id="a field without a value"),
        pytest.param(("strap: 0\n", "strap: 0\nuuid"), "the last line is torn", id="a line without an end"),
    ],
)
def test_the_fault_is_named(change: tuple[str, str], fault: str) -> None:
    with pytest.raises(GraStateInvalidError, match=fault):
        grastate.parse(grastate.render(CLEAN).decode().replace(*change).encode())


def test_upper_case_blank_lines_and_the_highest_seqno_are_read() -> None:
    highest = CLEAN._replace(seqno=MAX_SEQNO)
    raw = grastate.render(highest).replace(UUID.encode(), UUID.upper().encode())
    assert grastate.parse(b"\n" + raw + b" \t\r") == highest


def test_all_faults_are_in_one_line() -> None:
    with pytest.raises(GraStateInvalidError) as error:
        grastate.parse(b"uuid: x\nseqno: y\n")
    text = str(error.value)
    assert "no version; uuid is 'x'; seqno is 'y'; no safe_to_bootstrap" in text
    assert "\n" not in text


@pytest.mark.parametrize("raw", [b"", b"\n", b"   \n\t", b"\0\0\0"], ids=["empty", "newline", "blanks", "NULs"])
def test_a_blank_file_is_blank(raw: bytes) -> None:
    assert grastate.is_blank(raw)


def test_a_file_with_a_state_is_not_blank() -> None:
    assert not grastate.is_blank(grastate.render(CLEAN))
