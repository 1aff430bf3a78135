"""`peer-finder peers SERVICE --watch`: each change of the records in DNS, with its time, until a signal comes.

It shows every answer as it is, without the delays that apply to hooks: its users look for flapping records.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic, process_time

import click

from peerfinder.core.names import Names
from peerfinder.core.pace import Pace, Situation, compute_pause
from peerfinder.core.peers import format_count
from peerfinder.dns import lookup
from peerfinder.dns.lookup import FoundPeers
from peerfinder.dns.nameservers import Nameservers
from peerfinder.errors import LookupFailedError, NoRecordsError
from peerfinder.hooks.signals import Signals

SCHEMA = "peerfinder.change/v1"
"""Changes when a field of the JSON changes its meaning or is removed."""

SIGNS = {"added": "+", "removed": "-", "moved": "~", "unknown": "?", "known": "="}
"""The sign before a line of text: a peer came, went, has another address; no answer, answers again."""


@dataclass(frozen=True)
class Question:
    """What to ask again and again."""

    names: Names
    """The Service."""
    srv_name: str
    """Owner name of the SRV records."""
    servers: Nameservers
    """Which servers to ask."""
    seconds: float
    """The longest time for one lookup."""
    interval: float
    """Between two lookups while nothing changes, seconds."""


@dataclass(frozen=True)
class Change:
    """One line."""

    kind: str
    """One of SIGNS."""
    name: str
    """The peer, or the Service."""
    detail: str
    """The addresses of the peer, or the state of the Service."""


def follow(question: Question, output: str) -> None:
    """Print changes as table, json or name; ends by StoppedBySignal, or by OSError if they cannot be printed."""
    signals, known, fault, failures, changed = Signals(), dict[str, str](), "", 0, monotonic()
    signals.install()
    with signals.interruptible():
        while True:
            asked, cost = monotonic(), process_time()
            before, fault_before = known, fault
            try:
                found = lookup.find_srv(question.names, question.srv_name, question.servers, question.seconds)
                known, fault, failures = _map_addresses(found, known, question), "", 0
            except (LookupFailedError, NoRecordsError) as exc:
                fault, failures = str(exc), failures + 1
            if fault != fault_before:
                detail = fault or format_count(len(known))
                _print_change(Change("unknown" if fault else "known", question.names.suffix, detail), output)
            for change in find_changes(before, known):
                changed = asked
                _print_change(change, output)
            cost = process_time() - cost
            seconds = compute_pause(Pace(question.interval), Situation(asked - changed, cost, failures))
            signals.sleep(asked + seconds - monotonic())


def find_changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    """Find the differences between two sets of peers and their addresses, by name."""
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield Change("added", name, after[name])
        elif name not in after:
            yield Change("removed", name, before[name])
        elif before[name] != after[name]:
            yield Change("moved", name, after[name])


def _map_addresses(found: FoundPeers, before: Mapping[str, str], question: Question) -> dict[str, str]:
    """Map each peer to its addresses: those that came along, else those that were asked for when it was new."""
    known = {}
    for name in found.peers:
        glue = [found.glue[name, kind] for kind in ("A", "AAAA") if (name, kind) in found.glue]
        known[name] = " ".join(glue) or before.get(name) or _look_up_addresses(name, question)
    return known


def _look_up_addresses(name: str, question: Question) -> str:
    try:
        return " ".join(lookup.find_addresses(name, question.servers, question.seconds))
    except NoRecordsError:
        return "none"
    except LookupFailedError:
        return "unknown"


def _print_change(change: Change, output: str) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if output == "json":
        fields = {"change": change.kind, "name": change.name, "detail": change.detail}
        click.echo(json.dumps({"schema": SCHEMA, "time": now} | fields))
    elif output == "name":
        click.echo(f"{SIGNS[change.kind]}{change.name}")
    else:
        click.echo(f"{now}  {SIGNS[change.kind]} {change.name}  {change.detail}")
