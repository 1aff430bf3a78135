"""A peer of which nothing is known."""

from typing import NamedTuple


class Unknown(NamedTuple):
    """A peer that has not answered, or not with a valid answer."""

    reason: str
    """Why not, for humans: silence, refused, a wrong key, another version."""
    cure: str = ""
    """What to look at, if the reason shows it; the same for all peers with this reason."""
