"""The loop: look up, ask `watch`, run the hook, sleep.

Knows the order of things and how long to wait between them.
Neither decides what is due (`watch`) nor how a process is run (`hook`) or a question is asked (`lookup`).
"""

import os
import random
from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from time import monotonic, process_time
from typing import NamedTuple

from peerfinder.core import watch
from peerfinder.core.hook_input import Handover
from peerfinder.core.names import Names
from peerfinder.core.pace import EAGER_SECONDS, Moment, Pace, pause
from peerfinder.core.peers import lines
from peerfinder.core.status import Status
from peerfinder.core.watch import Due, Rules, Wait, Watch
from peerfinder.dns import lookup
from peerfinder.dns.lookup import Found, Memory
from peerfinder.dns.nameservers import Nameservers, ResolvConf
from peerfinder.errors import (
    AnswerWithheldError,
    HookFailedError,
    HookTimedOutError,
    LookupFailedError,
    NoAddressError,
    NoRecordsError,
    TimedOutError,
)
from peerfinder.hooks.process import Hook, run, show
from peerfinder.hooks.signals import Signals
from peerfinder.log import Teller, cure

LOOKUP_SECONDS = 5.0
"""The longest time for one lookup, seconds."""

ONE_BY_ONE_SECONDS = 30.0
"""The longest time to ask for each pod of a Service that is too large for one answer, seconds."""

LATE_SECONDS = 1.0
"""A lookup that comes so much later than it was due, or later by half of -remove-after, follows a gap; seconds."""

HOOK_AGAIN_SECONDS = 1.0
"""Pause after a hook that failed and may be run again; doubled by each further failure, seconds."""

HOOK_AGAIN_MAX = 60.0
"""The longest such pause, seconds."""

Outcome = Due | Wait | LookupFailedError | NoRecordsError


class Plan(NamedTuple):
    """Everything that was asked for."""

    names: Names
    """The Service."""
    nameservers: Nameservers
    """Whom to ask."""
    rules: Rules
    """When a hook is due."""
    own: str
    """Our own name, required or not."""
    on_start: Hook | None
    """The first hook; None: on-change stands in."""
    on_change: Hook | None
    """The hook for later changes; None: there is nothing to do after the first hook."""
    once: bool = False
    """End after the first hook."""
    timeout: float = 0.0
    """Give up when the first hook was not due after so long, seconds; 0: never."""
    pace: Pace = Pace()
    """How often to look up."""
    servers_are_given: bool = True
    """Whether the name servers stay; else they are those of resolv.conf, whatever it says by then."""
    question: str = ""
    """Owner name of the SRV records; empty: the Service itself."""
    max_pods: int = 0
    """So many pods the StatefulSet has at most; 0: unknown."""
    address_type: str = "DNS"
    """What hooks get: DNS names, or the IP, IPv4 or IPv6 address of each."""
    hook_retries: int = 0
    """How often in a row a hook that failed is run again."""
    dry_run: bool = False
    """Print what a hook would get instead of running it."""


class _Looked(NamedTuple):
    """What one lookup led to."""

    state: Watch
    """The state after it."""
    outcome: Outcome
    """What follows from it."""
    cost: float
    """CPU time, seconds."""


class _Around(NamedTuple):
    """What the loop has besides its plan."""

    signals: Signals
    line: Callable[[str, str, str], None]
    """Writes a line of the log: level, event, message."""
    told: Status
    memory: Memory
    """What the SRV records were."""


def follow(plan: Plan, signals: Signals, line: Callable[[str, str, str], None], told: Status) -> None:
    """Run hooks as they become due, until there is nothing left to do; note in *told* what was done.

    Raises TimedOutError, and what `hook.run` raises.
    """
    state, teller, began, failures, again = Watch(), Teller(line), monotonic(), 0, 0
    wake = began
    around, resolv_conf = _Around(signals, line, told, Memory()), ResolvConf(plan.nameservers)
    while True:
        plan = plan if plan.servers_are_given else plan._replace(nameservers=resolv_conf.servers())
        asked = monotonic()
        # While a hook ran, or the machine was suspended, nobody looked: then nobody was unseen either.
        state = watch.unknown(state) if asked - wake > max(LATE_SECONDS, plan.rules.remove_after / 2) else state
        told.due = asked + ONE_BY_ONE_SECONDS
        with signals.interruptible():
            looked = _look(plan, around.memory, state, partial(_lookup_time, plan, state, began))
        teller.tell(looked.outcome, _message(plan, looked), monotonic())
        failures = failures + 1 if isinstance(looked.outcome, LookupFailedError | NoAddressError) else 0
        state = looked.state
        _note(told, looked)
        if isinstance(looked.outcome, Due):
            again = _call(plan, around, looked.outcome, state.handed, again)
            if not again:
                state = watch.handed(state, looked.outcome.peers)
                if plan.once or plan.on_change is None:
                    return
        quiet, removal = monotonic() - max(began, state.still_since), watch.removal_due(state, plan.rules) - asked
        luck = random.random()  # noqa: S311 - no secret
        seconds = pause(plan.pace, Moment(quiet, looked.cost, failures, not state.handed, removal, luck))
        seconds = max(seconds, min(HOOK_AGAIN_MAX, HOOK_AGAIN_SECONDS * 2 ** (again - 1)) if again else 0.0)
        with signals.interruptible():
            wake = monotonic() + seconds if failures or again else asked + seconds
            told.due = wake
            _sleep_until(wake, signals, plan, looked, began)


def _call(plan: Plan, around: _Around, due: Due, before: Mapping[str, str], again: int) -> int:
    """Run the hook that is due; give how often in a row it has failed by now, 0 if it ended well.

    Raises what `hook.run` raises, when it has failed too often.
    """
    hook, told = (None if before else plan.on_start) or plan.on_change, around.told
    if hook is None:
        return 0
    handover = Handover(hook.event, plan.own, before, due.peers, by_name=plan.address_type == "DNS")
    word = "would run" if plan.dry_run else "running"
    around.line("info", hook.event, f"{word} {hook.event} with {len(due.peers)} peers: {handover.told()}")
    told.hook = hook.event
    try:
        _hand_over(plan, hook, due, handover, around.signals)
    except (HookFailedError, HookTimedOutError) as exc:
        if again >= plan.hook_retries:
            raise
        told.hooks_failed[hook.event] += 1
        around.line("warning", "hook-failed", f"{exc}; it is run again, {again + 1} of {plan.hook_retries} times")
        return again + 1
    else:
        told.hooks[hook.event] += 1
        told.handed = True
        return 0
    finally:
        told.hook = ""


def _look(plan: Plan, memory: Memory, state: Watch, seconds: Callable[[], float]) -> _Looked:
    """Look up once; *seconds* tells how long each question may take by now."""
    began = process_time()
    try:
        seen = _seen(plan, _found(plan, memory, seconds), seconds)
        after, verdict = watch.observe(state, plan.rules, seen, monotonic())
        return _Looked(after, verdict, process_time() - began)
    except (LookupFailedError, NoRecordsError) as exc:
        return _Looked(watch.unknown(state), exc, process_time() - began)


def _found(plan: Plan, memory: Memory, seconds: Callable[[], float]) -> Found:
    """Look the peers up: by their SRV records, or one by one if those are too many for an answer."""
    try:
        question = plan.question or plan.names.suffix
        return lookup.found(plan.names, question, plan.nameservers, seconds(), memory)
    except AnswerWithheldError as exc:
        from peerfinder.dns import by_ordinal  # noqa: PLC0415 - few Services are so large, and every pod's start is short

        try:
            pods = by_ordinal.Pods(plan.names, plan.own, plan.max_pods)
            return by_ordinal.found(pods, plan.nameservers, seconds() * ONE_BY_ONE_SECONDS / LOOKUP_SECONDS)
        except (AnswerWithheldError, NoRecordsError):
            raise exc from None
        except LookupFailedError as one_by_one:
            raise AnswerWithheldError(f"{exc}; pod by pod: {one_by_one}") from one_by_one


def _seen(plan: Plan, found: Found, seconds: Callable[[], float]) -> dict[str, str]:
    """Tell what hooks get for each peer; raises as `lookup.address` does when any address is missing."""
    if plan.address_type == "DNS":
        return {name: name for name in found.peers}
    servers, kind = plan.nameservers, plan.address_type
    return {name: lookup.address(name, kind, found, servers, seconds()) for name in found.peers}


def _note(told: Status, looked: _Looked) -> None:
    """Count a lookup."""
    told.peers = len(looked.state.present)
    if isinstance(looked.outcome, LookupFailedError):
        told.lookups["failed"] += 1
    elif isinstance(looked.outcome, NoRecordsError):
        told.lookups["no-records"] += 1
    else:
        told.lookups["answered"] += 1
        told.answered = monotonic()


def _hand_over(plan: Plan, hook: Hook, due: Due, handover: Handover, signals: Signals) -> None:
    """Run the hook that is due, or print what it would get."""
    if plan.dry_run:
        with signals.interruptible():  # Whoever should read it may not.
            show(hook, lines(due.given))
    else:
        run(hook, lines(due.given).encode(), handover.environment(os.environ), signals)


def _lookup_time(plan: Plan, state: Watch, began: float) -> float:
    if not plan.timeout or state.handed:
        return LOOKUP_SECONDS
    return max(EAGER_SECONDS, min(LOOKUP_SECONDS, began + plan.timeout - monotonic()))


def _sleep_until(wake: float, signals: Signals, plan: Plan, looked: _Looked, began: float) -> None:
    """Sleep; raises TimedOutError when the time limit for the first hook ends."""
    limited = plan.timeout and not looked.state.handed and not isinstance(looked.outcome, Due)
    end = began + plan.timeout if limited else inf
    signals.sleep(min(wake, end) - monotonic())
    if monotonic() >= end and not isinstance(looked.outcome, Due):
        todo = cure(looked.outcome)
        raise TimedOutError(f"no hook was due within {plan.timeout:g} s: {_message(plan, looked)}{todo}")


def _message(plan: Plan, looked: _Looked) -> str:
    """Say an outcome in one sentence."""
    count, service = len(looked.state.present), plan.names.suffix
    if isinstance(looked.outcome, (LookupFailedError, NoRecordsError)):
        return f"the peers are unknown: {looked.outcome}"
    if looked.outcome is Wait.SELF_MISSING:
        return f"waiting for our own name {plan.own} among the {count} peers of {service}"
    if looked.outcome is Wait.TOO_FEW:
        return f"waiting: {count} of at least {plan.rules.min_peers} peers of {service} are there"
    return f"DNS answers, and the {count} peers are unchanged"
