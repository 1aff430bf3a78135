"""`peer-finder peers SERVICE`: looks up the peers of a Service once, for a human or a script.

Knows the form of the table and of the JSON.
"""

import json
import os
import sys
from dataclasses import dataclass

import click

from peerfinder.commands import peers_watch
from peerfinder.commands.peers_watch import Question
from peerfinder.core.names import Names, build_names
from peerfinder.core.pace import PAUSE_MIN
from peerfinder.dns import lookup
from peerfinder.dns.nameservers import Nameservers, read_resolv_conf
from peerfinder.errors import LookupFailedError, NoRecordsError, PeerFinderError, UsageError
from peerfinder.flags import parse_duration
from peerfinder.hooks.signals import StoppedBySignal

SCHEMA = "peerfinder/v1"
"""Changes when a field of the JSON changes its meaning or is removed."""


@dataclass(frozen=True)
class Peer:
    """One peer and its addresses in DNS."""

    name: str
    """Full name."""
    addresses: tuple[str, ...] | None
    """Byte-sorted, IPv4 first; empty: DNS has no address; None: unknown."""


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
    """Look up the peers of SERVICE and print them.

    SERVICE may be NAME, NAME.NAMESPACE or NAME.NAMESPACE.svc.DOMAIN. A missing namespace is POD_NAMESPACE; otherwise
    namespace and domain are read from /etc/resolv.conf.
    Exit codes: 0 found, 2 usage, 3 domain unknown, 4 DNS failed, 5 no records, 128+n ended by signal n.
    """
    try:
        (_watch if watch else _print)(service, output, options)
    except StoppedBySignal as exc:
        os._exit(exc.exit_code)  # Do not wait for a reader that has stopped reading.
    except PeerFinderError as exc:
        sys.stderr.write(f"peer-finder: {exc}\n")
        sys.exit(exc.exit_code)
    except BrokenPipeError:
        raise  # click ends silently, as a program in a pipe should.
    except OSError as exc:
        sys.stderr.write(f"peer-finder: the peers cannot be printed: {exc.strerror}\n")
        sys.exit(1)


def _print(service: str, output: str, options: dict[str, str]) -> None:
    names, servers, seconds = _read_options(service, options)
    peers = lookup.find_peers(names, servers, seconds, options["port_name"])
    if output == "name":
        click.echo("\n".join(peers))
        return
    known = [_look_up_peer(name, servers, seconds) for name in peers]
    click.echo(_format_json(names, known, options) if output == "json" else _format_table(known))


def _watch(service: str, output: str, options: dict[str, str]) -> None:
    names, servers, seconds = _read_options(service, options)
    interval = parse_duration("interval", options["interval"])
    if interval < PAUSE_MIN:
        raise UsageError(f"--interval is {interval:g} s, and at least {PAUSE_MIN:g} s should be between lookups")
    peers_watch.follow(Question(names, names.srv_name(options["port_name"]), servers, seconds, interval), output)


def _read_options(service: str, options: dict[str, str]) -> tuple[Names, Nameservers, float]:
    """Return the Service, the servers to ask, and the longest time for one lookup in seconds."""
    text, seconds = read_resolv_conf(), parse_duration("timeout", options["timeout"])
    names = build_names(service, options["ns"], options["domain"], text, os.environ.get("POD_NAMESPACE", ""))
    return names, Nameservers.choose(options["nameserver"], text), seconds


def _look_up_peer(name: str, servers: Nameservers, seconds: float) -> Peer:
    try:
        return Peer(name, lookup.find_addresses(name, servers, seconds))
    except NoRecordsError:
        return Peer(name, ())
    except LookupFailedError:
        return Peer(name, None)


def _format_json(names: Names, peers: list[Peer], options: dict[str, str]) -> str:
    return json.dumps(
        {
            "schema": SCHEMA,
            "service": names.service,
            "namespace": names.namespace,
            "domain": names.domain,
            "question": names.srv_name(options["port_name"]),
            "peers": [{"name": peer.name, "addresses": peer.addresses} for peer in peers],
        },
        indent=2,
    )


def _format_table(peers: list[Peer]) -> str:
    width = max(len(peer.name) for peer in peers)
    rows = [(peer.name, "unknown" if peer.addresses is None else " ".join(peer.addresses) or "none") for peer in peers]
    return "\n".join(f"{name:<{width}}  {addresses}" for name, addresses in [("PEER", "ADDRESSES"), *rows])
