"""The drop-in form `peer-finder -service=... -on-start=...`: from flags and environment to a plan, and its run.

Knows what each flag means for the plan.
Does not import click: this command is in the way of every pod's start.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from time import monotonic

from peerfinder import flags, log
from peerfinder.core.names import Names, names_of
from peerfinder.core.pace import Pace
from peerfinder.core.status import Status
from peerfinder.core.watch import Rules
from peerfinder.dns.nameservers import Nameservers, resolv_conf
from peerfinder.errors import ArgsIncompleteError, HookFailedError, PeerFinderError, UsageError
from peerfinder.hooks.process import Hook
from peerfinder.hooks.signals import Signals, StoppedBySignal
from peerfinder.poll import Plan, follow

ADDRESS_TYPES = ("DNS", "IP", "IPv4", "IPv6")

REMOVE_AFTER = 6.0
"""Default of -remove-after, seconds: CoreDNS lets an answer be kept for 5 s, and two replicas may disagree so long."""

INTERVAL_MIN = 0.1
"""The shortest time between two lookups, seconds."""


def main(words: Sequence[str], environment: Mapping[str, str], hostname: str, signals: Signals) -> int:
    """Run the drop-in form; give the exit code."""
    try:
        values, rest = flags.parse(words, environment)
    except flags.HelpAskedError:
        log.show(flags.usage())
        return 0
    except UsageError as exc:
        log.show(f"{exc}\n{flags.usage()}")
        return exc.exit_code
    except flags.VersionAskedError:
        from importlib.metadata import version  # noqa: PLC0415 - few ask for it, and every pod's start is short

        print(f"peer-finder {version('peerfinder')}", flush=True)
        return 0
    line = partial(log.write, "json" if values.get("log-format") == "json" else "text")
    try:
        check_complete(values, rest)
        if unused := sorted(values.keys() & flags.UNUSED):
            line("warning", "ignored", f"without effect here: {' '.join(f'-{name}' for name in unused)}{_why(unused)}")
        if rest:
            line(
                "warning",
                "ignored",
                f"{rest[0]!a} is no flag, and it and the {len(rest) - 1} words after it are not read",
            )
        asked, told = plan(values, environment, hostname), Status(monotonic())
        if values.get("health"):
            from peerfinder import health  # noqa: PLC0415 - few ask for it, and every pod's start is short

            health.serve(values["health"], told)
        follow(asked, signals, line, told)
    except PeerFinderError as exc:
        line("error", type(exc).__name__, str(exc))
        return exit_code(values, exc.status if isinstance(exc, HookFailedError) else None, exc.exit_code)
    except StoppedBySignal as exc:
        line("info", "stopped", f"ended by signal {exc.number}")
        return exit_code(values, exc.hook_status, exc.exit_code)
    return 0


def exit_code(values: Mapping[str, str], hook_status: int | None, ours: int) -> int:
    """Choose our exit code: a hook that is the pod's main process is what the pod's owner asks for."""
    if hook_status is None or values.get("exit-status") != "hook":
        return ours
    return hook_status if hook_status >= 0 else 128 - hook_status


def check_complete(values: Mapping[str, str], rest: Sequence[str]) -> None:
    """Check that there is something to do; raises ArgsIncompleteError."""
    if values.get("selector") and not values.get("service"):
        raise ArgsIncompleteError(f"Incomplete args, require -service{_why(['selector'])}")
    missing = [] if values.get("service") else ["-service"]
    if not (values.get("on-start") or values.get("on-change")):
        missing.append("-on-start and/or -on-change")
    if missing:
        stray = f"; {rest[0]!a} is no flag, and everything from it on is not read" if rest else ""
        raise ArgsIncompleteError(f"Incomplete args, require {' and '.join(missing)}{stray}")


def _why(unused: Sequence[str]) -> str:
    """Say what stands in for -selector, which needs more than DNS."""
    if "selector" not in unused:
        return ""
    return (
        "; -selector needs the Kubernetes API and a ServiceAccount that may list and watch pods, and this program asks "
        "DNS only: give -service a headless Service with that selector, and -address-type=IP for addresses"
    )


def plan(values: Mapping[str, str], environment: Mapping[str, str], hostname: str) -> Plan:
    """Make the plan; raises UsageError for a bad value, DomainUnknownError when the domain cannot be told."""
    text = resolv_conf()
    pod_namespace = environment.get("POD_NAMESPACE", "")
    names = names_of(values["service"], values.get("ns", ""), values.get("domain", ""), text, pod_namespace)
    own = names.of_pod(environment.get("POD_NAME") or hostname)
    server = values.get("nameserver")
    flags.choice(values, "log-format", ("text", "json"))
    flags.choice(values, "exit-status", ("ours", "hook"))
    return Plan(
        names=names,
        nameservers=Nameservers.from_text(server) if server else Nameservers.from_resolv_conf(text),
        servers_are_given=bool(server),
        rules=rules(values, own),
        own=own,
        on_start=hook(values, "on-start"),
        on_change=hook(values, "on-change"),
        once=flags.boolean(values, "once"),
        timeout=flags.seconds(values, "timeout"),
        pace=pace(values),
        question=question(values, names),
        max_pods=flags.whole(values, "max-pods", 0, least=0),
        address_type=flags.choice(values, "address-type", ADDRESS_TYPES),
        hook_retries=flags.whole(values, "hook-retries", 0, least=0),
        dry_run=flags.boolean(values, "dry-run"),
    )


def rules(values: Mapping[str, str], own: str) -> Rules:
    """Make the rules of `watch`; raises UsageError."""
    low, _, high = values.get("settle", "").partition(":")
    settle_min = flags.duration("settle", low) if low else 0.0
    settle_max = flags.duration("settle", high) if high else 0.0
    if high and settle_max < settle_min:
        raise flags.invalid("settle", values["settle"], "MIN[:MAX] with MAX not below MIN")
    return Rules(
        own="" if flags.boolean(values, "no-require-self") else own,
        min_peers=flags.whole(values, "min-peers", 1),
        settle_min=settle_min,
        settle_max=settle_max,
        remove_after=flags.seconds(values, "remove-after", REMOVE_AFTER),
    )


def hook(values: Mapping[str, str], event: str) -> Hook | None:
    """Make a hook of a flag, None if it was not given; raises UsageError."""
    text = values.get(event)
    if not text:
        return None
    prefixed = flags.choice(values, "hook-output", ("plain", "lines")) == "lines"
    form = log.output(values.get("log-format", ""), event) if prefixed else None
    return Hook(event, text, flags.seconds(values, "hook-timeout"), flags.seconds(values, "stop-grace", 30.0), form)


def question(values: Mapping[str, str], names: Names) -> str:
    """Name the SRV records to ask for; raises UsageError. Percona's -protocol alone means the port mysql."""
    protocol = flags.choice(values, "protocol", ("", "tcp", "udp"))
    return names.question(values.get("port-name") or (protocol and "mysql"), protocol or "tcp")


def pace(values: Mapping[str, str]) -> Pace:
    """Read -interval; raises UsageError. A time so short that DNS would be flooded is refused."""
    low, _, high = values.get("interval", "").partition(":")
    interval = flags.duration("interval", low) if low else Pace().interval
    slowest = flags.duration("interval", high) if high else interval
    if interval < INTERVAL_MIN or slowest < interval:
        raise flags.invalid("interval", values["interval"], f"TIME[:MAX] with {INTERVAL_MIN:g}s <= TIME <= MAX")
    return Pace(interval, slowest)
