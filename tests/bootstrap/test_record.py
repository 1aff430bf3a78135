"""Records on the wire: what went in comes out, and what is not of the right shape is refused whole."""

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.model.codec import (
    MAX_ORDINAL,
    MessageInvalidError,
    decode,
    dump_disk,
    dump_prepare,
    dump_promise,
    dump_record,
    encode,
    load_answer,
    load_disk,
    load_prepare,
    load_promise,
    load_record,
)
from bootstrap.core.model.disk import DataClass
from bootstrap.core.model.facts import PodState
from bootstrap.core.model.messages import Prepare, Refusal
from tests.bootstrap.records import blank, disks, examples, frozen, promises, records, running

whole_records = st.integers(0, 4).flatmap(lambda ordinal: records(ordinal, 5, calm=False))
prepares = st.builds(
    Prepare, promise=promises, winner=whole_records, boot_id=st.text(max_size=10), disk=disks()
)  # fmt: skip

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2000) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)

FULL = dump_record(
    frozen(0, 7, promise=load_promise({"term": 1, "winner": 2, "boot_id": "b"}), volumes=((1, "v"),), epoch=3)
)
RUNNING = dump_record(running(1))


@examples(150)
@given(whole_records)
def test_a_record_comes_back_as_it_went(record: PodState) -> None:
    back = load_record(decode(encode(dump_record(record))))
    assert dump_record(back) == dump_record(record)


@examples(80)
@given(prepares)
def test_a_request_for_a_promise_comes_back_as_it_went(prepare: Prepare) -> None:
    back = load_prepare(decode(encode(dump_prepare(prepare))))
    assert dump_prepare(back) == dump_prepare(prepare)
    assert back.promise == prepare.promise


@pytest.mark.parametrize("data_class", DataClass)
def test_every_class_can_be_told(data_class: DataClass) -> None:
    disk = blank(0, data_class).disk
    assert disk is not None
    assert load_disk(dump_disk(disk)) == disk


def test_an_answer_carries_the_record_and_the_refusal() -> None:
    record = frozen(1)
    assert load_answer({"record": dump_record(record), "refusal": None}) == (record, None)
    assert load_answer({"record": dump_record(record), "refusal": "no"}) == (record, Refusal("no"))


@pytest.mark.parametrize("answer", [{}, {"record": None}, {"record": FULL, "refusal": 1}, [], None])
def test_half_an_answer_is_none(answer: object) -> None:
    with pytest.raises(MessageInvalidError):
        load_answer(answer)


def test_a_record_of_the_release_before_tells_of_no_operators_word() -> None:
    before = {key: value for key, value in FULL.items() if key not in ("lineage", "word")}
    assert load_record(before) == load_record(FULL)
    assert (load_record(before).lineage, load_record(before).override) == ((), None)


OPTIONAL = {"disk", "server", "promise", "lineage", "word", "mark", "strangers"}


@pytest.mark.parametrize("key", sorted(set(FULL) - OPTIONAL))
def test_a_record_without_this_key_is_refused(key: str) -> None:
    with pytest.raises(MessageInvalidError):
        load_record({name: value for name, value in FULL.items() if name != key})


@pytest.mark.parametrize("key", sorted(FULL))
def test_a_record_with_another_type_under_this_key_is_refused(key: str) -> None:
    wrong: list[Any] = ["text", 1, 1.5, True, [1], {"a": 1}, {}, [[1]], [[1, 2, 3]], ["x"]]
    wrong = [w for w in wrong if not (key == "expected" and w == [1])]
    wrong = [w for w in wrong if type(w) is not type(FULL[key]) or isinstance(w, list | dict)]
    for value in wrong:
        with pytest.raises(MessageInvalidError):
            load_record({**FULL, key: value})


def paths(value: Any, start: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all values in a message."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    return [start, *(path for key, item in inner for path in paths(item, (*start, key)))]


@pytest.mark.parametrize("path", [p for p in paths(RUNNING) if len(p) > 1], ids=lambda p: ".".join(map(str, p)))
def test_what_stands_deeper_is_checked_as_well(path: tuple[Any, ...]) -> None:
    message: Any = copy.deepcopy(RUNNING)
    place = message
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = {"not": "this"}
    with pytest.raises(MessageInvalidError):
        load_record(message)


@pytest.mark.parametrize("ordinal", [-1, MAX_ORDINAL + 1, True, "0", None, 1.0])
def test_an_ordinal_that_no_statefulset_has_is_refused(ordinal: object) -> None:
    for changed in ({"ordinal": ordinal}, {"expected": [ordinal]}, {"volumes": [[ordinal, "v"]]}):
        with pytest.raises(MessageInvalidError):
            load_record({**FULL, **changed})
    with pytest.raises(MessageInvalidError):
        load_promise({**dump_promise(load_promise(FULL["promise"])), "winner": ordinal})


def test_unknown_keys_are_left_alone_so_that_neighbouring_versions_understand_each_other() -> None:
    assert load_record({**FULL, "from_the_future": {"x": 1}}) == load_record(FULL)


def test_an_unknown_phase_or_class_is_refused_and_named_shortly() -> None:
    with pytest.raises(MessageInvalidError, match=r"unknown Phase 'x+'") as refused:
        load_record({**FULL, "phase": "x" * 5000})
    assert len(str(refused.value)) < 100
    with pytest.raises(MessageInvalidError, match="unknown DataClass"):
        load_disk({**dump_disk(frozen(0).disk), "class": "clean"})  # type: ignore[arg-type]


@examples(200)
@given(st.binary(max_size=60) | json_values.map(lambda v: json.dumps(v).encode()))
def test_no_octets_raise_anything_but_an_invalid_message(raw: bytes) -> None:
    for load in (load_record, load_disk, load_promise, load_prepare, load_answer):
        with contextlib.suppress(MessageInvalidError):
            load(decode(raw))


@examples(150)
@given(st.sampled_from(sorted(paths(FULL) + paths(RUNNING), key=str)), json_values)
def test_no_value_in_any_place_raises_anything_but_an_invalid_message(path: tuple[Any, ...], value: Any) -> None:
    for whole in (FULL, RUNNING):
        message: Any = {"record": copy.deepcopy(whole)}
        place, keys = message, ("record", *path)
        try:
            for key in keys[:-1]:
                place = place[key]
            place[keys[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
        try:
            load_record(message["record"])
        except MessageInvalidError:
            continue


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 50_000, b"9" * 10_000, b'{"term":' + b"9" * 10_000 + b"}"])
def test_a_message_that_is_made_to_exhaust_the_reader_is_invalid(raw: bytes) -> None:
    with pytest.raises(MessageInvalidError):
        decode(raw)
