"""`peer-finder peers SERVICE`: the peers of a Service, looked up once, for a human or a script.

Knows how a table and the JSON look.
"""

import json
import os
import sys
from dataclasses import dataclass

import click

from peerfinder.commands import peers_watch
from peerfinder.commands.peers_watch import Question
from peerfinder.core.names import Names, names_of
from peerfinder.core.pace import EAGER_SECONDS
from peerfinder.dns import lookup
from peerfinder.dns.nameservers import Nameservers, resolv_conf
from peerfinder.errors import LookupFailedError, NoRecordsError, PeerFinderError, UsageError
from peerfinder.flags import duration
from peerfinder.hooks.signals import StoppedBySignal

SCHEMA = "peerfinder/v1"
"""Changes when a field of the JSON changes its meaning or goes."""


@dataclass(frozen=True)
class Peer:
    """One peer with what DNS says of it."""

    name: str
    """Full name."""
    addresses: tuple[str, ...] | None
    """Byte-sorted, IPv4 first; empty: DNS has none; None: unknown."""


@click.command()
@click.argument("service")
@click.option("-o", "--output", type=click.Choice(["table", "json", "name"]), default="table", show_default=True)
@click.option("--ns", envvar="PEERFINDER_NS", default="", help="Namespace of the Service.")
@click.option("--domain", envvar="PEERFINDER_DOMAIN", default="", help="Cluster domain.")
@click.option("--port-name", envvar="PEERFINDER_PORT_NAME", default="", help="Ask for _NAME._tcp.SERVICE.")
@click.option("--nameserver", envvar="PEERFINDER_NAMESERVER", default="", help="HOST[:PORT], several with commas.")
@click.option("--timeout", default="5s", show_default=True, help="Longest time for one lookup: 5, 5s, 500ms, 1m.")
@click.option("-w", "--watch", is_flag=True, help="Print each change with its time, until a signal comes.")
@click.option("--interval", default="1s", show_default=True, help="Time between two lookups with --watch.")
def peers(service: str, output: str, *, watch: bool, **options: str) -> None:
    """Look the peers of SERVICE up and print them.

    SERVICE may be NAME, NAME.NAMESPACE or NAME.NAMESPACE.svc.DOMAIN; a missing namespace is POD_NAMESPACE, and what
    is missing still is read from /etc/resolv.conf.
    Exit codes: 0 found, 2 usage, 3 domain unknown, 4 DNS failed, 5 no records, 128+n ended by signal n.
    """
    try:
        (_watch if watch else _print)(service, output, options)
    except StoppedBySignal as exc:
        os._exit(exc.exit_code)  # What nobody reads must not be waited for.
    except PeerFinderError as exc:
        sys.stderr.write(f"peer-finder: {exc}\n")
        sys.exit(exc.exit_code)
    except BrokenPipeError:
        raise  # click ends for it without a word, as a program in a pipe should.
    except OSError as exc:
        sys.stderr.write(f"peer-finder: the peers cannot be printed: {exc.strerror}\n")
        sys.exit(1)


def _print(service: str, output: str, options: dict[str, str]) -> None:
    names, servers, seconds = _asked_for(service, options)
    found = lookup.peers(names, servers, seconds, options["port_name"])
    if output == "name":
        click.echo("\n".join(found))
        return
    known = [_peer(name, servers, seconds) for name in found]
    click.echo(_as_json(names, known, options) if output == "json" else _as_table(known))


def _watch(service: str, output: str, options: dict[str, str]) -> None:
    names, servers, seconds = _asked_for(service, options)
    interval = duration("interval", options["interval"])
    if interval < EAGER_SECONDS:
        raise UsageError(f"--interval is {interval:g} s, and at least {EAGER_SECONDS:g} s should be between lookups")
    peers_watch.follow(Question(names, names.question(options["port_name"]), servers, seconds, interval), output)


def _asked_for(service: str, options: dict[str, str]) -> tuple[Names, Nameservers, float]:
    """Give the Service, whom to ask, and the longest time for one lookup in seconds."""
    text, seconds = resolv_conf(), duration("timeout", options["timeout"])
    names = names_of(service, options["ns"], options["domain"], text, os.environ.get("POD_NAMESPACE", ""))
    server = options["nameserver"]
    return names, Nameservers.from_text(server) if server else Nameservers.from_resolv_conf(text), seconds


def _peer(name: str, servers: Nameservers, seconds: float) -> Peer:
    try:
        return Peer(name, lookup.addresses(name, servers, seconds))
    except NoRecordsError:
        return Peer(name, ())
    except LookupFailedError:
        return Peer(name, None)


def _as_json(names: Names, found: list[Peer], options: dict[str, str]) -> str:
    return json.dumps(
        {
            "schema": SCHEMA,
            "service": names.service,
            "namespace": names.namespace,
            "domain": names.domain,
            "question": names.question(options["port_name"]),
            "peers": [{"name": peer.name, "addresses": peer.addresses} for peer in found],
        },
        indent=2,
    )


def _as_table(found: list[Peer]) -> str:
    width = max(len(peer.name) for peer in found)
    rows = [(peer.name, "unknown" if peer.addresses is None else " ".join(peer.addresses) or "none") for peer in found]
    return "\n".join(f"{name:<{width}}  {addresses}" for name, addresses in [("PEER", "ADDRESSES"), *rows])
