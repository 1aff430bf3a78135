"""What peers send is bounded and printable, each field of it; what people read is so in any case."""

import types
import typing
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bootstrap.commands.admin.table import format_status
from bootstrap.control.status_messages import MemberStatus
from bootstrap.core.model.codec import MessageInvalidError, dump, has_fields, load
from bootstrap.core.model.facts import Phase, PodState
from bootstrap.core.model.messages import Prepare, PrepareReply
from bootstrap.core.model.shapes import Unbounded
from bootstrap.process.log import escape
from tests.support.bootstrap.records import frozen, running
from tests.unit.bootstrap.commands.test_table import WAITING

OBEYED = ["\x1b[2J", "a\nb", "\r", "\x9b31m", "\x85", "\u202e", "\u2066", "\u2028", "\x07", "\x7f", "\ud800"]
"""What a terminal or a reader of lines obeys: ESC, line ends, C1, marks of direction; and half a character."""


def parts_of(kind: Any) -> Iterator[Any]:
    """All types that a message is made of."""
    yield kind
    if has_fields(kind):
        for inner in typing.get_type_hints(kind, include_extras=True).values():
            yield from parts_of(inner)
    elif isinstance(kind, types.UnionType) or typing.get_origin(kind) is not None:
        for inner in typing.get_args(kind):
            yield from parts_of(inner)


@pytest.mark.parametrize("message", [PodState, Prepare, PrepareReply])
def test_no_field_of_a_peer_is_a_text_without_bounds(message: type) -> None:
    parts = list(parts_of(message))

    assert str in parts
    assert not any(isinstance(part, Unbounded) for part in parts)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where texts stand in a JSON value."""
    if isinstance(value, str):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


@pytest.mark.parametrize("text", OBEYED, ids=ascii)
@pytest.mark.parametrize("state", [frozen(1), running(1)], ids=["frozen", "running"])
def test_a_text_that_a_terminal_obeys_makes_a_message_invalid_wherever_it_stands(state: PodState, text: str) -> None:
    found = list(places(dump(state)))
    assert len(found) > 5
    for path in found:
        value = dump(state)
        inner = value
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] += text
        with pytest.raises(MessageInvalidError) as raised:
            load(PodState, value)
        assert str(raised.value).isprintable()


@pytest.mark.parametrize("text", OBEYED, ids=ascii)
def test_what_people_read_is_one_line_that_no_terminal_obeys(text: str) -> None:
    """The texts of the own agent, as the detail of its own datadir and the reasons of its decision."""
    assert escape(text).isprintable()
    member = MemberStatus("mysql-0", 0, "ok", phase=Phase.FROZEN, uuid=text, seqno=1)
    other = MemberStatus("mysql-1", 1, f"unknown: {text}")
    decision = WAITING.decision._replace(reason=f"a reason {text} and more", rule=f"rule{text}")
    shown = format_status(replace(WAITING, members=(member, other), decision=decision, avoid=f"do not {text} it"))

    assert all(line.isprintable() for line in shown.split("\n"))
    assert not any(line.lstrip().startswith("b") for line in shown.split("\n")), "a line was forged"
