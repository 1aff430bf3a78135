"""How long to wait from one lookup to the next: fast where something is about to happen, slow where nothing does.

Pure: `poll` tells what happened and adds the randomness.
"""

from dataclasses import dataclass

EAGER_SECONDS = 0.1
"""The shortest time between two lookups, seconds."""

SHARE_WAITING = 0.02
"""Part of the time without news that a pause is while something is waited for: nobody waits 2 % longer than he must."""

SHARE_CHANGED = 0.2
"""The same after a change of the peers: others of a rollout often follow."""

COST_TIMES = 9.0
"""A pause is so many times the CPU time of the lookup: DNS never costs more than a tenth of a CPU."""

DOUBLINGS_MAX = 16


@dataclass(frozen=True)
class Pace:
    """How often a user wants to ask."""

    interval: float = 1.0
    """Between lookups in the steady state, seconds."""
    slowest: float = 0.0
    """What the pause grows to while nothing changes for long, seconds; not above the interval: it does not grow."""


def pause(pace: Pace, quiet: float, cost: float, failures: int, *, waiting: bool) -> float:
    """Give the time to the next lookup, seconds.

    *quiet* is the time since the last change of the peers (or the start), *cost* the CPU time of the lookup, in
    seconds; *failures* is how many lookups failed in a row, *waiting* whether the first hook is still to come.
    A server in trouble is not helped by more questions: each failure doubles the pause, up to the interval.
    """
    share = SHARE_WAITING if waiting else SHARE_CHANGED
    wanted = max(quiet * share, EAGER_SECONDS * 2.0 ** min(failures, DOUBLINGS_MAX))
    steady = max(pace.interval, min(pace.slowest, quiet * SHARE_WAITING))
    return max(min(wanted, steady), cost * COST_TIMES)
