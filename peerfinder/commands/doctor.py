"""`peer-finder doctor SERVICE`: asks each name server by itself, and shows what is wrong, why, and what to do.

Asks and prints; the package `doctor` draws the conclusions.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace

import click

from peerfinder.core.names import Names, build_names, parse_directives, parse_search_list
from peerfinder.core.observations import Observations, Reply, ServerReplies
from peerfinder.dns import probe
from peerfinder.dns.nameservers import Nameservers, Server, read_resolv_conf
from peerfinder.doctor.examine import examine
from peerfinder.doctor.finding import Finding
from peerfinder.errors import DomainUnknownError, PeerFinderError
from peerfinder.flags import parse_duration

SCHEMA = "peerfinder.doctor/v1"
"""Changes when a field of the JSON changes its meaning or is removed; a new code is no such change."""

TIMES = 3
"""How often each server is asked for the peers: replicas behind one address may disagree."""

GUESS = "cluster.local"
"""The domain of nearly all clusters."""


@click.command()
@click.argument("service")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--ns", envvar="PEERFINDER_NS", default="", help="Namespace of the Service.")
@click.option("--domain", envvar="PEERFINDER_DOMAIN", default="", help="Cluster domain.")
@click.option("--port-name", envvar="PEERFINDER_PORT_NAME", default="", help="Ask for _NAME._tcp.SERVICE.")
@click.option("--nameserver", envvar="PEERFINDER_NAMESERVER", default="", help="HOST[:PORT], several with commas.")
@click.option("--pod", envvar="POD_NAME", default="", help="Our own pod; default: the host name.")
@click.option("--no-require-self", is_flag=True, help="We are not a peer of this Service.")
@click.option("--timeout", default="2s", show_default=True, help="Longest time for one question: 2, 2s, 500ms.")
def doctor(service: str, output: str, *, no_require_self: bool, **options: str) -> None:
    """Find out why the peers of SERVICE are not found, with a cause and a cure for each finding.

    Exit codes: 0 no problem (there may be hints), 1 a problem was found, 2 usage, 3 namespace unknown.
    """
    try:
        observations = observe(service, options)
    except PeerFinderError as exc:
        sys.stderr.write(f"peer-finder: {exc}\n")
        sys.exit(exc.exit_code)
    findings = [f for f in examine(observations) if not (no_require_self and f.code == "own-missing")]
    try:
        click.echo((_format_json if output == "json" else _format_text)(observations, findings))
    except BrokenPipeError:
        raise  # click ends silently, as a program in a pipe should.
    except OSError as exc:
        sys.stderr.write(f"peer-finder: the findings cannot be printed: {exc.strerror}\n")
        sys.exit(1)
    sys.exit(any(finding.problem for finding in findings))


def observe(service: str, options: Mapping[str, str]) -> Observations:
    """Ask each server all questions; raises UsageError, and DomainUnknownError if even the namespace is unknown."""
    text, seconds = read_resolv_conf(), parse_duration("timeout", options["timeout"])
    namespace, fault = os.environ.get("POD_NAMESPACE", ""), ""
    try:
        names = build_names(service, options["ns"], options["domain"], text, namespace)
    except DomainUnknownError as exc:
        names, fault = build_names(service, options["ns"], GUESS, text, namespace), str(exc)
    given = options["nameserver"]
    servers = (Nameservers.from_text(given) if given else Nameservers.from_resolv_conf(text)).servers
    own, srv_name = names.pod_fqdn(options["pod"] or os.uname().nodename), names.srv_name(options["port_name"])
    return Observations(
        names=names,
        own=own,
        search=parse_search_list(text),
        ndots=_parse_ndots(text),
        servers=tuple(_ask_server(names, own, srv_name, server, seconds) for server in servers),
        domain_fault=fault,
    )


def _ask_server(names: Names, own: str, srv_name: str, server: Server, seconds: float) -> ServerReplies:
    first = probe.ask(srv_name, "SRV", server, seconds)
    if not first.status and not first.truncated:
        return ServerReplies(str(server), (first,), *[Reply(fault="not asked")] * 4)
    return ServerReplies(
        name=str(server),
        peers=(first, *(probe.ask(srv_name, "SRV", server, seconds) for _ in range(TIMES - 1))),
        tcp=probe.ask(srv_name, "SRV", server, seconds, tcp=True),
        addresses=_ask_addresses(names.suffix, server, seconds),
        own=_ask_addresses(own, server, seconds),
        version=probe.ask(f"dns-version.{names.domain}", "TXT", server, seconds),
    )


def _ask_addresses(name: str, server: Server, seconds: float) -> Reply:
    """Ask for the addresses of both families."""
    ipv4, ipv6 = (probe.ask(name, kind, server, seconds) for kind in ("A", "AAAA"))
    return replace(ipv4, records=ipv4.records + ipv6.records, seconds=max(ipv4.seconds, ipv6.seconds))


def _parse_ndots(text: str) -> int:
    """Read ndots of resolv.conf and ignore a value that is not a number (resolv.conf(5): default 1, at most 15)."""
    ndots = 1
    for words in parse_directives(text):
        for word in words[1:] if words[0] == "options" else ():
            name, _, value = word.partition(":")
            if name == "ndots" and value.isascii() and value.isdigit():
                ndots = min(int(value[:4]), 15)
    return ndots


def _format_json(observations: Observations, findings: list[Finding]) -> str:
    return json.dumps(
        {
            "schema": SCHEMA,
            "service": observations.names.suffix,
            "self": observations.own,
            "servers": [{"server": server.name, "peers": server.targets} for server in observations.servers],
            "findings": [asdict(finding) for finding in findings],
        },
        indent=2,
    )


def _format_text(observations: Observations, findings: list[Finding]) -> str:
    lines = [f"Service   {observations.names.suffix}", f"our name  {observations.own}"]
    for server in observations.servers:
        reply = server.peers[0]
        result = f"{len(server.targets)} peers" if server.targets else reply.status or reply.fault
        lines.append(f"server    {server.name}: {result} in {reply.seconds * 1000:.0f} ms")
    for finding in findings:
        kind = "PROBLEM" if finding.problem else "hint"
        lines += ["", f"{kind} {finding.code}: {finding.what}", f"  cause  {finding.cause}", f"  cure   {finding.cure}"]
    if not any(finding.problem for finding in findings):
        lines += ["", "No problem was found; hints are worth knowing." if findings else "Nothing is wrong."]
    return "\n".join(lines)
