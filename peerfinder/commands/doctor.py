"""`peer-finder doctor SERVICE`: asks each name server by itself, and shows what is wrong, why, and what to do.

Gathers and prints; the package `doctor` draws the conclusions.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace

import click

from peerfinder.core.names import Names, directives, names_of, search_list
from peerfinder.core.observations import Observed, Reply, Server
from peerfinder.dns import probe
from peerfinder.dns.nameservers import Nameservers, resolv_conf
from peerfinder.dns.nameservers import Server as Address
from peerfinder.doctor.examine import examine
from peerfinder.doctor.finding import Finding
from peerfinder.errors import DomainUnknownError, PeerFinderError
from peerfinder.flags import duration

SCHEMA = "peerfinder.doctor/v1"
"""Changes when a field of the JSON changes its meaning or goes; new codes are no such change."""

TIMES = 3
"""How often each server is asked for the peers: behind one address there may be replicas that disagree."""

GUESS = "cluster.local"
"""The domain of nearly all clusters."""


@click.command()
@click.argument("service")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--ns", envvar="PEERFINDER_NS", default="", help="Namespace of the Service.")
@click.option("--domain", envvar="PEERFINDER_DOMAIN", default="", help="Cluster domain.")
@click.option("--port-name", envvar="PEERFINDER_PORT_NAME", default="", help="Ask for _NAME._tcp.SERVICE.")
@click.option("--nameserver", envvar="PEERFINDER_NAMESERVER", default="", help="HOST[:PORT], several with commas.")
@click.option("--pod", envvar="POD_NAME", default="", help="Our own pod; default the host name.")
@click.option("--no-require-self", is_flag=True, help="We are no peer of this Service.")
@click.option("--timeout", default="2s", show_default=True, help="Longest time for one question: 2, 2s, 500ms.")
def doctor(service: str, output: str, *, no_require_self: bool, **options: str) -> None:
    """Find out why the peers of SERVICE are not found, with a cause and a cure for each finding.

    Exit codes: 0 no problem (there may be hints), 1 a problem was found, 2 usage, 3 namespace unknown.
    """
    try:
        seen = observe(service, options)
    except PeerFinderError as exc:
        sys.stderr.write(f"peer-finder: {exc}\n")
        sys.exit(exc.exit_code)
    findings = [one for one in examine(seen) if not (no_require_self and one.code == "own-missing")]
    try:
        click.echo(_as_json(seen, findings) if output == "json" else _as_text(seen, findings))
    except BrokenPipeError:
        raise  # click ends for it without a word, as a program in a pipe should.
    except OSError as exc:
        sys.stderr.write(f"peer-finder: the findings cannot be printed: {exc.strerror}\n")
        sys.exit(1)
    sys.exit(any(finding.problem for finding in findings))


def observe(service: str, options: Mapping[str, str]) -> Observed:
    """Ask everybody everything; raises UsageError, and DomainUnknownError if even the namespace is unknown."""
    text, seconds = resolv_conf(), duration("timeout", options["timeout"])
    namespace, fault = os.environ.get("POD_NAMESPACE", ""), ""
    try:
        names = names_of(service, options["ns"], options["domain"], text, namespace)
    except DomainUnknownError as exc:
        names, fault = names_of(service, options["ns"], GUESS, text, namespace), str(exc)
    given = options["nameserver"]
    servers = (Nameservers.from_text(given) if given else Nameservers.from_resolv_conf(text)).servers
    own, question = names.of_pod(options["pod"] or os.uname().nodename), names.question(options["port_name"])
    return Observed(
        names=names,
        own=own,
        search=search_list(text),
        ndots=_ndots(text),
        servers=tuple(_server(names, own, question, server, seconds) for server in servers),
        domain_fault=fault,
    )


def _server(names: Names, own: str, question: str, server: Address, seconds: float) -> Server:
    first = probe.ask(question, "SRV", server, seconds)
    if not first.status and not first.truncated:
        return Server(str(server), (first,), *[Reply(fault="not asked")] * 4)
    return Server(
        name=str(server),
        peers=(first, *(probe.ask(question, "SRV", server, seconds) for _ in range(TIMES - 1))),
        tcp=probe.ask(question, "SRV", server, seconds, tcp=True),
        addresses=_both(names.suffix, server, seconds),
        own=_both(own, server, seconds),
        version=probe.ask(f"dns-version.{names.domain}", "TXT", server, seconds),
    )


def _both(name: str, server: Address, seconds: float) -> Reply:
    """Ask for the addresses of both families."""
    ipv4, ipv6 = (probe.ask(name, kind, server, seconds) for kind in ("A", "AAAA"))
    return replace(ipv4, records=ipv4.records + ipv6.records, seconds=max(ipv4.seconds, ipv6.seconds))


def _ndots(text: str) -> int:
    """Read ndots of resolv.conf; what is no number is passed over (resolv.conf(5): default 1, at most 15)."""
    found = 1
    for words in directives(text):
        for word in words[1:] if words[0] == "options" else ():
            name, _, value = word.partition(":")
            if name == "ndots" and value.isascii() and value.isdigit():
                found = min(int(value[:4]), 15)
    return found


def _as_json(seen: Observed, findings: list[Finding]) -> str:
    return json.dumps(
        {
            "schema": SCHEMA,
            "service": seen.names.suffix,
            "self": seen.own,
            "servers": [{"server": server.name, "peers": server.targets} for server in seen.servers],
            "findings": [asdict(finding) for finding in findings],
        },
        indent=2,
    )


def _as_text(seen: Observed, findings: list[Finding]) -> str:
    head = [f"Service   {seen.names.suffix}", f"our name  {seen.own}"]
    for server in seen.servers:
        reply = server.peers[0]
        said = f"{len(server.targets)} peers" if server.targets else reply.status or reply.fault
        head.append(f"server    {server.name}: {said} in {reply.seconds * 1000:.0f} ms")
    for one in findings:
        word = "PROBLEM" if one.problem else "hint"
        head += ["", f"{word} {one.code}: {one.what}", f"  cause  {one.cause}", f"  cure   {one.cure}"]
    if not any(one.problem for one in findings):
        head += ["", "No problem was found; hints are worth knowing." if findings else "Nothing is wrong."]
    return "\n".join(head)
