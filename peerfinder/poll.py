"""The loop: look up, ask `watch`, run the hook, sleep.

Knows the order of things and how long to wait between them.
Neither decides what is due (`watch`) nor how a process is run (`hook`) or a question is asked (`lookup`).
"""

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from time import monotonic, sleep

from peerfinder import lookup, watch
from peerfinder.domain import Names
from peerfinder.errors import LookupFailedError, NoRecordsError, TimedOutError
from peerfinder.hook import Hook, run, show
from peerfinder.log import Teller
from peerfinder.lookup import Nameservers
from peerfinder.peers import change, lines
from peerfinder.signals import Signals
from peerfinder.watch import Due, Rules, Wait, Watch

LOOKUP_SECONDS = 5.0
"""The longest time for one lookup, seconds."""

EAGER_SECONDS = 0.1
"""Time between lookups while the first hook waits for records, seconds."""

EAGER_FOR = 60.0
"""For so long we are eager; after it the interval holds, so that a stuck StatefulSet does not press on DNS. Seconds."""

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
    interval: float = 1.0
    """Time between lookups in the steady state, seconds."""
    port_name: str = ""
    """Ask for the SRV records of this port only; empty: of all."""
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
    given: tuple[str, ...] = ()
    """What a hook gets, if one is due."""


def follow(plan: Plan, signals: Signals, line: Callable[[str, str, str], None]) -> None:
    """Run hooks as they become due, until there is nothing left to do.

    Raises TimedOutError, and what `hook.run` raises.
    """
    state, teller, began, failures = Watch(), Teller(line), monotonic(), 0
    while True:
        asked = monotonic()
        with signals.interruptible():
            looked = _look(plan, state, partial(_lookup_time, plan, state, began))
        teller.tell(looked.outcome, _message(plan, looked), monotonic())
        failures = failures + 1 if isinstance(looked.outcome, LookupFailedError) else 0
        state = looked.state
        if isinstance(looked.outcome, Due):
            _hand_over(plan, looked, signals, line)
            state = watch.handed(state, looked.outcome.peers)
            if plan.once or plan.on_change is None:
                return
        pause = _pause(plan, state, monotonic() - began, failures)
        with signals.interruptible():
            _sleep_until(plan, looked, monotonic() + pause if failures else asked + pause, began)


def _look(plan: Plan, state: Watch, seconds: Callable[[], float]) -> _Looked:
    """Look up once; *seconds* tells how long each lookup may take by now."""
    try:
        seen = lookup.peers(plan.names, plan.nameservers, seconds(), plan.port_name)
        state, verdict = watch.observe(state, plan.rules, seen, monotonic())
        return _Looked(state, verdict, _given(plan, verdict.peers, seconds) if isinstance(verdict, Due) else ())
    except (LookupFailedError, NoRecordsError) as exc:
        return _Looked(watch.unknown(state), exc)


def _given(plan: Plan, names: tuple[str, ...], seconds: Callable[[], float]) -> tuple[str, ...]:
    """Turn names into what hooks get; raises as `lookup.addresses` does when any address is missing."""
    if plan.address_type == "DNS":
        return names
    return tuple(sorted({_address(plan, name, seconds()) for name in names}))


def _address(plan: Plan, name: str, seconds: float) -> str:
    found = lookup.addresses(name, plan.nameservers, seconds)
    versions = {"IP": (4, 6), "IPv4": (4,), "IPv6": (6,)}[plan.address_type]
    for address in found:
        if (6 if ":" in address else 4) in versions:
            return address
    raise NoRecordsError(f"{name} has no {plan.address_type} address")


def _hand_over(plan: Plan, looked: _Looked, signals: Signals, line: Callable[[str, str, str], None]) -> None:
    """Run the hook that is due, or print what it would get."""
    before, after = looked.state.handed, looked.state.present
    hook = (None if before else plan.on_start) or plan.on_change
    if hook is None:
        return
    word = "would run" if plan.dry_run else "running"
    line("info", hook.event, f"{word} {hook.event} with {len(after)} peers: {_changed(before, after)}")
    if plan.dry_run:
        show(hook, lines(looked.given))
    else:
        run(hook, lines(looked.given).encode(), _environment(plan, hook, os.environ), signals)


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


def _pause(plan: Plan, state: Watch, age: float, failures: int) -> float:
    """Give the time from one lookup to the next, seconds.

    Failures double it up to the interval: a name server in trouble is not helped by more questions.
    """
    pause = plan.interval
    if not state.handed and age < EAGER_FOR:
        pause = min(pause, EAGER_SECONDS * 2 ** min(failures, 16))
    return pause * (1 + JITTER * random.random())  # noqa: S311 - no secret


def _sleep_until(plan: Plan, looked: _Looked, wake: float, began: float) -> None:
    """Sleep; raises TimedOutError when the time limit for the first hook ends."""
    limited = plan.timeout and not looked.state.handed and not isinstance(looked.outcome, Due)
    end = began + plan.timeout if limited else inf
    sleep(max(0.0, min(wake, end) - monotonic()))
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


def _changed(before: tuple[str, ...], after: tuple[str, ...]) -> str:
    words = change(before, after).split(" ")
    more = len(words) - NAMES_SHOWN
    return " ".join(words[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
