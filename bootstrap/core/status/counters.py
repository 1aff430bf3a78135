"""Since when and how often: what an agent counts for humans and for Prometheus.

Pure: one value, replaced at each round.  Times are those of a monotonic clock, in seconds; no decision looks at any.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Counters:
    """The counts of one life of an agent."""

    kind: str = "wait"
    """What the last round came to, in one word."""
    rule: str = "start"
    """The rule that decided."""
    since: float = 0.0
    """When this rule began to decide so, without another one in between."""
    decisions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(kind, rule) -> how often a round has come to it when the one before had not."""
    awaited: Mapping[int, float] = field(default_factory=dict)
    """Ordinal -> since when this pod waits for it."""
    silent: Mapping[int, float] = field(default_factory=dict)
    """Ordinal -> since when it does not answer."""
    asked: Mapping[int, int] = field(default_factory=dict)
    """Ordinal -> how often its agent was asked for a record."""
    failures: Mapping[int, int] = field(default_factory=dict)
    """Ordinal -> how often nothing came that counts."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of the agent came to."""

    now: float
    """When it ended."""
    kind: str
    """Its verdict in one word."""
    rule: str
    """The rule that decided."""
    awaited: frozenset[int]
    """Who is waited for."""
    heard: Mapping[int, bool]
    """Ordinal of each pod that was asked -> whether its answer counts."""


def add_round(tally: Counters, this: Round) -> Counters:
    """The counts after one more round."""
    same = (this.kind, this.rule) == (tally.kind, tally.rule) and tally.decisions
    return Counters(
        kind=this.kind,
        rule=this.rule,
        since=tally.since if same else this.now,
        decisions=tally.decisions if same else _more(tally.decisions, [(this.kind, this.rule)]),
        awaited=_carried(tally.awaited, this.awaited, this.now),
        silent=_carried(tally.silent, (o for o, heard in this.heard.items() if not heard), this.now),
        asked=_more(tally.asked, this.heard),
        failures=_more(tally.failures, (o for o, heard in this.heard.items() if not heard)),
    )


def restrict_to(tally: Counters, expected: Iterable[int]) -> Counters:
    """Without those who are expected no longer: a set that was scaled leaves no series behind."""
    known = frozenset(expected)
    return replace(
        tally,
        asked={o: n for o, n in tally.asked.items() if o in known},
        failures={o: n for o, n in tally.failures.items() if o in known},
    )


def _carried(old: Mapping[int, float], now_there: Iterable[int], now: float) -> dict[int, float]:
    return {ordinal: old.get(ordinal, now) for ordinal in now_there}


def _more(counts: Mapping[Key, int], seen: Iterable[Key]) -> dict[Key, int]:
    grown = dict(counts)
    for key in seen:
        grown[key] = grown.get(key, 0) + 1
    return grown
