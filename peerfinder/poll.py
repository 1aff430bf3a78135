"""The loop: look up, ask `watch`, run the hook, sleep.

Knows the order of things and how long to wait between them.
Does not know what is due (`watch`), how a process is run (`hooks.process`) or a question is asked (`dns.lookup`).
"""

import os
import random
from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from time import monotonic, process_time
from typing import NamedTuple

from peerfinder.core import watch
from peerfinder.core.hook_input import HookInput
from peerfinder.core.names import Names
from peerfinder.core.pace import PAUSE_MIN, Pace, Situation, compute_pause
from peerfinder.core.peers import format_count, format_lines
from peerfinder.core.status import Status
from peerfinder.core.watch import Due, Rules, Wait, Watch
from peerfinder.dns import lookup
from peerfinder.dns.lookup import FoundPeers, LookupCache
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
from peerfinder.hooks.process import Hook, print_input, run
from peerfinder.hooks.signals import Signals
from peerfinder.log import StateLog, format_cure

LOOKUP_SECONDS = 5.0
"""The longest time for one lookup, seconds."""

BY_ORDINAL_SECONDS = 30.0
"""The longest time to ask for each pod of a Service that is too large for one answer, seconds."""

LATE_SECONDS = 1.0
"""A lookup that comes this much later than it was due, or later by half of -remove-after, follows a gap; seconds."""

HOOK_RETRY_SECONDS = 1.0
"""Pause after a hook that failed and may be run again; doubled by each further failure, seconds."""

HOOK_RETRY_MAX = 60.0
"""The longest such pause, seconds."""

Outcome = Due | Wait | LookupFailedError | NoRecordsError


class Plan(NamedTuple):
    """Everything that the flags and variables ask for."""

    names: Names
    """The Service."""
    nameservers: Nameservers
    """Which servers to ask."""
    rules: Rules
    """When a hook is due."""
    own: tuple[str, ...]
    """Our own name, required or not: by the host name, and by POD_NAME if that is another."""
    on_start: Hook | None
    """The first hook; None: on-change takes its place."""
    on_change: Hook | None
    """The hook for later changes; None: we end after the first hook."""
    once: bool = False
    """End after the first hook."""
    timeout: float = 0.0
    """Give up if the first hook is not due after this time, seconds; 0: never."""
    pace: Pace = Pace()
    """How often to look up."""
    servers_are_given: bool = True
    """Whether the name servers are fixed; otherwise resolv.conf is read again when it changes."""
    srv_name: str = ""
    """Owner name of the SRV records; empty: the Service itself."""
    max_pods: int = 0
    """How many pods the StatefulSet has at most; 0: unknown."""
    address_type: str = "DNS"
    """What hooks get: DNS names, or the IP, IPv4 or IPv6 address of each."""
    hook_retries: int = 0
    """How often in a row a hook that failed is run again."""
    dry_run: bool = False
    """Print what a hook would get instead of running it."""


class _Turn:
    """The result of one lookup."""

    def __init__(self, state: Watch, outcome: Outcome, cost: float) -> None:
        self.state = state
        """The state after it."""
        self.outcome = outcome
        """What follows from it."""
        self.cost = cost
        """CPU time, seconds."""


class _Context:
    """What the loop needs in addition to its plan."""

    def __init__(self, signals: Signals, write_line: Callable[[str, str, str], None], status: Status) -> None:
        self.signals = signals
        self.write_line = write_line
        """Writes a line of the log: level, event, message."""
        self.status = status
        self.cache = LookupCache()
        """The last answer with the SRV records."""


def follow(plan: Plan, signals: Signals, write_line: Callable[[str, str, str], None], status: Status) -> None:
    """Run hooks as they become due, until there is nothing left to do; keep *status* up to date.

    Raises TimedOutError, and what `process.run` raises.
    """
    state, began, failures, retries = Watch(), monotonic(), 0, 0
    # The full name, so that it is the right command in a pod of any namespace.
    state_log = StateLog(write_line, f"; for the cause run: peer-finder doctor {plan.names.suffix}")
    wake = began
    context, resolv_conf = _Context(signals, write_line, status), ResolvConf(plan.nameservers)
    while True:
        plan = plan if plan.servers_are_given else plan._replace(nameservers=resolv_conf.refresh())
        asked = monotonic()
        # While a hook ran, or the machine was suspended, no lookup happened, so no peer may count as missing.
        if asked - wake > max(LATE_SECONDS, plan.rules.remove_after / 2):
            state = watch.record_failure(state)
        status.next_turn_at = asked + BY_ORDINAL_SECONDS
        with signals.interruptible():
            turn = _look_up(plan, context.cache, state, partial(_limit_lookup, plan, state, began))
        state_log.log_change(turn.outcome, _describe(plan, turn), monotonic())
        failures = failures + 1 if isinstance(turn.outcome, LookupFailedError | NoAddressError) else 0
        state = turn.state
        _count_lookup(status, turn)
        if isinstance(turn.outcome, Due):
            retries = _run_hook(plan, context, turn.outcome, state.delivered, retries)
            if not retries:
                state = watch.record_delivery(state, turn.outcome.peers, monotonic())
                if plan.once or plan.on_change is None:
                    return
        quiet, removal = monotonic() - max(began, state.stable_since), watch.compute_removal(state, plan.rules) - asked
        random_share = random.random()  # noqa: S311 - no secret
        situation = Situation(quiet, turn.cost, failures, not state.delivered, removal, random_share)
        seconds = compute_pause(plan.pace, situation)
        seconds = max(seconds, min(HOOK_RETRY_MAX, HOOK_RETRY_SECONDS * 2 ** (retries - 1)) if retries else 0.0)
        with signals.interruptible():
            wake = monotonic() + seconds if failures or retries else asked + seconds
            status.next_turn_at = wake
            _sleep_until(wake, signals, plan, turn, began)


def _run_hook(plan: Plan, context: _Context, due: Due, before: Mapping[str, str], retries: int) -> int:
    """Run the hook that is due; return how often in a row it has failed, 0 if it ended well.

    Raises what `process.run` raises, when it has failed too often.
    """
    hook, status = (None if before else plan.on_start) or plan.on_change, context.status
    if hook is None:
        return 0
    own = watch.choose_own(plan.own, due.peers)
    hook_input = HookInput(hook.event, own, before, due.peers, by_name=plan.address_type == "DNS")
    verb = "would run" if plan.dry_run else "running"
    change = hook_input.describe_change() or "the same as before the time without records"
    context.write_line("info", hook.event, f"{verb} {hook.event} with {format_count(len(due.peers))}: {change}")
    status.hook = hook.event
    try:
        _deliver(plan, hook, due, hook_input, context.signals)
    except (HookFailedError, HookTimedOutError) as exc:
        if retries >= plan.hook_retries:
            raise
        status.hooks_failed[hook.event] += 1
        message = f"{exc}; it is run again, {retries + 1} of {plan.hook_retries} times"
        context.write_line("warning", "hook-failed", message)
        return retries + 1
    else:
        status.hooks[hook.event] += 1
        status.delivered = True
        return 0
    finally:
        status.hook = ""


def _look_up(plan: Plan, cache: LookupCache, state: Watch, limit: Callable[[], float]) -> _Turn:
    """Look up once; *limit* returns how long each question may still take, seconds."""
    began = process_time()
    try:
        seen = _map_values(plan, _find_peers(plan, cache, limit), limit)
        after, outcome = watch.observe(state, plan.rules, seen, monotonic())
        return _Turn(after, outcome, process_time() - began)
    except (LookupFailedError, NoRecordsError) as exc:
        # That a peer has no address does not mean that the records of the Service are gone.
        record = watch.record_gone if type(exc) is NoRecordsError else watch.record_failure
        return _Turn(record(state), exc, process_time() - began)


def _find_peers(plan: Plan, cache: LookupCache, limit: Callable[[], float]) -> FoundPeers:
    """Find the peers: by their SRV records, or one by one if an answer cannot hold those."""
    try:
        srv_name = plan.srv_name or plan.names.suffix
        return lookup.find_srv(plan.names, srv_name, plan.nameservers, limit(), cache)
    except AnswerWithheldError as exc:
        from peerfinder.dns import by_ordinal  # noqa: PLC0415 - few Services are so large, and every pod's start is short

        try:
            # The name of a node (hostNetwork) does not show the StatefulSet; POD_NAME does.
            pods = by_ordinal.PodRange(plan.names, plan.own[-1], plan.max_pods)
            return by_ordinal.find_peers(pods, plan.nameservers, limit() * BY_ORDINAL_SECONDS / LOOKUP_SECONDS)
        except (AnswerWithheldError, NoRecordsError):
            raise exc from None
        except LookupFailedError as pod_by_pod:
            raise AnswerWithheldError(f"{exc}; pod by pod: {pod_by_pod}") from pod_by_pod


def _map_values(plan: Plan, found: FoundPeers, limit: Callable[[], float]) -> dict[str, str]:
    """Map each peer to what hooks get for it; raises as `lookup.find_address` when any address is missing."""
    if plan.address_type == "DNS":
        return {name: name for name in found.peers}
    servers, kind = plan.nameservers, plan.address_type
    return {name: lookup.find_address(name, kind, found, servers, limit()) for name in found.peers}


def _count_lookup(status: Status, turn: _Turn) -> None:
    """Count a lookup for the metrics."""
    status.peers = len(turn.state.present)
    if isinstance(turn.outcome, LookupFailedError):
        status.lookups["failed"] += 1
    elif isinstance(turn.outcome, NoRecordsError):
        status.lookups["no-records"] += 1
    else:
        status.lookups["answered"] += 1
        status.last_answer_at = monotonic()


def _deliver(plan: Plan, hook: Hook, due: Due, hook_input: HookInput, signals: Signals) -> None:
    """Run the hook that is due, or print what it would get."""
    if plan.dry_run:
        with signals.interruptible():  # The reader of our output may stall.
            print_input(hook, format_lines(due.values))
    else:
        run(hook, format_lines(due.values).encode(), hook_input.build_environment(os.environ), signals)


def _limit_lookup(plan: Plan, state: Watch, began: float) -> float:
    if not plan.timeout or state.delivered:
        return LOOKUP_SECONDS
    return max(PAUSE_MIN, min(LOOKUP_SECONDS, began + plan.timeout - monotonic()))


def _sleep_until(wake: float, signals: Signals, plan: Plan, turn: _Turn, began: float) -> None:
    """Sleep; raises TimedOutError when the time limit for the first hook ends."""
    limited = plan.timeout and not turn.state.delivered and not isinstance(turn.outcome, Due)
    end = began + plan.timeout if limited else inf
    signals.sleep(min(wake, end) - monotonic())
    if monotonic() >= end and not isinstance(turn.outcome, Due):
        cure = format_cure(turn.outcome)
        raise TimedOutError(f"no hook was due within {plan.timeout:g} s: {_describe(plan, turn)}{cure}")


def _describe(plan: Plan, turn: _Turn) -> str:
    """Describe the outcome of a lookup in one sentence."""
    count, service = len(turn.state.present), plan.names.suffix
    if isinstance(turn.outcome, (LookupFailedError, NoRecordsError)):
        return f"the peers are unknown: {turn.outcome}"
    if turn.outcome is Wait.SELF_MISSING:
        own = " or ".join(reversed(plan.own))
        return f"waiting for our own name {own} among the {format_count(count)} of {service}"
    if turn.outcome is Wait.TOO_FEW:
        return f"waiting: {count} of at least {format_count(plan.rules.min_peers)} of {service}"
    return f"DNS answers, and nothing has changed: {format_count(count)}"
