"""Flags as Go's `flag` package reads them, because the manifests of ten years are written for it.

Knows the syntax and the environment variables; the meaning of a flag is in its line of FLAGS.
click is not used: it reads `-on-start=x` as six short options, and its import costs more than a lookup.
"""

import re
from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple

from peerfinder.errors import UsageError

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""The words that Go's strconv.ParseBool accepts."""

UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
"""Units of a duration; a bare number is in seconds."""

DURATION_MAX = 1e9
"""The longest duration, seconds: more than thirty years is a mistake, and no clock could add it up."""


class Flag(NamedTuple):
    """One flag."""

    name: str
    """Without dashes."""
    metavar: str
    """The name of its value in the usage; empty: a flag without value."""
    help: str
    """One line of the usage."""

    @property
    def variable(self) -> str:
        """The environment variable that can replace the flag."""
        return f"PEERFINDER_{self.name.replace('-', '_').upper()}"


FLAGS = (
    Flag("service", "NAME", "governing Service of this pod's StatefulSet (required)"),
    Flag("on-start", "TEXT", "shell text, run once our own record is there; gets the peers on stdin"),
    Flag("on-change", "TEXT", "shell text, run when the peers change; also at the start if there is no -on-start"),
    Flag("ns", "NAME", "namespace; default POD_NAMESPACE, then the search list of /etc/resolv.conf"),
    Flag("domain", "NAME", "cluster domain; default from the search list of /etc/resolv.conf"),
    Flag("once", "", "end after the first hook, even with -on-change"),
    Flag("timeout", "TIME", "give up if no hook is due after this time; default never"),
    Flag("min-peers", "N", "run the first hook with at least N peers; default 1"),
    Flag(
        "interval",
        "TIME[:MAX]",
        "time between two lookups in the steady state; while quiet it grows to MAX; default 1s",
    ),
    Flag("settle", "MIN[:MAX]", "on-change only after MIN without a further change, or after MAX; default 0"),
    Flag("min-gap", "TIME", "on-change not before this time after the last hook; default 0"),
    Flag("repeat-after-gone", "", "on-change also for unchanged peers after DNS had no records for a while"),
    Flag("remove-after", "TIME", "a peer or an address is gone only after it was unseen for this time; default 6s"),
    Flag("hook-timeout", "TIME", "kill a hook that runs longer; default never"),
    Flag("hook-retries", "N", "run a hook that failed again, at most N times in a row, before we end; default 0"),
    Flag("hook-output", "FORM", "plain: a hook writes to our streams; lines: each line after its event; default plain"),
    Flag("stop-grace", "TIME", "kill a hook that still runs this long after a stop signal; default 30s"),
    Flag("exit-status", "WHOSE", "ours: 1 for a hook that failed, 128+n for signal n; hook: its own; default ours"),
    Flag("no-require-self", "", "run hooks even if our own name is not among the peers"),
    Flag("port-name", "NAME", "ask for _NAME._tcp.SERVICE instead of SERVICE"),
    Flag("protocol", "tcp|udp", "ask for _mysql._PROTOCOL.SERVICE, or for that port of -port-name"),
    Flag("max-pods", "N", "ask for N pods by number if neither their SRV records nor their addresses fit an answer"),
    Flag("address-type", "TYPE", "DNS, IP, IPv4 or IPv6: what a hook gets on stdin; default DNS"),
    Flag("nameserver", "HOST[:PORT]", "ask this server; several with commas; default from /etc/resolv.conf"),
    Flag("log-format", "FORMAT", "text or json, on stderr; default text"),
    Flag("health", "[HOST]:PORT|PATH", "answer GET /livez, /readyz and /metrics there; default nowhere"),
    Flag("dry-run", "", "print what a hook would get instead of running it"),
)

UNUSED = {
    **dict.fromkeys(("selector", "hosts-file", "master", "kubeconfig"), True),
    **dict.fromkeys(("v", "vmodule", "log_backtrace_at", "log_dir", "log_file", "log_file_max_size"), True),
    **dict.fromkeys(("stderrthreshold", "alsologtostderrthreshold"), True),
    **dict.fromkeys(("add_dir_header", "alsologtostderr", "logtostderr", "one_output"), False),
    **dict.fromkeys(("skip_headers", "skip_log_headers", "legacy_stderr_threshold_behavior"), False),
}
"""Flags of later Go programs that are accepted and have no effect: name -> whether it takes a value."""


class HelpRequestedError(Exception):
    """The help was asked for, by this word."""


class VersionRequestedError(Exception):
    """-version was given."""


def parse(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Read the flags; the last of several counts, a flag beats its variable, an empty variable does not count.

    Returns the values by name and the words from the first non-flag on.
    Raises UsageError, HelpRequestedError and VersionRequestedError.
    """
    takes_value = UNUSED | {flag.name: bool(flag.metavar) for flag in FLAGS}
    values = {flag.name: environment[flag.variable] for flag in FLAGS if environment.get(flag.variable)}
    rest = list(argv)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        name, equals, value = word.removeprefix("-").removeprefix("-").partition("=")
        if not name or name.startswith("-"):
            raise UsageError(f"bad flag syntax: {word}")
        if name not in takes_value:
            if name in ("h", "help"):
                raise HelpRequestedError(word)
            if name == "version":
                raise VersionRequestedError
            raise UsageError(f"flag provided but not defined: -{name}", _find_near(name))
        if not equals and takes_value[name]:
            if not rest:
                raise UsageError(f"flag needs an argument: -{name}")
            value = rest.pop(0)
        values[name] = value if equals or takes_value[name] else "true"
    return values, rest


def _find_near(name: str) -> str:
    """Return which flag may be meant by an unknown one; empty if none is like it."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    near = get_close_matches(name, [flag.name for flag in FLAGS], 1)
    return f"did you mean -{near[0]}?" if near else ""


def read_boolean(values: Mapping[str, str], name: str) -> bool:
    """Read a flag without value; raises UsageError."""
    text = values.get(name, "false")
    if text not in TRUE | FALSE:
        raise invalid_value(name, text, "true or false")
    return text in TRUE


def read_seconds(values: Mapping[str, str], name: str, default: float = 0.0) -> float:
    """Read a duration such as 30, 1.5s or 2m; raises UsageError."""
    return parse_duration(name, values[name]) if values.get(name) else default


def parse_duration(name: str, text: str) -> float:
    """Read the text of a duration and return seconds; raises UsageError."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|)", text, re.ASCII)
    seconds = float(match[1]) * UNITS[match[2]] if match else inf
    if seconds > DURATION_MAX:
        raise invalid_value(name, text, "a time such as 30, 30s, 1.5s, 2m")
    return seconds


def read_integer(values: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    """Read a whole number of at least *least*; raises UsageError."""
    text = values.get(name) or str(default)
    if not re.fullmatch(r"0*[0-9]{1,9}", text, re.ASCII) or int(text) < least:
        raise invalid_value(name, text, f"a whole number from {least}")
    return int(text)


def read_choice(values: Mapping[str, str], name: str, allowed: Sequence[str]) -> str:
    """Read one of the *allowed* words, of which the first is the default; raises UsageError."""
    text = values.get(name) or allowed[0]
    if text not in allowed:
        raise invalid_value(name, text, f"one of {', '.join(filter(None, allowed))}")
    return text


def read_protocol(values: Mapping[str, str]) -> str:
    """Read -protocol as Percona's program does: any case, blanks around it do not count; raises UsageError.

    The manifests of its operator give `$(PEER_LIST_SRV_PROTOCOL)`, which the kubelet leaves as it is if the container
    has no variable of that name.
    """
    text = values.get("protocol", "").strip()
    if not text or re.fullmatch(r"\$\([A-Za-z_.-][A-Za-z0-9_.-]*\)", text, re.ASCII):
        return ""
    return read_choice({"protocol": text.lower()}, "protocol", ("", "tcp", "udp"))


def invalid_value(name: str, text: str, wanted: str) -> UsageError:
    """Make the error for an unacceptable value."""
    variable = next((flag.variable for flag in FLAGS if flag.name == name), "")
    return UsageError(f"invalid value {text!a} for flag -{name} (or {variable}): it should be {wanted}")


def format_usage() -> str:
    """Write the usage of the drop-in form."""
    head = (
        "Usage: peer-finder -service=NAME [-on-start=TEXT] [-on-change=TEXT] [flags]\n"
        "       peer-finder peers SERVICE | doctor SERVICE | healthz | witness [--help]\n"
    )
    rows = [(f"-{flag.name} {flag.metavar}".rstrip(), flag.help) for flag in FLAGS]
    width = max(len(left) for left, _ in rows)
    tail = (
        "\nEvery flag may be written with one dash or two, as -flag=value or -flag value, and as an environment\n"
        "variable PEERFINDER_FLAG_NAME. POD_NAME is our name if it is among the peers and the host name is not.\n"
        "Exit codes: 0 done, 1 hook failed or arguments missing, 2 usage, 3 cluster domain unknown, 4 DNS failed,\n"
        "5 no records, 6 -timeout, 7 -hook-timeout, 8 bad list of peers, 9 -health,\n"
        "10 witness: volume unknown, 128+n ended by signal n.\n"
        "The version of this program: peer-finder -version.\n"
    )
    return head + "".join(f"  {left:<{width}}  {right}\n" for left, right in rows) + tail
