"""The loop: look up, ask `watch`, run the hook, sleep.

Knows the order of things and how long to wait between them.
Neither decides what is due (`watch`) nor how a process is run (`hook`) or a question is asked (`lookup`).
"""

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import inf
from time import monotonic, process_time

from peerfinder import lookup, watch
from peerfinder.domain import Names
from peerfinder.errors import AnswerWithheldError, LookupFailedError, NoAddressError, NoRecordsError, TimedOutError
from peerfinder.hook import Hook, run, show
from peerfinder.log import Teller
from peerfinder.lookup import Found, Nameservers
from peerfinder.pace import EAGER_SECONDS, Pace, pause
from peerfinder.peers import change, lines
from peerfinder.signals import Signals
from peerfinder.status import Status
from peerfinder.watch import Due, Rules, Wait, Watch

LOOKUP_SECONDS = 5.0
"""The longest time for one lookup, seconds."""

ONE_BY_ONE_SECONDS = 30.0
"""The longest time to ask for each pod of a Service that is too large for one answer, seconds."""

JITTER = 0.05
"""Part of a pause that is random, so that pods started together do not ask together."""

NAMES_SHOWN = 20
"""How many changed names a log line holds."""

Outcome = Due | Wait | LookupFailedError | NoRecordsError


@dataclass(frozen=True)
class Plan:
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
    pace: Pace = field(default_factory=Pace)
    """How often to look up."""
    question: str = ""
    """Owner name of the SRV records; empty: the Service itself."""
    max_pods: int = 0
    """So many pods the StatefulSet has at most; 0: unknown."""
    address_type: str = "DNS"
    """What hooks get: DNS names, or the IP, IPv4 or IPv6 address of each."""
    dry_run: bool = False
    """Print what a hook would get instead of running it."""


@dataclass(frozen=True)
class _Looked:
    """What one lookup led to."""

    state: Watch
    """The state after it."""
    outcome: Outcome
    """What follows from it."""
    cost: float
    """CPU time, seconds."""


def follow(plan: Plan, signals: Signals, line: Callable[[str, str, str], None], told: Status) -> None:
    """Run hooks as they become due, until there is nothing left to do; note in *told* what was done.

    Raises TimedOutError, and what `hook.run` raises.
    """
    state, teller, began, failures = Watch(), Teller(line), monotonic(), 0
    while True:
        asked = monotonic()
        told.due = asked + ONE_BY_ONE_SECONDS
        with signals.interruptible():
            looked = _look(plan, state, partial(_lookup_time, plan, state, began))
        teller.tell(looked.outcome, _message(plan, looked), monotonic())
        failures = failures + 1 if isinstance(looked.outcome, LookupFailedError | NoAddressError) else 0
        state = looked.state
        _note(told, looked)
        if isinstance(looked.outcome, Due):
            if hook := (None if state.handed else plan.on_start) or plan.on_change:
                line("info", hook.event, _announcement(plan, hook, state.handed, looked.outcome.peers))
                told.hook = hook.event
                _hand_over(plan, hook, looked.outcome, signals)
                told.hooks[hook.event] += 1
                told.hook, told.handed = "", True
            state = watch.handed(state, looked.outcome.peers)
            if plan.once or plan.on_change is None:
                return
        quiet = monotonic() - max(began, state.still_since)
        seconds = pause(plan.pace, quiet, looked.cost, failures, waiting=not state.handed)
        seconds *= 1 + JITTER * random.random()  # noqa: S311 - no secret
        with signals.interruptible():
            wake = monotonic() + seconds if failures else asked + seconds
            told.due = wake
            _sleep_until(wake, signals, plan, looked, began)


def _look(plan: Plan, state: Watch, seconds: Callable[[], float]) -> _Looked:
    """Look up once; *seconds* tells how long each question may take by now."""
    began = process_time()
    try:
        seen = _seen(plan, _found(plan, seconds), seconds)
        after, verdict = watch.observe(state, plan.rules, seen, monotonic())
        return _Looked(after, verdict, process_time() - began)
    except (LookupFailedError, NoRecordsError) as exc:
        return _Looked(watch.unknown(state), exc, process_time() - began)


def _found(plan: Plan, seconds: Callable[[], float]) -> Found:
    """Look the peers up: by their SRV records, or one by one if those are too many for an answer."""
    try:
        return lookup.found(plan.names, plan.question or plan.names.suffix, plan.nameservers, seconds())
    except AnswerWithheldError as exc:
        from peerfinder import ordinals  # noqa: PLC0415 - few Services are so large, and every pod's start is short

        try:
            pods = ordinals.Pods(plan.names, plan.own, plan.max_pods)
            return ordinals.found(pods, plan.nameservers, seconds() * ONE_BY_ONE_SECONDS / LOOKUP_SECONDS)
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


def _announcement(plan: Plan, hook: Hook, before: Mapping[str, str], peers: Mapping[str, str]) -> str:
    word = "would run" if plan.dry_run else "running"
    return f"{word} {hook.event} with {len(peers)} peers: {_changed(before, peers)}"


def _hand_over(plan: Plan, hook: Hook, due: Due, signals: Signals) -> None:
    """Run the hook that is due, or print what it would get."""
    if plan.dry_run:
        with signals.interruptible():  # Whoever should read it may not.
            show(hook, lines(due.given))
    else:
        run(hook, lines(due.given).encode(), _environment(plan, hook, os.environ), signals)


def _environment(plan: Plan, hook: Hook, inherited: Mapping[str, str]) -> dict[str, str]:
    """Make a hook's environment: ours, the event, and the four names of the later Go program if POD_IP is there."""
    ours = {"PEERFINDER_EVENT": hook.event, "PEERFINDER_SELF": plan.own}
    if ip := inherited.get("POD_IP"):
        ip_type = "IPv6" if ":" in ip else "IPv4"
        host = (plan.own, "DNS") if plan.address_type == "DNS" else (ip, ip_type)
        ours |= {"HOST_ADDRESS": host[0], "HOST_ADDRESS_TYPE": host[1], "POD_IP": ip, "POD_IP_TYPE": ip_type}
    return {**inherited, **ours}


def _lookup_time(plan: Plan, state: Watch, began: float) -> float:
    if not plan.timeout or state.handed:
        return LOOKUP_SECONDS
    return max(EAGER_SECONDS, min(LOOKUP_SECONDS, began + plan.timeout - monotonic()))


def _sleep_until(wake: float, signals: Signals, plan: Plan, looked: _Looked, began: float) -> None:
    """Sleep; raises TimedOutError when the time limit for the first hook ends."""
    limited = plan.timeout and not looked.state.handed and not isinstance(looked.outcome, Due)
    end = began + plan.timeout if limited else inf
    signals.sleep(min(wake, end) - monotonic())
    if monotonic() >= end:
        raise TimedOutError(f"no hook was due within {plan.timeout:g} s: {_message(plan, looked)}")


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


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Say what changed, by name; a peer whose address alone changed is shown with the new one."""
    moved = [f"{name}={after[name]}" for name in sorted(after) if before.get(name, after[name]) != after[name]]
    words = [*change(before, after).split(), *moved]
    more = len(words) - NAMES_SHOWN
    return " ".join(words[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
