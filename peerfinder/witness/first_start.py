"""Looks at the own volume and asks all other members, until it is known whether this is the first start."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from peerfinder.core.first_start import Action, Member, Next, Volume, decide
from peerfinder.witness.volume import Signs

THREADS = 16
"""Members that are asked at one moment: one that is down takes the longest time for a question."""

Ask = Callable[[Member], Volume | None]
"""A member -> what it has on its volume; None if that is not known."""


class Outside(NamedTuple):
    """What a pod needs besides its volume."""

    ask: Ask
    """Asks one member."""
    log: Callable[[str], None]
    """Tells a human why this pod waits; called for each new reason."""
    rest: Callable[[], None]
    """Pauses between two looks."""


def find_out(signs: Signs, own: Member, members: Sequence[Member], outside: Outside) -> Action:
    """Return DATA, FIRST or LATER as soon as it is known; `members` are those that a first start waits for.

    Raises VolumeUnknownError for the own volume.
    """
    others = [member for member in members if member != own]
    pool, last = ThreadPoolExecutor(THREADS), ""
    try:
        while True:
            volume = signs.read()
            # With data nobody is asked: the members that are down would only delay this one.
            asked = others if volume is not Volume.DATA else []
            answers = dict(zip((member.name for member in asked), pool.map(outside.ask, asked), strict=True))
            following = decide(volume, answers, is_expected=own in members)
            if following.action is Action.MARK:
                signs.leave_mark()
            elif following.action is Action.WAIT:
                line = explain(volume, following, own, len(members), is_expected=own in members)
                if line != last:
                    outside.log(line)
                last = line
                outside.rest()
            else:
                return following.action
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def explain(volume: Volume, following: Next, own: Member, count: int, *, is_expected: bool) -> str:
    """Tell a human why this pod waits, and for whom."""
    names = " ".join(following.waits_for)
    if volume is Volume.FIRST:
        return f"all volumes are empty: waiting until all members know it: {names}"
    if not is_expected:
        return f"this volume is empty, and the {count} expected members are without {own.name}: waiting for a cluster"
    return f"this volume is empty: waiting for {names}"
