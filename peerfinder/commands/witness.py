"""`peer-finder witness`: tells the other pods what is on this volume, and finds out whether this is the first start."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import NoReturn

import click

from peerfinder.core.first_start import Replica, Reply, read_replica
from peerfinder.core.names import Names, build_names
from peerfinder.dns import lookup
from peerfinder.dns.nameservers import Nameservers, read_resolv_conf
from peerfinder.errors import PeerFinderError, UsageError
from peerfinder.hooks.signals import Signals, StoppedBySignal
from peerfinder.log import write
from peerfinder.witness import exchange
from peerfinder.witness.first_start import Outside, find_out
from peerfinder.witness.volume import Signs

PAUSE_SECONDS = 1.0
"""Between two looks at all members."""

MEMBERS_MAX = 1000
"""More members than this are a mistake."""

NAMESPACE = ["PEERFINDER_NS", "POD_NAMESPACE"]
"""Variables for the namespace."""

PATH = click.Path(path_type=Path)

port_option = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    envvar="PEERFINDER_WITNESS_PORT",
    default=exchange.PORT,
    show_default=True,
    help="The same in all pods.",
)


def volume_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of the volume's paths to a command, which gets them as `signs`."""

    @wraps(command)
    def run(mark: Path, sign: Path, ignore: tuple[str, ...], **rest: object) -> None:
        command(signs=Signs(mark, sign, frozenset(ignore)), **rest)

    for option in (
        click.option(
            "--ignore",
            multiple=True,
            envvar="PEERFINDER_IGNORE",
            help="A name beside the mark that is no data; may be given again.",
        ),
        click.option("--sign", type=PATH, required=True, help="What the database has written when it has data."),
        click.option("--mark", type=PATH, required=True, help="A file of ours on the same volume, beside the data."),
    ):
        run = option(run)
    return run


@click.group()
def witness() -> None:
    """Find out from the volumes of all pods whether this is the first start of a set.

    One word is the answer:

    \b
    data    there are data on this volume
    first   all members have empty volumes, and all of them know it
    later   this volume has no data, and another member has
    """  # noqa: D301  # \b is click's


@witness.command()
@volume_options
@port_option
@click.option("--address", default="", help="Listen only there; default: all addresses of the pod.")
@click.option("--ns", envvar=NAMESPACE, default="", help="Our namespace; default POD_NAMESPACE.")
def serve(signs: Signs, port: int, address: str, ns: str) -> None:
    """Tell every pod that connects what is on this volume, until a signal comes: a sidecar.

    It removes the mark as soon as there are data. The pod's name is POD_NAME, or the host name.
    Exit codes: 2 usage, 9 the port is taken, 128+n ended by signal n.
    """
    with ending():
        if not ns:
            raise UsageError("the namespace is unknown: set POD_NAMESPACE by the downward API, or give --ns")
        signs.check()
        signals = Signals()
        signals.install()
        with signals.interruptible(), exchange.listen(address, port) as server:
            exchange.serve(server, f"{ns}/{pod_name()}", signs.read, log_line)


@witness.command()
@volume_options
def look(signs: Signs) -> None:
    """Print what is on this volume: data, first (the mark is there), remains (something else) or empty.

    Exit codes: 0 it is known, 2 usage, 10 it is not known.
    """
    with ending():
        signs.check()
        click.echo(signs.read())


@witness.command()
@click.argument("host")
@port_option
def ask(host: str, port: int) -> None:
    """Print what another pod has on its volume; HOST is its full name, POD.SERVICE.NAMESPACE.svc.DOMAIN.

    Exit codes: 0 it is known, 1 it is not known, 2 usage.
    """
    with ending():
        reply = exchange.ask(read_replica(host), find_nameservers(), port)
        if reply.volume is None:
            click.echo(f"peer-finder witness: {reply.why}", err=True)
            sys.exit(1)
        click.echo(reply.volume)


@witness.command("first-start")
@volume_options
@port_option
@click.option(
    "--members", envvar="REPLICAS", default="", help="How many pods a first start waits for; default REPLICAS."
)
@click.option(
    "--first-ordinal",
    envvar="PEERFINDER_FIRST_ORDINAL",
    default="0",
    show_default=True,
    help="As ordinals.start.",
)
@click.option("--service", envvar="PEERFINDER_SERVICE", default="", help="Governing Service; a hook knows it.")
@click.option("--ns", envvar=NAMESPACE, default="", help="Our namespace; default POD_NAMESPACE, then resolv.conf.")
@click.option("--domain", envvar="PEERFINDER_DOMAIN", default="", help="Cluster domain.")
def first_start(signs: Signs, port: int, members: str, first_ordinal: str, **names: str) -> None:
    """Print data, first or later as soon as it is known; wait without limit until then.

    A member that does not answer may have data, so a pod with an empty volume waits for all members, by name.
    Exit codes: 0 it is known, 2 usage, 3 domain unknown, 10 this volume is not known, 128+n ended by signal n.
    """
    with ending():
        signs.check()
        count = read_number("--members (or REPLICAS)", members, 1)
        begin = read_number("--first-ordinal", first_ordinal, 0)
        own = find_own(**names)
        nameservers, signals = find_nameservers(), Signals()

        def find_more() -> list[Replica]:
            return find_shown(own, nameservers)

        def ask_one(member: Replica) -> Reply:
            return exchange.ask(member, nameservers, port)

        signals.install()
        with signals.interruptible():
            expected = [own.sibling(ordinal) for ordinal in range(begin, begin + count)]
            outside = Outside(ask_one, find_more, log_line, lambda: signals.sleep(PAUSE_SECONDS))
            found = find_out(signs, own, expected, outside)
        click.echo(found)


def read_number(name: str, text: str, least: int) -> int:
    """Read a whole number; raises UsageError."""
    if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= MEMBERS_MAX):
        raise UsageError(f"{name} is {text!a}, and should be a whole number from {least} to {MEMBERS_MAX}")
    return int(text)


def find_shown(own: Replica, nameservers: Nameservers) -> list[Replica]:
    """Find the pods of our set that DNS shows now; where it gives no answer, none."""
    service, namespace, _, domain = own.suffix.split(".", 3)
    names = Names(service, namespace, domain)
    found: list[Replica] = []
    with suppress(PeerFinderError):
        for name in lookup.find_peers(names, nameservers, exchange.ASK_SECONDS):
            with suppress(UsageError):  # a pod of no StatefulSet
                found.append(read_replica(name))
    return [one for one in found if one.set_name == own.set_name]


def find_own(service: str, ns: str, domain: str) -> Replica:
    """Return our own pod: a hook of peer-finder has its full name; raises UsageError, DomainUnknownError."""
    if fqdn := os.environ.get("PEERFINDER_SELF", ""):
        return read_replica(fqdn)
    if not service:
        raise UsageError("give --service: only in a hook of peer-finder our full name is known (PEERFINDER_SELF)")
    names = build_names(service, ns, domain, read_resolv_conf(), os.environ.get("POD_NAMESPACE", ""))
    return read_replica(names.pod_fqdn(pod_name()))


def find_nameservers() -> Nameservers:
    """Return the servers to ask: those of resolv.conf, or of PEERFINDER_NAMESERVER."""
    return Nameservers.choose(os.environ.get("PEERFINDER_NAMESERVER", ""), read_resolv_conf())


def pod_name() -> str:
    """Return POD_NAME, or the first label of the host name."""
    return os.environ.get("POD_NAME", "") or os.uname().nodename.partition(".")[0]


def log_line(line: str) -> None:
    """Write a line into a container's log, as peer-finder does: with its time, or as JSON."""
    write(os.environ.get("PEERFINDER_LOG_FORMAT", "text"), "info", "witness", f"witness: {line}")


@contextmanager
def ending() -> Iterator[None]:
    """End the process with the documented exit code of an expected error or a signal."""
    try:
        yield
    except StoppedBySignal as exc:
        end_at_once(exc.exit_code)
    except PeerFinderError as exc:
        click.echo(f"peer-finder witness: {exc}", err=True)
        sys.exit(exc.exit_code)


def end_at_once(code: int) -> NoReturn:
    """End without waiting for the threads that still ask."""
    os._exit(code)
