"""Pods: whether the names of the peers are pods of this Service, and include our own."""

import re
from collections.abc import Iterator

from peerfinder.core.observations import Observations, ServerReplies
from peerfinder.core.peers import format_count, is_name, normalize, quote
from peerfinder.doctor.finding import Finding, hint, problem

ADDRESS_NAME = re.compile(r"[0-9]+-[0-9]+-[0-9]+-[0-9]+|[0-9a-f]*(?:-[0-9a-f]*){2,7}", re.ASCII)
"""The name that CoreDNS makes of the address of a pod without hostname and subdomain."""


def check_host_names(observations: Observations) -> Iterator[Finding]:
    """Find pods without host names."""
    for server in observations.servers:
        names = [name for name in _list_pods(observations, server) if ADDRESS_NAME.fullmatch(name)]
        if names:
            yield problem(
                "no-hostname",
                f"{server.name} names {format_count(len(names))} by address, such as {names[0]}",
                f"the StatefulSet's serviceName is not {observations.names.service}, "
                "or the pods belong to no StatefulSet",
                f"set serviceName: {observations.names.service} (the StatefulSet must be recreated), or hostname and "
                "subdomain of the pods",
            )


def check_foreign_names(observations: Observations) -> Iterator[Finding]:
    """Find names in the answer that do not belong to the Service."""
    for server in observations.servers:
        bad = [
            target
            for target in server.targets
            if target != observations.names.suffix and not (is_name(target) and _pod_label(observations, target))
        ]
        if bad:
            yield problem(
                "foreign-name",
                f"{server.name} gives {quote(bad[0])}, which is not a pod of {observations.names.suffix}",
                "an ExternalName or a hand-made record, a rewrite in the DNS server, or a forged answer",
                "check which server answers DNS here; such an answer is refused as a whole",
            )


def check_own_name(observations: Observations) -> Iterator[Finding]:
    """Find that our own name is not among the peers."""
    for server in observations.servers:
        pods = [name for name in _list_pods(observations, server) if not ADDRESS_NAME.fullmatch(name)]
        if not pods or observations.own in server.targets:
            continue
        own, *by_pod_name = observations.own_names or (observations.own,)
        sets = {name.partition(".")[0].rpartition("-")[0] for name in (own, *by_pod_name)}
        if any(name.rpartition("-")[0] in sets for name in pods):
            cause, cure = (
                "this pod is not ready, and the Service does not publish pods that are not ready",
                "set publishNotReadyAddresses: true",
            )
        else:
            cause = "this pod is not of this Service: another serviceName, another selector, or another host name"
            cure = (
                f"set the StatefulSet's serviceName to {observations.names.service} and its selector to match; "
                "POD_NAME by the downward API where the host name is the node's (hostNetwork); "
                "-no-require-self if it is not a peer"
            )
        asked = f", nor is POD_NAME's {by_pod_name[0]} among them" if by_pod_name else ""
        what = f"{server.name} gives {format_count(len(pods))} without {own}{asked}"
        yield problem("own-missing", what, cause, cure)


def check_addresses(observations: Observations) -> Iterator[Finding]:
    """Find different addresses of the Service and of its peers."""
    for server in observations.servers:
        glue = server.peers[0].additional
        by_name = frozenset[str]().union(*(glue.get(target, frozenset()) for target in server.targets))
        if not server.targets or server.addresses.status != "NOERROR" or set(server.targets) - set(glue):
            continue
        if lost := frozenset(server.addresses.records) ^ by_name:
            yield hint(
                "addresses-differ",
                f"{server.name} gives {min(lost)} for only one of Service and peers",
                "a change is under way, or the Service selects pods that have no name of their own",
                "ask again; compare with kubectl get endpointslices",
            )


def _pod_label(observations: Observations, target: str) -> str:
    """Return the first label of a target; empty if the target is not directly below the Service."""
    pod, _, rest = normalize(target).partition(".")
    return pod if rest == observations.names.suffix else ""


def _list_pods(observations: Observations, server: ServerReplies) -> list[str]:
    return [pod for target in server.targets if (pod := _pod_label(observations, target))]
