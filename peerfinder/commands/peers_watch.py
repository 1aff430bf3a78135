"""`peer-finder peers SERVICE --watch`: each change of what DNS says, with its time, until a signal comes.

It shows every answer as it is, without the patience that hooks are run with: a flap is what somebody looks for here.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic, process_time

import click

from peerfinder.core.names import Names
from peerfinder.core.pace import Moment, Pace, pause
from peerfinder.dns import lookup
from peerfinder.dns.lookup import Found
from peerfinder.dns.nameservers import Nameservers
from peerfinder.errors import LookupFailedError, NoRecordsError
from peerfinder.hooks.signals import Signals

SCHEMA = "peerfinder.change/v1"
"""Changes when a field of the JSON changes its meaning or goes."""

SIGNS = {"added": "+", "removed": "-", "moved": "~", "unknown": "?", "known": "="}
"""What stands before a line of text: a peer came, went, has another address; no answer, answers again."""


@dataclass(frozen=True)
class Question:
    """What is asked again and again."""

    names: Names
    """The Service."""
    owner: str
    """Owner name of the SRV records."""
    servers: Nameservers
    """Whom to ask."""
    seconds: float
    """The longest time for one lookup."""
    interval: float
    """Between two lookups while nothing changes, seconds."""


@dataclass(frozen=True)
class Change:
    """One line."""

    change: str
    """One of SIGNS."""
    name: str
    """The peer, or the Service."""
    told: str
    """Its addresses, or what is known of the Service."""


def follow(question: Question, output: str) -> None:
    """Print changes as table, json or name; ends by StoppedBySignal, or OSError if nobody takes them."""
    signals, known, fault, failures, still = Signals(), dict[str, str](), "", 0, monotonic()
    signals.install()
    with signals.interruptible():
        while True:
            asked, cost = monotonic(), process_time()
            before, fault_before = known, fault
            try:
                found = lookup.found(question.names, question.owner, question.servers, question.seconds)
                known, fault, failures = _addresses(found, known, question), "", 0
            except (LookupFailedError, NoRecordsError) as exc:
                fault, failures = str(exc), failures + 1
            if fault != fault_before:
                told = fault or f"{len(known)} peers"
                _show(Change("unknown" if fault else "known", question.names.suffix, told), output)
            for change in changes(before, known):
                still = asked
                _show(change, output)
            cost = process_time() - cost
            seconds = pause(Pace(question.interval), Moment(asked - still, cost, failures))
            signals.sleep(asked + seconds - monotonic())


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    """Give what differs between two sets of peers and their addresses, by name."""
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield Change("added", name, after[name])
        elif name not in after:
            yield Change("removed", name, before[name])
        elif before[name] != after[name]:
            yield Change("moved", name, after[name])


def _addresses(found: Found, before: Mapping[str, str], question: Question) -> dict[str, str]:
    """Give the addresses of each peer: those that came along, else those that were asked for when it was new."""
    known = {}
    for name in found.peers:
        along = [found.glue[name, kind] for kind in ("A", "AAAA") if (name, kind) in found.glue]
        known[name] = " ".join(along) or before.get(name) or _asked(name, question)
    return known


def _asked(name: str, question: Question) -> str:
    try:
        return " ".join(lookup.addresses(name, question.servers, question.seconds))
    except NoRecordsError:
        return "none"
    except LookupFailedError:
        return "unknown"


def _show(change: Change, output: str) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if output == "json":
        fields = {"change": change.change, "name": change.name, "told": change.told}
        click.echo(json.dumps({"schema": SCHEMA, "time": now} | fields))
    elif output == "name":
        click.echo(f"{SIGNS[change.change]}{change.name}")
    else:
        click.echo(f"{now}  {SIGNS[change.change]} {change.name}  {change.told}")
