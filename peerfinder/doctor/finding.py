"""The value that each rule of `doctor` makes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A mistake, or something worth knowing."""

    code: str
    """Stable name of the rule."""
    problem: bool
    """Whether it stops peers from being found; otherwise it is a hint."""
    what: str
    """What was observed."""
    cause: str
    """The most likely cause."""
    cure: str
    """What to do."""


def problem(code: str, what: str, cause: str, cure: str) -> Finding:
    """Make a finding that stops peers from being found."""
    return Finding(code, True, what, cause, cure)  # noqa: FBT003 - the name of this function says it


def hint(code: str, what: str, cause: str, cure: str) -> Finding:
    """Make a finding that is worth knowing."""
    return Finding(code, False, what, cause, cure)  # noqa: FBT003 - the name of this function says it
