"""Values as JSON, and back: driven by the fields of dataclasses and NamedTuples, so that no field can be forgotten.

`dump` makes JSON values of any value of `core/model`; `load` reads them back and refuses whole what is not of the right
shape.  A key is the field's name, or what `json_key` makes it.  Numbers are bounded (0 to 2^63-1 unless the field says
otherwise), texts are printable and at most MAX_TEXT long, and `shapes` narrows or widens both.  Unknown keys are
ignored, so that an agent understands the answer of a newer one; a missing key makes the message invalid.
"""

import json
import math
import re
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin

from bootstrap.core.model.shapes import INT64_MAX, MAX_TEXT, Pattern, Range, Unbounded

Json = dict[str, object]
if TYPE_CHECKING:
    from dataclasses import Field

T = TypeVar("T")
Load = Callable[[object], Any]

_KEY = "key"
"""Where a field's metadata has its key."""


class MessageInvalidError(ValueError):
    """A message or file is not what this program writes."""


def json_key(key: str) -> dict[str, str]:
    """Give a field another key in JSON, one that cannot be a name in Python.

    `data_class: DataClass = field(metadata=json_key("class"))`
    """
    return {_KEY: key}


def dump(value: object) -> Any:  # noqa: ANN401  # JSON values are of many types
    """The value as JSON values."""
    kind: Any = type(value)
    if has_fields(kind):
        return {key: dump(getattr(value, name)) for name, key, _ in _fields_of(kind)}
    if isinstance(value, frozenset):
        return sorted(dump(item) for item in value)
    if isinstance(value, tuple | list):
        return [dump(item) for item in value]
    if isinstance(value, dict):
        return {str(key): dump(item) for key, item in value.items()}
    return value.value if isinstance(value, StrEnum) else value


def has_fields(kind: object) -> bool:
    """Whether this type is a dataclass or a NamedTuple, so that its values are objects in JSON."""
    return hasattr(kind, "_fields") or hasattr(kind, "__dataclass_fields__")


def load(kind: type[T], value: object) -> T:
    """Read JSON values as a value of this type; raises MessageInvalidError, which names the field."""
    loaded: T = _loader(kind)(value)  # type: ignore[arg-type]  # every type is hashable
    return loaded


def encode(value: object) -> bytes:
    """The value as JSON text."""
    return json.dumps(dump(value), separators=(",", ":")).encode()


def decode(kind: type[T], raw: bytes) -> T:
    """Read JSON text as a value of this type; raises MessageInvalidError."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise MessageInvalidError("it is not JSON") from exc
    return load(kind, value)


@cache
def _fields_of(kind: Any) -> list[tuple[str, str, Any]]:  # noqa: ANN401  # a dataclass or NamedTuple
    """The name, key and type of each field."""
    if hasattr(kind, "_fields"):
        (types,) = (base.__annotations__ for base in kind.__mro__ if "_fields" in vars(base))
        return [(name, name, types[name]) for name in kind._fields]
    from dataclasses import fields  # noqa: PLC0415  # a starter's values are NamedTuples, as dataclasses costs it 4 ms

    return [(one.name, _key(one), one.type) for one in fields(kind)]


def _key(one: "Field[Any]") -> str:
    key: str = one.metadata.get(_KEY, one.name)
    return key


@cache
def _loader(kind: Any) -> Load:  # noqa: ANN401  # a type, or one of typing's forms
    """How to read a value of this type; made once for each."""
    if has_fields(kind):
        return _object(kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _enum(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _shaped(*arguments)
    if origin in (UnionType, Union):
        (inner,) = (_loader(argument) for argument in arguments if argument is not NoneType)
        return lambda value: None if value is None else inner(value)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return _pair(arguments)
    if origin in (tuple, frozenset):
        return _items(origin, _loader(arguments[0]))
    if origin is dict:
        return _mapping(_loader(arguments[1]))
    return _plain(kind)


def _object(kind: Any) -> Load:  # noqa: ANN401  # a dataclass or NamedTuple
    loaders = [(name, key, _loader(inner)) for name, key, inner in _fields_of(kind)]

    def load_object(value: object) -> object:
        if not isinstance(value, dict):
            raise MessageInvalidError(f"it is not a {kind.__name__}")
        found = {}
        for name, key, loader in loaders:
            if key not in value:
                raise MessageInvalidError(f"{key} is missing")
            try:
                found[name] = loader(value[key])
            except MessageInvalidError as exc:
                raise MessageInvalidError(f"{key}: {exc}") from exc
        return kind(**found)

    return load_object


def _enum(kind: type[StrEnum]) -> Load:
    def load_member(value: object) -> StrEnum:
        text = _string(value)  # an empty text may be a member, and no other value is one
        try:
            return kind(text)
        except ValueError as exc:
            raise MessageInvalidError(f"unknown {kind.__name__} {text[:40]!r}") from exc

    return load_member


def _items(make: Callable[[list[object]], object], loader: Load) -> Load:
    return lambda value: make([loader(item) for item in _list(value)])


def _pair(kinds: tuple[Any, ...]) -> Load:
    loaders = [_loader(kind) for kind in kinds]

    def load_pair(value: object) -> tuple[object, ...]:
        items = _list(value)
        if len(items) != len(loaders):
            raise MessageInvalidError(f"it has {len(items)} parts, not {len(loaders)}")
        return tuple(loader(item) for loader, item in zip(loaders, items, strict=True))

    return load_pair


def _mapping(loader: Load) -> Load:
    def load_mapping(value: object) -> dict[str, object]:
        if not isinstance(value, dict):
            raise MessageInvalidError("it is not an object")
        return {_text(key): loader(item) for key, item in value.items()}

    return load_mapping


def _shaped(kind: type, shape: Range | Pattern | Unbounded) -> Load:
    if isinstance(shape, Range):
        return lambda value: _number(value, shape)
    if isinstance(shape, Unbounded):
        return _string
    plain, regex = _plain(kind), re.compile(shape.regex)

    def load_text(value: object) -> object:
        text = plain(value)
        if not regex.fullmatch(text):
            raise MessageInvalidError(f"{text[:40]!r} is not of its shape")
        return text

    return load_text


def _plain(kind: type) -> Load:
    """A number or a text, or what needs no more than the right type."""
    if kind is int:
        return lambda value: _number(value, Range(0, INT64_MAX))
    if kind is float:
        return _float
    if kind is str:
        return _text

    def load_plain(value: object) -> object:
        if not isinstance(value, kind):
            raise MessageInvalidError(f"it is not a {kind.__name__}")
        return value

    return load_plain


def _number(value: object, bounds: Range) -> int:
    # bool is an int to Python, and not to JSON.
    if not isinstance(value, int) or isinstance(value, bool):
        raise MessageInvalidError("it is not an int")
    if not bounds.least <= value <= bounds.most:
        raise MessageInvalidError(f"it is not from {bounds.least} to {bounds.most}")
    return value


def _float(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise MessageInvalidError("it is not a finite number")
    return float(value)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise MessageInvalidError("it is not a str")
    return value


def _text(value: object) -> str:
    value = _string(value)
    if len(value) > MAX_TEXT or not value.isprintable():
        raise MessageInvalidError(f"it has more than {MAX_TEXT} characters, or control characters")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise MessageInvalidError("it is not a list")
    return value
