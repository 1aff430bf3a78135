"""The drop-in form `peer-finder -service=... -on-start=...`: makes a plan of flags and environment, and runs it.

Knows what each flag means for the plan.
Does not import click: every pod's start waits for this command.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic

from peerfinder import flags, log
from peerfinder.commands.listed import COMMANDS
from peerfinder.core.names import Names, build_names
from peerfinder.core.pace import Pace
from peerfinder.core.status import Status
from peerfinder.core.watch import Rules
from peerfinder.dns.nameservers import Nameservers, list_unusable, read_resolv_conf
from peerfinder.errors import ArgsIncompleteError, HookFailedError, PeerFinderError, UsageError
from peerfinder.hooks.process import Hook
from peerfinder.hooks.signals import Signals, StoppedBySignal
from peerfinder.poll import Plan, follow

ADDRESS_TYPES = ("DNS", "IP", "IPv4", "IPv6")

REMOVE_AFTER = 6.0
"""Default of -remove-after, seconds: CoreDNS lets an answer be cached for 5 s, so replicas may disagree that long."""

INTERVAL_MIN = 0.1
"""The shortest time between two lookups, seconds."""


def main(argv: Sequence[str], environment: Mapping[str, str], hostname: str, signals: Signals) -> int:
    """Run the drop-in form and return the exit code."""
    try:
        values, rest = flags.parse(argv, environment)
    except (UsageError, flags.HelpRequestedError, flags.VersionRequestedError) as exc:
        return answer(exc)
    write_line = partial(log.write, "json" if values.get("log-format") == "json" else "text")
    try:
        check_complete(values, rest)
        plan, status = make_plan(values, environment, hostname), Status(monotonic())
        for event, warning in list_warnings(values, rest):
            write_line("warning", event, warning)
        if values.get("health"):
            from peerfinder import health  # noqa: PLC0415 - rarely used, and every pod's start is short

            health.serve(values["health"], status)
        follow(plan, signals, write_line, status)
    except PeerFinderError as exc:
        write_line("error", type(exc).__name__, str(exc))
        if not argv:
            log.write_stderr("peer-finder --help prints all flags and commands\n")
        return choose_exit_code(values, exc.status if isinstance(exc, HookFailedError) else None, exc.exit_code)
    except StoppedBySignal as exc:
        write_line("info", "stopped", f"ended by signal {exc.number}")
        if exc.number in signals.quits:
            return 0
        return choose_exit_code(values, exc.hook_status, exc.exit_code)
    return 0


def answer(request: UsageError | flags.HelpRequestedError | flags.VersionRequestedError) -> int:
    """Print what was asked for, or what was wrong; return the exit code."""
    if isinstance(request, flags.VersionRequestedError):
        from importlib.metadata import version  # noqa: PLC0415 - rarely used, and every pod's start is short

        print(f"peer-finder {version('galera-bootstrap')}", flush=True)
        return 0
    if isinstance(request, UsageError):
        # The error is first, as in the Go program, and last, where it is seen.
        hint = f"; {request.hint}" if request.hint else ""
        log.write_stderr(f"{request}\n{flags.format_usage()}\n{request}{hint}\n")
        return request.exit_code
    if str(request).startswith("--"):
        with suppress(OSError):  # A pager may have ended.
            print(flags.format_usage(), end="", flush=True)
    else:
        log.write_stderr(flags.format_usage())  # The Go program's -h is on stderr.
    return 0


def list_warnings(values: Mapping[str, str], rest: Sequence[str]) -> Iterator[tuple[str, str]]:
    """List what is ignored, each with the event of its line."""
    if unused := sorted(values.keys() & flags.UNUSED):
        names = " ".join(f"-{name}" for name in unused)
        yield "ignored", f"without effect here: {names}{_explain_selector(unused)}"
    if rest:
        count = "1 word" if len(rest) == 1 else f"{len(rest)} words"
        yield "ignored", f"{rest[0]!a} is not a flag: {count} from it on without effect"
    if not values.get("nameserver"):
        for fault in list_unusable(read_resolv_conf()):
            yield "resolv-conf", f"resolv.conf: {fault}"


def choose_exit_code(values: Mapping[str, str], hook_status: int | None, ours: int) -> int:
    """Choose between our exit code and the hook's status, which is for a hook that is the pod's main process."""
    if hook_status is None or values.get("exit-status") != "hook":
        return ours
    return hook_status if hook_status >= 0 else 128 - hook_status


def check_complete(values: Mapping[str, str], rest: Sequence[str]) -> None:
    """Check that there is a Service and a hook; raises ArgsIncompleteError."""
    if values.get("selector") and not values.get("service"):
        raise ArgsIncompleteError(f"Incomplete args, require -service{_explain_selector(['selector'])}")
    missing = [] if values.get("service") else ["-service"]
    if not (values.get("on-start", "").strip() or values.get("on-change", "").strip()):
        missing.append("-on-start and/or -on-change")
    if missing:
        raise ArgsIncompleteError(f"Incomplete args, require {' and '.join(missing)}{_explain_rest(values, rest)}")


def _explain_rest(values: Mapping[str, str], rest: Sequence[str]) -> str:
    """Return what may have been meant instead of arguments that are not complete."""
    if not rest:
        return ""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    near = get_close_matches(rest[0], COMMANDS, 1)
    meant = f"; did you mean {near[0]}?" if near else ""
    if values:
        if not meant and values.keys() & {"on-start", "on-change"}:
            meant = ": the text of a hook is one argument, as -on-start='sh /hook.sh'"
        return f"; {rest[0]!a} is not a flag, so everything from it on is ignored{meant}"
    return f"; there is no command {rest[0]!a}, only {', '.join(COMMANDS)}{meant}"


def _explain_selector(unused: Sequence[str]) -> str:
    """Return what to use instead of -selector, which needs more than DNS."""
    if "selector" not in unused:
        return ""
    return (
        "; -selector needs the Kubernetes API and a ServiceAccount that may list and watch pods, and this program asks "
        "DNS only: give -service a headless Service with that selector, and -address-type=IP for addresses"
    )


def make_plan(values: Mapping[str, str], environment: Mapping[str, str], hostname: str) -> Plan:
    """Make the plan; raises UsageError for a bad value, DomainUnknownError when the domain is unknown."""
    text = read_resolv_conf()
    pod_namespace = environment.get("POD_NAMESPACE", "")
    names = build_names(values["service"], values.get("ns", ""), values.get("domain", ""), text, pod_namespace)
    own = tuple(dict.fromkeys(names.pod_fqdn(name) for name in (hostname, environment.get("POD_NAME")) if name))
    server = values.get("nameserver", "")
    flags.read_choice(values, "log-format", ("text", "json"))
    flags.read_choice(values, "exit-status", ("ours", "hook"))
    return Plan(
        names=names,
        nameservers=Nameservers.choose(server, text),
        servers_are_given=bool(server),
        rules=make_rules(values, own),
        own=own,
        on_start=make_hook(values, "on-start"),
        on_change=make_hook(values, "on-change"),
        once=flags.read_boolean(values, "once"),
        timeout=flags.read_seconds(values, "timeout"),
        pace=read_pace(values),
        srv_name=choose_srv_name(values, names),
        max_pods=flags.read_integer(values, "max-pods", 0, least=0),
        address_type=flags.read_choice(values, "address-type", ADDRESS_TYPES),
        hook_retries=flags.read_integer(values, "hook-retries", 0, least=0),
        dry_run=flags.read_boolean(values, "dry-run"),
    )


def make_rules(values: Mapping[str, str], own: tuple[str, ...]) -> Rules:
    """Make the rules of `watch`; raises UsageError."""
    low, _, high = values.get("settle", "").partition(":")
    settle_min = flags.parse_duration("settle", low) if low else 0.0
    settle_max = flags.parse_duration("settle", high) if high else 0.0
    if high and settle_max < settle_min:
        raise flags.invalid_value("settle", values["settle"], "MIN[:MAX] with MAX not below MIN")
    return Rules(
        own=() if flags.read_boolean(values, "no-require-self") else own,
        min_peers=flags.read_integer(values, "min-peers", 1),
        settle_min=settle_min,
        settle_max=settle_max,
        min_gap=flags.read_seconds(values, "min-gap"),
        repeat_after_gone=flags.read_boolean(values, "repeat-after-gone"),
        remove_after=flags.read_seconds(values, "remove-after", REMOVE_AFTER),
    )


def make_hook(values: Mapping[str, str], event: str) -> Hook | None:
    """Make a hook of a flag, None if the flag is missing; raises UsageError."""
    text = values.get(event, "")
    if not text.strip():
        return None
    relayed = flags.read_choice(values, "hook-output", ("plain", "lines")) == "lines"
    return Hook(
        event=event,
        text=text,
        limit=flags.read_seconds(values, "hook-timeout"),
        grace=flags.read_seconds(values, "stop-grace", 30.0),
        line_format=log.make_line_format(values.get("log-format", ""), event) if relayed else None,
    )


def choose_srv_name(values: Mapping[str, str], names: Names) -> str:
    """Choose the SRV records to ask for; raises UsageError. Percona's -protocol alone means the port mysql."""
    protocol = flags.read_protocol(values)
    return names.srv_name(values.get("port-name") or (protocol and "mysql"), protocol or "tcp")


def read_pace(values: Mapping[str, str]) -> Pace:
    """Read -interval; raises UsageError, also for a time so short that it would flood DNS."""
    low, _, high = values.get("interval", "").partition(":")
    interval = flags.parse_duration("interval", low) if low else Pace().interval
    interval_max = flags.parse_duration("interval", high) if high else interval
    if interval < INTERVAL_MIN or interval_max < interval:
        raise flags.invalid_value("interval", values["interval"], f"TIME[:MAX] with {INTERVAL_MIN:g}s <= TIME <= MAX")
    return Pace(interval, interval_max)
