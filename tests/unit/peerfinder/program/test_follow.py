"""The whole loop in any course of a day: pods, DNS that fails, is silent or flaps, hooks that are slow or fail.

The loop, its pauses, the state machine, the log and the metrics are the real ones; only the clock, DNS and the hook's
process stand still or jump as the course says, so that hours take no time.
"""

import random
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from peerfinder import poll
from peerfinder.commands import find
from peerfinder.core.status import Status
from peerfinder.dns import lookup
from peerfinder.dns.lookup import FoundPeers, LookupCache
from peerfinder.dns.nameservers import Nameservers
from peerfinder.errors import (
    AnswerInvalidError,
    HookFailedError,
    LookupFailedError,
    NoRecordsError,
    PeerFinderError,
    TimedOutError,
)
from peerfinder.hooks.process import Hook
from peerfinder.hooks.signals import Signals
from tests.support.peerfinder.program import fqdn

OWN = "mysql-0"

START = 1000.0

LONG = 120.0
"""Peers that are unchanged for this time must have been delivered: longer than all delays of these flags. Seconds."""


class OverError(Exception):
    """The course is at its end."""


@dataclass(frozen=True)
class Part:
    """For a while DNS is so."""

    seconds: float
    pods: tuple[frozenset[str], ...] = ()
    """What it answers, in turn; none: it fails."""
    fault: str = "failed"
    """How it fails: failed, silent, missing, forged."""


@dataclass(frozen=True)
class Call:
    """One call of a hook."""

    at: float
    event: str
    peers: tuple[str, ...]
    seen: tuple[str, ...]
    """What the lookup before it answered."""
    well: bool


@dataclass(frozen=True)
class Look:
    """One lookup."""

    at: float
    seen: tuple[str, ...] | None
    """The peers; None: there was no answer, or the name does not exist."""
    trouble: bool
    """Whether the servers were in trouble. That a name does not exist is an answer."""


@dataclass
class World(Signals):
    """Clock, DNS, hooks and log of one course."""

    parts: Sequence[Part]
    results: Sequence[tuple[float, bool]]
    """How long each call of a hook takes and whether it ends well; after these all end well at once."""
    now: float = START
    looks: list[Look] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    seen: tuple[str, ...] = ()

    @property
    def end(self) -> float:
        return START + sum(part.seconds for part in self.parts)

    def part(self) -> Part:
        """Return what DNS is like now."""
        end = START
        for part in self.parts:
            end += part.seconds
            if self.now < end:
                return part
        raise OverError

    def find_srv(
        self, _names: object, _srv_name: str, _servers: Nameservers, seconds: float, _cache: LookupCache
    ) -> FoundPeers:
        assert 0 < seconds <= poll.LOOKUP_SECONDS
        part = self.part()
        if part.pods:
            self.seen = tuple(sorted(fqdn(*part.pods[len(self.looks) % len(part.pods)])))
            self.looks.append(Look(self.now, self.seen, trouble=False))
            return FoundPeers(self.seen)
        self.looks.append(Look(self.now, None, trouble=part.fault != "missing"))
        if part.fault == "silent":
            self.now += seconds
        raise {"missing": NoRecordsError, "forged": AnswerInvalidError}.get(part.fault, LookupFailedError)(part.fault)

    def run(self, hook: Hook, stdin: bytes, environment: dict[str, str], _signals: Signals) -> None:
        took, well = self.results[len(self.calls)] if len(self.calls) < len(self.results) else (0.0, True)
        peers = tuple(stdin.decode().split())
        assert environment["PEERFINDER_COUNT"] == str(len(peers))
        self.calls.append(Call(self.now, hook.event, peers, self.seen, well))
        self.now += took
        if not well:
            raise HookFailedError("it failed")

    def sleep(self, seconds: float) -> None:
        self.now += max(0.0, seconds)

    def interruptible(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()

    def line(self, _level: str, _event: str, message: str) -> None:
        self.lines.append(message)


SETS = st.sets(st.sampled_from(["mysql-0", "mysql-1", "mysql-2", "web-0"]), min_size=1).map(frozenset)

PARTS = st.lists(
    st.builds(
        Part,
        st.sampled_from([0.3, 2.0, 10.0, LONG, 2 * LONG]),
        st.one_of(st.just(()), st.tuples(SETS), st.tuples(SETS), st.tuples(SETS, SETS)),
        st.sampled_from(["failed", "silent", "missing", "forged"]),
    ),
    min_size=1,
    max_size=8,
)

RESULTS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 3.0]), st.booleans()), max_size=6)

FLAGS = st.fixed_dictionaries(
    {},
    optional={
        "settle": st.sampled_from(["2", "2:5"]),
        "remove-after": st.sampled_from(["0", "3"]),
        "min-peers": st.just("2"),
        "interval": st.sampled_from(["0.2", "1s:5s", "5"]),
        "hook-retries": st.sampled_from(["1", "3"]),
        "timeout": st.sampled_from(["1", "20"]),
        "no-require-self": st.just("true"),
        "once": st.just("true"),
    },
)


def play(
    parts: Sequence[Part], results: Sequence[tuple[float, bool]], values: dict[str, str]
) -> tuple[World, Status, BaseException | None]:
    """Let the loop go through a course; return what it did and how it ended."""
    base = {"service": "galera", "ns": "default", "domain": "cluster.local", "on-start": "x", "on-change": "y"}
    plan, world, status = find.make_plan(base | values, {}, OWN), World(parts, results), Status(START)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookup, "find_srv", world.find_srv)
        patch.setattr(poll, "run", world.run)
        patch.setattr(poll, "monotonic", lambda: world.now)
        patch.setattr(poll, "process_time", lambda: 0.0)
        try:
            poll.follow(plan, world, world.line, status)
        except (OverError, PeerFinderError) as exc:
            return world, status, exc
    return world, status, None


THREE, TWO = frozenset({"mysql-0", "mysql-1", "mysql-2"}), frozenset({"mysql-0", "mysql-1"})


@settings(max_examples=200)
@example([Part(2, (THREE,)), Part(4, (TWO,)), Part(2), Part(LONG, (TWO,))], [], {}).via("the delay begins again")
@given(PARTS, RESULTS, FLAGS)
def test_in_any_course(parts: list[Part], results: list[tuple[float, bool]], values: dict[str, str]) -> None:
    world, status, ended = play(parts, results, values)

    check_hooks(world, values)
    check_questions(world, values)
    check_steady_peers(world, values, ended)
    check_end(world, values, ended)
    assert sum(status.lookups.values()) == len(world.looks)
    assert sum(status.hooks.values()) == len([call for call in world.calls if call.well])
    flapping = (world.now - START) / 30 * 4
    assert len(world.lines) <= 3 * len(parts) + 2 * len(world.calls) + flapping + 2, "transitions only"


def check_hooks(world: World, values: dict[str, str]) -> None:
    """Judge what hooks got."""
    before: Call | None = None
    for call in world.calls:
        assert call.peers, "an empty list"
        assert set(call.seen) <= set(call.peers), "without a peer that is there"
        assert "no-require-self" in values or fqdn(OWN)[0] in call.seen
        assert call.event == ("on-change" if before else "on-start")
        assert before is None or call.peers != before.peers, "the same peers again"
        if before is None:
            assert len(call.seen) >= int(values.get("min-peers", "1"))
        for peer in set(before.peers if before else ()) - set(call.peers):
            assert was_gone(world, peer, call.at, float(values.get("remove-after", "6"))), (
                "without a peer that was missing only for a moment"
            )
        before = call if call.well else before


def was_gone(world: World, peer: str, until: float, patience: float) -> bool:
    """Tell whether answers were without a peer for so long, one after the other, and none had it since."""
    since, gone = None, False
    for look in world.looks:
        if look.at > until:
            break
        if look.seen is None:
            since = None
        elif peer in look.seen:
            since, gone = None, False
        else:
            since = look.at if since is None else since
            gone = gone or look.at - since >= patience
    return gone


def check_questions(world: World, values: dict[str, str]) -> None:
    """Judge how often was asked."""
    interval = find.read_pace(values).interval
    failed = 0
    for look, after in pairwise(world.looks):
        failed = failed + 1 if look.trouble else 0
        if any(look.at <= call.at <= after.at for call in world.calls):
            continue
        assert after.at - look.at >= 0.1 - 1e-6, "DNS is flooded"
        if look.trouble:
            least = min(interval, 0.1 * 2 ** min(failed, 9)) * 0.975
            assert after.at - look.at >= least - 1e-6, "a server in trouble gets too many questions"


def check_steady_peers(world: World, values: dict[str, str], ended: BaseException | None) -> None:
    """Judge that no peer is forgotten: the last hook has got every answer that lasted."""
    at = START
    for part in world.parts:
        at += part.seconds
        if at > world.now or (ended is not None and not isinstance(ended, OverError)) or "once" in values:
            return
        well = [call for call in world.calls if call.well and call.at < at]
        if part.seconds >= LONG and len(set(part.pods)) == 1:
            peers = tuple(sorted(fqdn(*part.pods[0])))
            possible = "no-require-self" in values or fqdn(OWN)[0] in peers
            if possible and (well or len(peers) >= int(values.get("min-peers", "1"))):
                assert well
                assert well[-1].peers == peers


def check_end(world: World, values: dict[str, str], ended: BaseException | None) -> None:
    """Judge why it ended."""
    retries = int(values.get("hook-retries", "0"))
    tail = [call.well for call in world.calls[-retries - 1 :]]
    failed = len(tail) == retries + 1 and not any(tail)
    assert isinstance(ended, HookFailedError) == failed
    if isinstance(ended, TimedOutError):
        limit = float(values["timeout"])
        assert not any(call.well for call in world.calls)
        assert limit <= world.now - START + 1e-6
    if "timeout" in values:
        first = world.calls[0].at if world.calls else world.now
        assert first - START <= float(values["timeout"]) + 1.0, "waited beyond the limit"
    if ended is None:
        assert "once" in values
        assert world.calls[-1].well


@pytest.mark.parametrize(("interval", "mean"), [("1", 0.5), ("5", 2.5)])
def test_a_change_is_seen_after_half_the_interval_on_average(interval: str, mean: float) -> None:
    """At one question a second after half a second, at one every five after two and a half."""
    chance = random.Random(7)
    parts = [Part(chance.uniform(60, 70), (TWO if number % 2 else THREE,)) for number in range(200)]

    world, _, _ = play(parts, [], {"interval": interval, "remove-after": "0"})

    changes = list(accumulate((part.seconds for part in parts), initial=START))[1:-1]
    delays = [call.at - at for at, call in zip(changes, world.calls[1:], strict=True)]
    steady = [look.at for look in world.looks for at in changes if at - 30 <= look.at < at]
    assert max(delays) <= 2 * mean * 1.025 + 1e-6
    assert sum(delays) / len(delays) == pytest.approx(mean, rel=0.15)
    assert len(steady) / len(changes) / 30 == pytest.approx(0.5 / mean, rel=0.01)


def test_a_peer_that_stays_away_is_gone_after_its_time_and_no_later() -> None:
    parts = [Part(60, (THREE,)), Part(60, (TWO,))]

    world, _, _ = play(parts, [], {"interval": "5"})

    first = next(look.at for look in world.looks if look.at >= START + 60)
    assert world.calls[1].at - first == pytest.approx(6)


def test_no_peer_is_unseen_while_a_hook_runs_and_no_lookup_happens() -> None:
    """The answer with web-0 lacks mysql-2, which lags; so does the first one after the hook, and then it is there."""
    lagging = TWO | {"web-0"}
    parts = [Part(30, (THREE,)), Part(24, (lagging,)), Part(LONG, (THREE | {"web-0"},))]

    world, _, _ = play(parts, [(0.0, True), (20.0, True)], {})

    assert [len(call.peers) for call in world.calls] == [3, 4], "not without mysql-2, whose delay had not begun"


def test_a_course_is_really_played() -> None:
    """Three pods; one goes, DNS falls silent, it comes back, the hook fails once."""
    parts = [Part(30, (THREE,)), Part(30, (TWO,)), Part(60, fault="silent"), Part(LONG, (THREE,))]

    world, status, ended = play(parts, [(0.0, True), (0.0, True), (0.0, False)], {"hook-retries": "1"})

    assert [(call.event, len(call.peers), call.well) for call in world.calls] == [
        ("on-start", 3, True),
        ("on-change", 2, True),
        ("on-change", 3, False),
        ("on-change", 3, True),
    ]
    assert isinstance(ended, OverError)
    assert status.hooks_failed == {"on-start": 0, "on-change": 1}
    assert 36 <= world.calls[1].at - START <= 38.2, "unseen for 6 s"
    assert any("silent" in line for line in world.lines)
