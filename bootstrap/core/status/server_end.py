"""How a server has ended, for people and monitoring; its own container is the only one that sees it.

Pure.  What is known of the last ends is read from the events of the volume, so that a new run of the agent knows it.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from bootstrap.core.model.text import one_line
from bootstrap.core.status.events import Event

KIND = "server-ended"
"""The kind of these events; those with a word have it from the server's own container."""

LOOKED_AT_S = 3600.0
"""An end that is older than an hour says nothing of now."""


AGAIN = "and is started again"
"""What becomes of a server in the same container."""


def describe_end(how: str, error: str, *, again: bool) -> str:
    """Describe an end in one line; `how` is its word."""
    text = f"was ended by {how}" if how.startswith("SIG") else f"ended with {how.replace('-', ' ')}"
    return one_line(f"the server {text} {AGAIN if again else 'and its container'}{f': {error}' if error else ''}")


class LastEnd(NamedTuple):
    """The last end of a server that was not in order."""

    how: str
    """In one word: SIGKILL, or status-1."""
    line: str
    """The same for people, with the last error in its log."""
    time: str
    """When: UTC, RFC 3339, by the machine's clock."""
    seconds: float
    """How long ago that was."""
    times: int
    """How many there were in the last hour."""

    @property
    def is_again(self) -> bool:
        """Whether the same container has started it again."""
        return AGAIN in self.line


def find_last_end(events: Iterable[Event], read_age: Callable[[str], float | None]) -> LastEnd | None:
    """Return the last end if it is recent.

    `read_age` tells how many seconds ago the time of an event was; None = it is no time.
    """
    ends = [(event, read_age(event.time)) for event in events if event.kind == KIND and event.word]
    recent = [(event, max(0.0, age)) for event, age in ends if age is not None and age <= LOOKED_AT_S]
    if not recent:
        return None
    event, seconds = recent[-1]
    return LastEnd(event.word, event.text, event.time, round(seconds, 1), len(recent))
