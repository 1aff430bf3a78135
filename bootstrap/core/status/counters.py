"""Since when and how often: what an agent counts for humans and for Prometheus.

Pure: one value, replaced in each round.  Times are those of a monotonic clock, in seconds; no decision looks at them.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

Key = TypeVar("Key")


class Failure(NamedTuple):
    """Starters that ended with an error, one after the other."""

    container: str
    """Where they ran."""
    error: str
    """The last one's error, in one line."""
    times: int
    """How many."""
    since: float
    """When the first one ended."""


def add_failure(known: Failure | None, container: str, error: str, now: float) -> Failure:
    """Count one more failure; those of the other container are over by then."""
    if known is None or known.container != container:
        return Failure(container, error, 1, now)
    return known._replace(error=error, times=known.times + 1)


class Counters(NamedTuple):
    """The counts of one run of an agent."""

    kind: str = "wait"
    """The last decision, in one word."""
    rule: str = "start"
    """The rule that decided."""
    since: float = 0.0
    """When this rule began to decide so, without another decision in between."""
    health: str = ""
    """How the cluster was in the last round, in one word."""
    health_since: float = 0.0
    """Since when it has been so."""
    decisions: Mapping[tuple[str, str], int] = {}
    """(kind, rule) -> how often the decision has changed to it."""
    awaited: Mapping[int, float] = {}
    """Ordinal -> since when this pod waits for it."""
    silent: Mapping[int, float] = {}
    """Ordinal -> since when it does not answer."""
    asked: Mapping[int, int] = {}
    """Ordinal -> how often its agent was asked for its state."""
    failures: Mapping[int, int] = {}
    """Ordinal -> how often there was no valid answer."""


class ServerEnds(NamedTuple):
    """How often in a row this pod's server was started and has ended without having been Synced."""

    times: int = 0
    since: float = 0.0
    """When it ended the first time of them."""
    is_open: bool = False
    """A start was permitted, and neither Synced nor the server's end has been seen since."""

    @property
    def is_loop(self) -> bool:
        """Whether it is more than one failed start, which may always happen."""
        return self.times >= LOOP


LOOP = 2
"""From so many failed starts in a row on, people get to see it."""


def after_permission(ends: ServerEnds) -> ServerEnds:
    """A starter has taken a permission, and becomes the server."""
    return ends._replace(is_open=True)


def after_observation(ends: ServerEnds, now: float, *, is_gone: bool, is_synced: bool) -> ServerEnds:
    """The pod was looked at: its server is gone, or Synced, or neither."""
    if is_synced:
        return ServerEnds()
    if not (ends.is_open and is_gone):
        return ends
    return ServerEnds(ends.times + 1, ends.since if ends.times else now)


class Round(NamedTuple):
    """The result of one round of the agent."""

    now: float
    """When it ended."""
    kind: str
    """Its decision in one word."""
    rule: str
    """The rule that decided."""
    health: str
    """How the cluster is, in one word."""
    awaited: frozenset[int]
    """The ordinals that this pod waits for."""
    answered: Mapping[int, bool]
    """Ordinal of each pod that was asked -> whether its answer was valid."""


def add_round(counters: Counters, this: Round) -> Counters:
    """Count one more round."""
    same = (this.kind, this.rule) == (counters.kind, counters.rule) and counters.decisions
    return Counters(
        kind=this.kind,
        rule=this.rule,
        since=counters.since if same else this.now,
        health=this.health,
        health_since=counters.health_since if this.health == counters.health else this.now,
        decisions=counters.decisions if same else _more(counters.decisions, [(this.kind, this.rule)]),
        awaited=_carried(counters.awaited, this.awaited, this.now),
        silent=_carried(counters.silent, (o for o, valid in this.answered.items() if not valid), this.now),
        asked=_more(counters.asked, this.answered),
        failures=_more(counters.failures, (o for o, valid in this.answered.items() if not valid)),
    )


def restrict_to(counters: Counters, expected: Iterable[int]) -> Counters:
    """Drop the counts of pods that are no longer expected: a set that was scaled down leaves no series behind."""
    known = frozenset(expected)
    return counters._replace(
        asked={o: n for o, n in counters.asked.items() if o in known},
        failures={o: n for o, n in counters.failures.items() if o in known},
    )


def _carried(old: Mapping[int, float], now_there: Iterable[int], now: float) -> dict[int, float]:
    return {ordinal: old.get(ordinal, now) for ordinal in now_there}


def _more(counts: Mapping[Key, int], seen: Iterable[Key]) -> dict[Key, int]:
    grown = dict(counts)
    for key in seen:
        grown[key] = grown.get(key, 0) + 1
    return grown
