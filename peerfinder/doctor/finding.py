"""One finding."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing."""

    code: str
    """Stable name of the rule."""
    problem: bool
    """Whether peers are not found because of it; else it is a hint."""
    what: str
    """What was seen."""
    cause: str
    """What it most likely comes from."""
    cure: str
    """What to do."""


def problem(code: str, what: str, cause: str, cure: str) -> Finding:
    """Make a finding that keeps peers from being found."""
    return Finding(code, True, what, cause, cure)  # noqa: FBT003 - that is what this function is for


def hint(code: str, what: str, cause: str, cure: str) -> Finding:
    """Make a finding that is worth knowing."""
    return Finding(code, False, what, cause, cure)  # noqa: FBT003 - likewise
