"""How long to wait from one lookup to the next: fast where something is about to happen, slow where nothing does.

Pure: `poll` tells what happened, and draws the luck.
"""

from math import inf
from typing import NamedTuple

EAGER_SECONDS = 0.1
"""The shortest time between two lookups, seconds."""

SHARE_WAITING = 0.02
"""Part of the time without news that a pause is while something is waited for: nobody waits 2 % longer than he must."""

SHARE_CHANGED = 0.2
"""The same after a change of the peers: others of a rollout often follow."""

COST_TIMES = 9.0
"""A pause is so many times the CPU time of the lookup: DNS never costs more than a tenth of a CPU."""

JITTER = 0.05
"""Part of a pause that is random, so that pods started together do not ask together; half of it is added, half taken
away, since to ask once a second and to see a change after half a second are the same."""

DOUBLINGS_MAX = 16


class Pace(NamedTuple):
    """How often a user wants to ask."""

    interval: float = 1.0
    """Between lookups in the steady state, seconds."""
    slowest: float = 0.0
    """What the pause grows to while nothing changes for long, seconds; not above the interval: it does not grow."""


class Moment(NamedTuple):
    """What has happened by the end of a lookup."""

    quiet: float
    """Time since the last change of the peers, or since the start, seconds."""
    cost: float = 0.0
    """CPU time of the lookup, seconds."""
    failures: int = 0
    """How many lookups failed in a row."""
    waiting: bool = False
    """Whether the first hook is still to come."""
    removal: float = inf
    """Time until a peer that is unseen counts as gone, seconds."""
    luck: float = 0.5
    """A random number from 0 to 1."""


def pause(pace: Pace, moment: Moment) -> float:
    """Give the time to the next lookup, seconds.

    A server in trouble is not helped by more questions: each failure doubles the pause, up to the interval.
    """
    share = SHARE_WAITING if moment.waiting else SHARE_CHANGED
    wanted = max(moment.quiet * share, EAGER_SECONDS * 2.0 ** min(moment.failures, DOUBLINGS_MAX))
    steady = max(pace.interval, min(pace.slowest, moment.quiet * SHARE_WAITING))
    usual = min(wanted, steady) * (1 + JITTER * (moment.luck - 0.5))
    return max(EAGER_SECONDS, min(usual, moment.removal), moment.cost * COST_TIMES)
