"""Which hook is due, given the peers seen and the time: a state machine without I/O or clock.

Knows when a set of peers is whole, steady and new enough for a hook.
Does not know DNS or processes: `poll` reports what it saw and runs the hook that is due.
A peer is a name and what hooks get for it, which is the name itself or an address: a new address is a change too.

Invariants: nothing is due for an empty set, nor for the set delivered last; a set without our own name is never
due when that name is required; a failed lookup moves no clock towards a removal.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from math import inf
from typing import NamedTuple

from peerfinder.core.peers import sort_names


class Rules(NamedTuple):
    """When a set may be delivered to a hook."""

    own: tuple[str, ...] = ()
    """Our own name as the host name and as POD_NAME have it; one is required in every set. Empty: not required."""
    min_peers: int = 1
    """The least number of peers for the first hook."""
    settle_min: float = 0.0
    """How long a changed set must be stable before on-change, seconds."""
    settle_max: float = 0.0
    """After how long a set that keeps changing is delivered anyway, seconds; 0: never."""
    remove_after: float = 0.0
    """How long a peer or its address must be unseen before it counts as gone, seconds. Without it, servers that
    disagree make both flap."""
    min_gap: float = 0.0
    """How long after the end of a hook the next one may begin, seconds."""
    repeat_after_gone: bool = False
    """Whether on-change is due for unchanged peers too, after DNS had no records."""


class Wait(Enum):
    """Why no hook is due."""

    STEADY = "the peers are those that the last hook got"
    SELF_MISSING = "our own name is not among the peers"
    TOO_FEW = "there are fewer peers than asked for"
    SETTLING = "the peers changed a moment ago, or the last hook ended a moment ago"


class Due(NamedTuple):
    """A hook is due with these peers."""

    peers: Mapping[str, str]
    """Names and what a hook gets for each; never empty."""

    @property
    def values(self) -> tuple[str, ...]:
        """What a hook gets: sorted by bytes, each value once."""
        return sort_names(self.peers.values())


class Watch(NamedTuple):
    """What the next decision depends on, apart from the peers and the time."""

    delivered: Mapping[str, str] = {}
    """The peers of the last hook; empty before the first."""
    unseen_since: Mapping[str, float] = {}
    """Peers that count as present although the last answer does not show them so: since when, seconds."""
    absent_since: Mapping[str, float] = {}
    """Those of them that the last answer does not show at all, not even with another address: since when, seconds."""
    present: Mapping[str, str] = {}
    """The peers that count as present, and what hooks get for each."""
    stable_since: float = 0.0
    """Since when `present` is unchanged, seconds."""
    differs_since: float | None = None
    """Since when `present` is to be delivered, seconds; None: it is not."""
    delivered_at: float = 0.0
    """When the last hook ended, seconds."""
    gone: bool = False
    """Whether DNS had no records since then."""


def observe(watch: Watch, rules: Rules, seen: Mapping[str, str], now: float) -> tuple[Watch, Due | Wait]:
    """Take in a valid answer at *now* (any monotonic clock) and decide which hook is due."""
    absent = {peer: watch.absent_since.get(peer, now) for peer in watch.present if peer not in seen}
    unseen = _keep_unseen(watch, rules, seen, absent, now)
    present = {**seen, **{peer: watch.present[peer] for peer in unseen}}
    stable_since = watch.stable_since if present == watch.present else now
    same = present == watch.delivered and not (watch.gone and rules.repeat_after_gone)
    differs_since = None if same else now if watch.differs_since is None else watch.differs_since
    watch = watch._replace(
        unseen_since=unseen,
        absent_since=absent,
        present=present,
        stable_since=stable_since,
        differs_since=differs_since,
    )
    return watch, _decide(watch, rules, seen, now)


def record_failure(watch: Watch) -> Watch:
    """Take in a failed lookup: it shows no peer present or gone, so the clocks of removal start again."""
    return watch._replace(unseen_since={}, absent_since={})


def record_gone(watch: Watch) -> Watch:
    """Take in the answer that there are no records: it shows no peer gone either, but they may come back as others."""
    return record_failure(watch)._replace(gone=bool(watch.delivered))


def record_delivery(watch: Watch, peers: Mapping[str, str], now: float) -> Watch:
    """Record that a hook got *peers* and ended well at *now*."""
    return watch._replace(delivered=peers, differs_since=None, delivered_at=now, gone=False)


def choose_own(own: Sequence[str], present: Mapping[str, str]) -> str:
    """Choose our own name: the first that is among the peers, else the first, which is the host name's."""
    return next((name for name in own if name in present), own[0])


def compute_removal(watch: Watch, rules: Rules) -> float:
    """Return when the first unseen peer counts as gone if it stays unseen; infinite if none is unseen."""
    times = (watch.absent_since.get(peer, since) for peer, since in watch.unseen_since.items())
    return min(times, default=inf) + rules.remove_after


def _keep_unseen(
    watch: Watch, rules: Rules, seen: Mapping[str, str], absent: Mapping[str, float], now: float
) -> dict[str, float]:
    """Return the unseen peers that still count as present, and since when they are unseen."""
    unseen = {
        peer: watch.unseen_since.get(peer, now) for peer, value in watch.present.items() if seen.get(peer) != value
    }
    # A peer that was seen a moment ago is not gone, however long its address has been another one.
    return {peer: since for peer, since in unseen.items() if now - absent.get(peer, since) < rules.remove_after}


def _decide(watch: Watch, rules: Rules, seen: Mapping[str, str], now: float) -> Due | Wait:
    # Our own name must be seen now: hysteresis alone does not prove that our own record exists.
    if rules.own and not any(name in seen for name in rules.own):
        return Wait.SELF_MISSING
    if watch.differs_since is None or not watch.present:
        return Wait.STEADY
    if not watch.delivered:
        return Wait.TOO_FEW if len(seen) < rules.min_peers else Due(watch.present)
    if now - watch.delivered_at < rules.min_gap:
        return Wait.SETTLING
    stable = now - watch.stable_since >= rules.settle_min
    late = rules.settle_max > 0 and now - watch.differs_since >= rules.settle_max
    return Due(watch.present) if stable or late else Wait.SETTLING
