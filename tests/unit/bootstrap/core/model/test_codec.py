"""Messages on the wire: what went in comes out, and a message of the wrong shape is refused as a whole."""

import contextlib
import copy
import json
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.model.codec import MessageInvalidError, decode, dump, encode, json_key, load
from bootstrap.core.model.disk import DataClass, Disk, Versions
from bootstrap.core.model.facts import PodState, Promise
from bootstrap.core.model.messages import Prepare, PrepareReply, Refusal
from bootstrap.core.model.shapes import MAX_ORDINAL, MAX_TEXT, Prose
from bootstrap.core.participant.orders import Order
from tests.support.bootstrap.records import blank, disks, examples, frozen, pod_states, promises, running

whole_states = st.integers(0, 4).flatmap(lambda ordinal: pod_states(ordinal, 5, calm=False))
prepares = st.builds(
    Prepare, promise=promises, candidate=whole_states, run_id=st.sampled_from(["", "run-1"]), disk=disks()
)  # fmt: skip

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2000) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)

FULL = dump(
    frozen(0, 7, promise=Promise(1, 2, "b"), volumes=((1, "v"),), epoch=3, data_bytes=5, versions=Versions((11, 8)))
)
RUNNING = dump(running(1))


@examples(150)
@given(whole_states)
def test_a_state_comes_back_as_it_went(state: PodState) -> None:
    assert decode(PodState, encode(state)) == state


@examples(80)
@given(prepares)
def test_a_request_for_a_promise_comes_back_as_it_went(prepare: Prepare) -> None:
    assert decode(Prepare, encode(prepare)) == prepare


@pytest.mark.parametrize("data_class", DataClass)
def test_every_class_can_be_sent(data_class: DataClass) -> None:
    disk = blank(0, data_class).disk
    assert disk is not None
    assert load(Disk, dump(disk)) == disk


@pytest.mark.parametrize("refusal", [None, Refusal("no")])
def test_an_answer_carries_the_state_and_the_refusal(refusal: Refusal | None) -> None:
    reply = PrepareReply(frozen(1), refusal)
    assert decode(PrepareReply, encode(reply)) == reply


@pytest.mark.parametrize(
    "answer",
    [{}, {"state": None}, {"state": FULL}, {"state": FULL, "refusal": 1}, {"state": FULL, "refusal": {}}, [], None],
)
def test_half_an_answer_is_invalid(answer: object) -> None:
    with pytest.raises(MessageInvalidError):
        load(PrepareReply, answer)


@pytest.mark.parametrize("key", sorted(FULL))
def test_a_state_without_this_key_is_refused(key: str) -> None:
    with pytest.raises(MessageInvalidError):
        load(PodState, {name: value for name, value in FULL.items() if name != key})


@pytest.mark.parametrize("key", sorted(FULL))
def test_a_state_with_another_type_under_this_key_is_refused(key: str) -> None:
    wrong: list[Any] = ["text", 1, 1.5, True, [1], {"a": 1}, {}, [[1]], [[1, 2, 3]], ["x"]]
    wrong = [w for w in wrong if not (key == "expected" and w == [1])]
    wrong = [w for w in wrong if type(w) is not type(FULL[key]) or isinstance(w, list | dict)]
    for value in wrong:
        with pytest.raises(MessageInvalidError):
            load(PodState, {**FULL, key: value})


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
        load(PodState, message)


@pytest.mark.parametrize("ordinal", [-1, MAX_ORDINAL + 1, True, "0", None, 1.0])
def test_an_ordinal_that_no_statefulset_has_is_refused(ordinal: object) -> None:
    for changed in ({"ordinal": ordinal}, {"expected": [ordinal]}, {"volumes": [[ordinal, "v"]]}):
        with pytest.raises(MessageInvalidError):
            load(PodState, {**FULL, **changed})
    with pytest.raises(MessageInvalidError):
        load(Promise, {**FULL["promise"], "candidate": ordinal})


def test_unknown_keys_are_left_alone_so_that_neighbouring_versions_understand_each_other() -> None:
    assert load(PodState, {**FULL, "from_the_future": {"x": 1}}) == load(PodState, FULL)


def test_an_unknown_phase_or_class_is_refused_and_named_shortly() -> None:
    with pytest.raises(MessageInvalidError, match=r"phase: unknown Phase 'x+'") as refused:
        load(PodState, {**FULL, "phase": "x" * 5000})
    assert len(str(refused.value)) < 100
    with pytest.raises(MessageInvalidError, match="unknown DataClass"):
        load(Disk, {**dump(frozen(0).disk), "data_class": "clean"})


@examples(200)
@given(st.binary(max_size=60) | json_values.map(lambda v: json.dumps(v).encode()))
def test_no_octets_raise_anything_but_an_invalid_message(raw: bytes) -> None:
    for kind in (PodState, Disk, Promise, Prepare, PrepareReply):
        with contextlib.suppress(MessageInvalidError):
            decode(kind, raw)


@examples(150)
@given(st.sampled_from(sorted(paths(FULL) + paths(RUNNING), key=str)), json_values)
def test_no_value_in_any_place_raises_anything_but_an_invalid_message(path: tuple[Any, ...], value: Any) -> None:
    for whole in (FULL, RUNNING):
        message: Any = {"state": copy.deepcopy(whole)}
        place, keys = message, ("state", *path)
        try:
            for key in keys[:-1]:
                place = place[key]
            place[keys[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
        try:
            load(PodState, message["state"])
        except MessageInvalidError:
            continue


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 50_000, b"9" * 10_000, b'{"term":' + b"9" * 10_000 + b"}"])
def test_a_message_that_is_made_to_exhaust_the_reader_is_invalid(raw: bytes) -> None:
    with pytest.raises(MessageInvalidError):
        decode(PodState, raw)


POSITION = ("disk", "position")

OUT_OF_BOUNDS: dict[str, tuple[tuple[str, ...], object]] = {
    "a term beyond what Galera counts": (("promise", "term"), 2**63),
    "a term below 0": (("promise", "term"), -1),
    "a negative seqno on a disk": ((*POSITION, "seqno"), -1),
    "a seqno beyond 64 bits": ((*POSITION, "seqno"), 2**63),
    "an epoch of a thousand digits": (("epoch",), 10**1000),
    "a uuid in capitals": ((*POSITION, "uuid"), "AAAAAAAA-0000-11EE-8000-000000000001"),
    "a uuid with a tail": ((*POSITION, "uuid"), "aaaaaaaa-0000-11ee-8000-000000000001\n"),
    "an empty uuid": ((*POSITION, "uuid"), ""),
    "a run id with a space": (("run_id",), "run 0"),
    "a pod's name with a control character": (("pod",), "galera-0\x1b[2J"),
    "a pod without a name": (("pod",), ""),
    "a detail that writes to a terminal": (("disk", "detail"), "\x1b]0;owned\x07"),
    "a detail of two lines": (("disk", "detail"), "one\ntwo"),
    "a detail without end": (("disk", "detail"), "x" * 2000),
    "a volume's id without end": (("volumes",), [[1, "v" * 81]]),
}


@pytest.mark.parametrize(("path", "value"), OUT_OF_BOUNDS.values(), ids=OUT_OF_BOUNDS.keys())
def test_numbers_and_texts_are_bounded(path: tuple[str, ...], value: object) -> None:
    message: Any = copy.deepcopy(FULL)
    place = message
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(MessageInvalidError, match=path[0]):
        load(PodState, message)


@dataclass(frozen=True, slots=True)
class Described:
    """A value with a key that Python cannot have as a name, a text without a bound, and a time."""

    data_class: DataClass = field(metadata=json_key("class"))
    text: Prose
    seconds: float
    note: Prose | None = None


def test_a_field_has_the_key_that_it_is_given() -> None:
    value = Described(DataClass.CLEAN, "x", 1.5)
    assert dump(value) == {"class": "CLEAN", "text": "x", "seconds": 1.5, "note": None}
    assert decode(Described, encode(value)) == value
    with pytest.raises(MessageInvalidError, match="class is missing"):
        load(Described, {"data_class": "CLEAN", "text": "x", "seconds": 1.5})


class Nested(NamedTuple):
    """All forms that a field may have."""

    pair: tuple[int, str]
    many: tuple[str, ...]
    some: frozenset[int]
    mapping: dict[str, int]
    flag: bool
    order: Order
    anything: object


NESTED = Nested((1, "a"), ("b", "c"), frozenset({3, 2}), {"x": 1}, flag=True, order=Order.NONE, anything=[1.5])
AS_JSON = {
    "pair": [1, "a"],
    "many": ["b", "c"],
    "some": [2, 3],
    "mapping": {"x": 1},
    "flag": True,
    "order": "",
    "anything": [1.5],
}


def test_every_form_comes_back_as_it_went() -> None:
    assert dump(NESTED) == AS_JSON
    assert type(dump(Order.DISCARD)) is type(dump([Order.DISCARD])[0]) is str  # an enum's member equals its text
    assert dump({1: [Order.DISCARD]}) == {"1": ["discard"]}
    assert load(Nested, AS_JSON) == NESTED
    assert encode(Promise(1, 2, "b")) == b'{"term":1,"candidate":2,"run_id":"b"}'


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("pair", [1], "it has 1 parts, not 2"),
        ("pair", [1, "a", "b"], "it has 3 parts, not 2"),
        ("pair", [1, 2], "it is not a str"),
        ("many", [1], "it is not a str"),
        ("some", 1, "it is not a list"),
        ("mapping", [1], "it is not an object"),
        ("mapping", {"x": "y"}, "it is not an int"),
        ("mapping", {"\n": 1}, "control characters"),
        ("flag", 1, "it is not a bool"),
        ("order", 5, "it is not a str"),
        ("order", None, "it is not a str"),
        ("order", "x", "unknown Order 'x'"),
    ],
)
def test_every_form_is_checked(key: str, value: object, fault: str) -> None:
    with pytest.raises(MessageInvalidError, match=f"{key}: .*{fault}"):
        load(Nested, {**AS_JSON, key: value})


def test_a_text_has_at_most_so_many_characters() -> None:
    load(Nested, {**AS_JSON, "many": ["x" * 1024]})
    with pytest.raises(MessageInvalidError, match="more than 1024 characters"):
        load(Nested, {**AS_JSON, "many": ["x" * 1025]})


def test_prose_has_no_bound() -> None:
    value = Described(DataClass.CLEAN, "a\nb" * MAX_TEXT, 0.0)
    assert decode(Described, encode(value)) == value


@pytest.mark.parametrize("seconds", [0, 7, 7.25])
def test_a_time_may_be_a_whole_number(seconds: float) -> None:
    assert load(Described, {"class": "CLEAN", "text": "", "seconds": seconds, "note": "y"}).seconds == seconds


@pytest.mark.parametrize("seconds", [True, "1", None, math.nan, math.inf])
def test_a_time_is_a_finite_number(seconds: object) -> None:
    with pytest.raises(MessageInvalidError, match="seconds: it is not a finite number"):
        load(Described, {"class": "CLEAN", "text": "", "seconds": seconds, "note": "y"})
