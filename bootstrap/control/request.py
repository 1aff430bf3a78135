"""What every request on the agent's socket is: a class with a name, and with the type of its answer.

@dataclass(frozen=True)
class Discard(Request[DiscardAnswer]):
    op: ClassVar[str] = "discard"
    delete: bool

On the wire it is `{"op": "discard", "delete": true}`.  `Client.ask(Discard(delete=True))` returns a DiscardAnswer.
A starter's request has its fields from a NamedTuple, its second base: a starter imports no dataclasses.
"""

from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar, get_args

from bootstrap.core.model.codec import Json, dump, has_fields, load
from bootstrap.core.model.shapes import Prose

AnswerT = TypeVar("AnswerT")


class Request(Generic[AnswerT]):
    """A request; its answer is of the type in brackets.  Most have no fields."""

    op: ClassVar[str]
    """The request's name on the wire."""

    def message(self) -> Json:
        """Return the request as it is sent."""
        fields: Json = dump(self) if has_fields(type(self)) else {}
        return {"op": self.op, **fields}

    @classmethod
    def read(cls, message: Json) -> Self:
        """Read a request of this class; raises MessageInvalidError."""
        return load(cls, message) if has_fields(cls) else cls()

    def read_answer(self, message: Json) -> AnswerT:
        """Read the answer to this request; raises MessageInvalidError."""
        bases: tuple[Any, ...] = type(self).__orig_bases__  # type: ignore[attr-defined]  # Generic writes it
        answer_type: type[AnswerT] = get_args(bases[0])[0]
        return load(answer_type, message)


class ErrorAnswer(NamedTuple):
    """The answer to a request that the agent does not know: one of the two is of another version."""

    error: Prose
    """What is wrong with it.  No other answer has this key."""
