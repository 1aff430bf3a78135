"""Which hook is due, given the peers seen and the time: a state machine without I/O or clock.

Knows when a set of peers is whole, steady and new enough to be handed to a hook.
Knows neither DNS nor processes: `poll` reports what it saw and runs what is due.
A peer is a name and what hooks get for it, the name itself or an address: a new address is a change too.

Invariants: nothing is due for an empty set, nor for the set last handed over; a set without our own name is never
due when that name is required; what is unknown moves no clock towards a removal.
"""

from collections.abc import Mapping
from enum import Enum
from math import inf
from typing import NamedTuple

from peerfinder.core.peers import ordered


class Rules(NamedTuple):
    """When a set may be handed to a hook."""

    own: str = ""
    """Our own name, required in every set; empty: not required."""
    min_peers: int = 1
    """The least number of peers for the first hook."""
    settle_min: float = 0.0
    """A changed set must stand still for so long before on-change, seconds."""
    settle_max: float = 0.0
    """After so long a changing set is handed over although it does not stand still, seconds."""
    remove_after: float = 0.0
    """A peer or its address counts as gone after it was unseen for so long, seconds; servers that disagree make both
    flap."""


class Wait(Enum):
    """Why no hook is due."""

    STEADY = "the peers are those that the last hook got"
    SELF_MISSING = "our own name is not among the peers"
    TOO_FEW = "there are fewer peers than asked for"
    SETTLING = "the peers changed a moment ago"


class Due(NamedTuple):
    """A hook is due with these peers."""

    peers: Mapping[str, str]
    """Names and what a hook gets for each; never empty."""

    @property
    def given(self) -> tuple[str, ...]:
        """What a hook gets: byte-sorted, each once."""
        return ordered(self.peers.values())


class Watch(NamedTuple):
    """What the next verdict depends on besides the peers and the time."""

    handed: Mapping[str, str] = {}
    """The peers of the last hook; empty before the first."""
    missed: Mapping[str, float] = {}
    """Peers that count as present although they are not seen so: since when they are not, seconds."""
    away: Mapping[str, float] = {}
    """Those of them that are not seen at all, with another address either: since when, seconds."""
    present: Mapping[str, str] = {}
    """The peers that count as present, and what hooks get for each."""
    still_since: float = 0.0
    """Since when `present` is what it is, seconds."""
    differs_since: float | None = None
    """Since when `present` differs from `handed`, seconds; None: it does not."""


def observe(watch: Watch, rules: Rules, seen: Mapping[str, str], now: float) -> tuple[Watch, Due | Wait]:
    """Take in a valid answer at *now* (any monotonic clock) and tell which hook is due."""
    away = {peer: watch.away.get(peer, now) for peer in watch.present if peer not in seen}
    missed = _missed(watch, rules, seen, away, now)
    present = {**seen, **{peer: watch.present[peer] for peer in missed}}
    still_since = watch.still_since if present == watch.present else now
    differs_since = None if present == watch.handed else now if watch.differs_since is None else watch.differs_since
    watch = Watch(watch.handed, missed, away, present, still_since, differs_since)
    return watch, _verdict(watch, rules, seen, now)


def unknown(watch: Watch) -> Watch:
    """Take in a failed lookup: peers are neither gone nor there, so the clocks of removal start anew."""
    return watch._replace(missed={}, away={})


def removal_due(watch: Watch, rules: Rules) -> float:
    """Tell when the first of the unseen peers counts as gone if it stays unseen; infinite if none is unseen."""
    return min((watch.away.get(peer, since) for peer, since in watch.missed.items()), default=inf) + rules.remove_after


def handed(watch: Watch, peers: Mapping[str, str]) -> Watch:
    """Record that a hook got *peers* and ended well."""
    return watch._replace(handed=peers, differs_since=None)


def _missed(
    watch: Watch, rules: Rules, seen: Mapping[str, str], away: Mapping[str, float], now: float
) -> dict[str, float]:
    unseen = {peer: watch.missed.get(peer, now) for peer, given in watch.present.items() if seen.get(peer) != given}
    # A peer that was seen a moment ago is not gone, however long its address has been another one.
    return {peer: since for peer, since in unseen.items() if now - away.get(peer, since) < rules.remove_after}


def _verdict(watch: Watch, rules: Rules, seen: Mapping[str, str], now: float) -> Due | Wait:
    # Our own name must be seen now: what counts as present by hysteresis alone is no proof of our own record.
    if rules.own and rules.own not in seen:
        return Wait.SELF_MISSING
    if watch.differs_since is None or not watch.present:
        return Wait.STEADY
    if not watch.handed:
        return Wait.TOO_FEW if len(seen) < rules.min_peers else Due(watch.present)
    still = now - watch.still_since >= rules.settle_min
    late = rules.settle_max > 0 and now - watch.differs_since >= rules.settle_max
    return Due(watch.present) if still or late else Wait.SETTLING
