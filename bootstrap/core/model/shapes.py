"""Shapes of numbers and texts that come from outside: `codec` checks them; to type checkers they are int and str.

ordinal: Ordinal        # an int from 0 to 999
uuid: Uuid              # a str of 36 characters
"""

from typing import Annotated, NamedTuple

INT64_MAX = 2**63 - 1

MAX_ORDINAL = 999
"""No StatefulSet of databases is larger; a higher ordinal in a message would make all pods wait for it forever."""

MAX_TEXT = 1024
"""Characters of a text without a shape of its own."""


UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""The regular expression of a UUID in lower case; the files of Galera are read with re.IGNORECASE."""


class Range(NamedTuple):
    """The numbers from `least` to `most`, both included."""

    least: int
    most: int


class Pattern(NamedTuple):
    """Texts that match as a whole."""

    regex: str
    """Compiled when the first message is read: a starter that reads none need not wait for it."""


class Unbounded(NamedTuple):
    """Texts of any length with any characters."""


Count = Annotated[int, Range(0, INT64_MAX)]
"""A plain `int` field has the same bounds: terms, epochs, sizes."""

Ordinal = Annotated[int, Range(0, MAX_ORDINAL)]
"""The ordinal of a pod in its StatefulSet."""

Seqno = Annotated[int, Range(-1, INT64_MAX)]
"""A write set's number; -1 = unknown (galera `WSREP_SEQNO_UNDEFINED`)."""

Uuid = Annotated[str, Pattern(UUID)]
"""A UUID as Galera prints it, in lower case."""

UuidOrNone = Annotated[str, Pattern(rf"({UUID})?")]
"""The same; empty = there is none."""

Token = Annotated[str, Pattern(r"[!-~]{0,80}")]
"""An identifier: printable ASCII without spaces; empty = there is none."""

PodName = Annotated[str, Pattern(r"[a-z0-9]([-a-z0-9]{0,251}[a-z0-9])?")]
"""The name of a pod of a StatefulSet: an RFC 1123 label and the ordinal."""

Prose = Annotated[str, Unbounded()]
"""A text for people from this pod's own agent: it may name every pod of a large set.  Never for what a peer sends."""
