"""`peer-finder doctor SERVICE`: asks each name server by itself, and shows what is wrong, why, and what to do.

Asks and prints; the package `doctor` draws the conclusions.
"""

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import NamedTuple

import click

from peerfinder.core.names import Names, build_names, find_cluster_domain, parse_options, parse_search_list
from peerfinder.core.observations import Observations, Reply, ServerReplies
from peerfinder.core.peers import format_count
from peerfinder.core.watch import choose_own
from peerfinder.dns import probe
from peerfinder.dns.nameservers import Nameservers, Server, list_unusable, parse_nameservers, read_resolv_conf
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
@click.option("--pod", default="", help="Our own pod; default: the host name, or POD_NAME if that is a peer.")
@click.option("--no-require-self", is_flag=True, help="We are not a peer of this Service.")
@click.option("--all", "all_hints", is_flag=True, help="Print also hints that are true in nearly all pods.")
@click.option("--timeout", default="2s", show_default=True, help="Longest time for one question: 2, 2s, 500ms.")
def doctor(service: str, output: str, *, no_require_self: bool, all_hints: bool, **options: str) -> None:
    """Find out why the peers of SERVICE are not found, with a cause and a cure for each finding.

    Exit codes: 0 no problem (there may be hints), 1 a problem was found, 2 usage, 3 namespace unknown.
    """
    try:
        observations = observe(service, options)
    except PeerFinderError as exc:
        sys.stderr.write(f"peer-finder: {exc}\n")
        sys.exit(exc.exit_code)
    found = examine(observations, all_hints=all_hints)
    findings = [finding for finding in found if not (no_require_self and finding.code == "own-missing")]
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
    namespace, given = os.environ.get("POD_NAMESPACE", ""), options["nameserver"]
    outside = "" if given else _find_outside(text)
    fault = ""
    try:
        names = build_names(service, options["ns"], options["domain"], text, namespace)
    except DomainUnknownError as exc:
        fault = str(exc)
        try:
            names = build_names(service, options["ns"], GUESS, text, namespace)
        except DomainUnknownError as unknown:
            where = f"this does not look like a pod, where it has to be run: {outside}; or " if outside else ""
            raise DomainUnknownError(f"{where}{unknown}") from unknown
    own_names = _list_own_names(names, options["pod"])
    if outside:  # Whatever servers answer here, they are not those of a pod.
        return Observations(names, own_names[0], own_names, parse_search_list(text), outside=outside)
    nameservers = Nameservers.choose(given, text)
    asker = _Asker(names, own_names, names.srv_name(options["port_name"]), _list_domains(names, text), seconds)
    servers = tuple(asker.ask(server, use_tcp=nameservers.use_tcp) for server in nameservers.servers)
    present = {target for server in servers for target in server.targets}
    return Observations(
        names=names,
        own=choose_own(own_names, dict.fromkeys(present, "")),
        own_names=own_names,
        search=parse_search_list(text),
        ndots=_parse_ndots(text),
        servers=servers,
        domain_fault=fault,
        unusable=() if given else tuple(list_unusable(text)),
        falls_back=not given and not parse_nameservers(text)[0],
    )


def _find_outside(resolv_conf: str) -> str:
    """Tell why this seems not to be a pod; empty if anything shows one."""
    if "KUBERNETES_SERVICE_HOST" in os.environ or any(
        "svc" in name.split(".") for name in parse_search_list(resolv_conf)
    ):
        return ""
    return "KUBERNETES_SERVICE_HOST is not set, and resolv.conf searches no svc.<domain>"


def _list_own_names(names: Names, pod: str) -> tuple[str, ...]:
    """List what our own name may be: what was given, else by the host name, and by POD_NAME."""
    pods = [pod] if pod else [os.uname().nodename, os.environ.get("POD_NAME", "")]
    return tuple(dict.fromkeys(names.pod_fqdn(one) for one in pods if one))


def _list_domains(names: Names, resolv_conf: str) -> tuple[str, ...]:
    """List the cluster domains that are likely here, without the one in use."""
    with suppress(DomainUnknownError):
        return tuple({find_cluster_domain(resolv_conf, names.namespace): 1, GUESS: 1}.keys() - {names.domain})
    return () if names.domain == GUESS else (GUESS,)


class _Asker(NamedTuple):
    """What each server is asked."""

    names: Names
    own_names: tuple[str, ...]
    srv_name: str
    domains: tuple[str, ...]
    """Other domains that may be the cluster's."""
    seconds: float
    """The longest time for one question."""

    def ask(self, server: Server, *, use_tcp: bool) -> ServerReplies:
        """Ask one server all questions, or only the first if it does not answer that."""
        first = self._ask(self.srv_name, "SRV", server, tcp=use_tcp)
        silent = not first.status and not first.truncated
        tcp = first if use_tcp or first.unreachable else self._ask(self.srv_name, "SRV", server, tcp=True)
        if silent:
            no = Reply(fault="not asked")
            return ServerReplies(str(server), (first,), tcp, addresses=no, own=no, version=no)
        version = self._ask(f"dns-version.{self.names.domain}", "TXT", server, tcp=use_tcp)
        domains = () if version.records else self.domains
        own = [self._ask_addresses(name, server, tcp=use_tcp) for name in self.own_names]
        return ServerReplies(
            name=str(server),
            peers=(first, *(self._ask(self.srv_name, "SRV", server, tcp=use_tcp) for _ in range(TIMES - 1))),
            tcp=tcp,
            addresses=self._ask_addresses(self.names.suffix, server, tcp=use_tcp),
            own=next((reply for reply in own if reply.records), own[0]),
            version=version,
            serves=tuple(one for one in domains if self._ask(f"dns-version.{one}", "TXT", server, tcp=use_tcp).records),
        )

    def _ask(self, name: str, record_type: str, server: Server, *, tcp: bool) -> Reply:
        return probe.ask(name, record_type, server, self.seconds, tcp=tcp)

    def _ask_addresses(self, name: str, server: Server, *, tcp: bool) -> Reply:
        """Ask for the addresses of both families."""
        ipv4, ipv6 = (self._ask(name, kind, server, tcp=tcp) for kind in ("A", "AAAA"))
        return replace(ipv4, records=ipv4.records + ipv6.records, seconds=max(ipv4.seconds, ipv6.seconds))


def _parse_ndots(text: str) -> int:
    """Read ndots of resolv.conf and ignore a value that is not a number (resolv.conf(5): default 1, at most 15)."""
    ndots = 1
    for word in parse_options(text):
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


def _list_shown(observations: Observations) -> tuple[str, ...]:
    """List our own name, or all that it may be if none of them is a peer."""
    known = any(observations.own in server.targets for server in observations.servers)
    return (observations.own,) if known else observations.own_names[::-1]


def _format_text(observations: Observations, findings: list[Finding]) -> str:
    outside = [f"this does not look like a pod: {observations.outside}"] if observations.outside else []
    lines = [*outside, f"Service   {observations.names.suffix}", f"our name  {' or '.join(_list_shown(observations))}"]
    for server in observations.servers:
        reply = server.peers[0]
        result = format_count(len(server.targets)) if server.targets else reply.status
        took = f"{result} in {reply.seconds * 1000:.0f} ms" if result else reply.fault
        lines.append(f"server    {server.name}: {took}")
    for finding in findings:
        kind = "PROBLEM" if finding.problem else "hint"
        lines += ["", f"{kind} {finding.code}: {finding.what}", f"  cause  {finding.cause}", f"  cure   {finding.cure}"]
    if not any(finding.problem for finding in findings):
        lines += ["", "No problem was found; hints are worth knowing." if findings else "Nothing is wrong."]
    return "\n".join(lines)
