"""How long to wait between two lookups: short while something is about to happen, long while nothing does.

Pure: `poll` reports what happened and draws the random number.
"""

from math import inf
from typing import NamedTuple

PAUSE_MIN = 0.1
"""The shortest time between two lookups, seconds."""

SHARE_WAITING = 0.02
"""Before the first hook, the pause as a share of the time without news: no pod waits 2 % longer than it must."""

SHARE_CHANGED = 0.2
"""The same after a change of the peers: in a rollout other changes often follow."""

COST_TIMES = 9.0
"""A pause is at least this many times the CPU time of the lookup: DNS never costs more than a tenth of a CPU."""

JITTER = 0.05
"""Random share of a pause, so that pods that started together do not ask together. Half of it is added, half is
subtracted: one question a second must still mean that a change is seen after half a second on average."""

DOUBLINGS_MAX = 16


class Pace(NamedTuple):
    """How often a user wants to ask."""

    interval: float = 1.0
    """Between lookups in the steady state, seconds."""
    interval_max: float = 0.0
    """What the pause grows to while nothing changes, seconds; if it is not above the interval, the pause stays."""


class Situation(NamedTuple):
    """What is known at the end of a lookup."""

    quiet: float
    """Time since the last change of the peers, or since the start, seconds."""
    cost: float = 0.0
    """CPU time of the lookup, seconds."""
    failures: int = 0
    """How many lookups failed in a row."""
    waiting: bool = False
    """Whether the first hook has not run yet."""
    removal: float = inf
    """Time until an unseen peer counts as gone, seconds."""
    random_share: float = 0.5
    """A random number from 0 to 1."""


def compute_pause(pace: Pace, situation: Situation) -> float:
    """Return the time to the next lookup, seconds.

    More questions do not help a server in trouble: each failure doubles the pause, up to the interval.
    """
    share = SHARE_WAITING if situation.waiting else SHARE_CHANGED
    wanted = max(situation.quiet * share, PAUSE_MIN * 2.0 ** min(situation.failures, DOUBLINGS_MAX))
    steady = max(pace.interval, min(pace.interval_max, situation.quiet * SHARE_WAITING))
    usual = min(wanted, steady) * (1 + JITTER * (situation.random_share - 0.5))
    return max(PAUSE_MIN, min(usual, situation.removal), situation.cost * COST_TIMES)
