"""Looks at the own volume and asks all other members, until it is known whether this is the first start."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from peerfinder.core.first_start import Action, Next, Replica, Reply, Volume, decide
from peerfinder.witness.volume import Signs

THREADS = 16
"""Members that are asked at one moment: one that is down takes the longest time for a question."""

REPEAT = 60
"""Looks after which a reason that has not changed is logged again: a minute."""


class Outside(NamedTuple):
    """What a pod needs besides its volume."""

    ask: Callable[[Replica], Reply]
    """Asks one member."""
    find_more: Callable[[], Sequence[Replica]]
    """Finds pods that DNS shows; it need not find any."""
    log: Callable[[str], None]
    """Tells a human why this pod waits."""
    rest: Callable[[], None]
    """Pauses between two looks."""


def find_out(signs: Signs, own: Replica, members: Sequence[Replica], outside: Outside) -> Action:
    """Return DATA, FIRST or LATER as soon as it is known; `members` are those that a first start waits for.

    Pods beyond these are asked, too, as far as DNS shows them: they are not waited for, but their data count.
    Raises VolumeUnknownError for the own volume.
    """
    pool, last, looks = ThreadPoolExecutor(THREADS), "", 0
    try:
        while True:
            volume = signs.read()
            # With data nobody is asked: the members that are down would only delay this one.
            others = [] if volume is Volume.DATA else [member for member in members if member != own]
            more = [one for one in outside.find_more() if one not in members and one != own] if others else []
            replies = dict(zip([*others, *more], pool.map(outside.ask, [*others, *more]), strict=True))
            counted = {
                one.name: reply for one, reply in replies.items() if one in others or reply.volume is Volume.DATA
            }
            following = decide(volume, counted, is_expected=own in members)
            if following.action is Action.MARK:
                signs.leave_mark()
            elif following.action is Action.WAIT:
                line = explain(signs, volume, following, counted)
                if own not in members:
                    line = (
                        f"{own.name} is not one of the {len(members)} expected members, and waits for a cluster: {line}"
                    )
                if line != last or looks % REPEAT == 0:
                    outside.log(line)
                    looks = 0
                last, looks = line, looks + 1
                outside.rest()
            else:
                return following.action
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def explain(signs: Signs, volume: Volume, following: Next, replies: "dict[str, Reply]") -> str:
    """Tell a human why this pod waits, for whom, and what is in the way there."""
    names = " ".join(following.waits_for)
    reasons = "".join(f"; {tell(pod, replies[pod])}" for pod in following.waits_for)
    if volume is Volume.FIRST:
        return f"this volume has the mark of a first start: waiting until all others have it, too: {names}{reasons}"
    if volume is Volume.REMAINS:
        found = ", ".join(signs.find_remains()[:3])
        return (
            f"there is no {signs.sign}, and {signs.mark.parent} is not empty ({found}): no first start with that; is "
            f"--sign right? If these are no data, remove them or name them by --ignore{reasons}"
        )
    return f"this volume is empty: waiting for {names or 'a cluster'}{reasons}{hint_at_order(following, replies)}"


def hint_at_order(following: Next, replies: "dict[str, Reply]") -> str:
    """Say what must be set where none of the pods that this one waits for has been created yet, perhaps."""
    if not following.waits_for or any(replies[pod].has_address for pod in following.waits_for):
        return ""
    return "; a pod without an address does not run; when it is not even created, podManagementPolicy must be Parallel"


def tell(pod: str, reply: Reply) -> str:
    """Tell what is in the way at one pod."""
    if reply.volume is None:
        return reply.why
    if reply.volume is Volume.REMAINS:
        return f"{pod} has no sign of data, and its volume is not empty: see the log of its container"
    return f"{pod} is {reply.volume} and has no mark yet"
