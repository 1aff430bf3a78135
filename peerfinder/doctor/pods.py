"""Pods: whether the peers are pods of this Service by their names, and we among them."""

import re
from collections.abc import Iterator

from peerfinder.core.observations import Observed, Server
from peerfinder.core.peers import is_name, normal, shown
from peerfinder.doctor.finding import Finding, hint, problem

DASHED = re.compile(r"[0-9]+-[0-9]+-[0-9]+-[0-9]+|[0-9a-f]*(?:-[0-9a-f]*){2,7}", re.ASCII)
"""An address as CoreDNS makes a host name of it for a pod without hostname and subdomain."""


def dashed(seen: Observed) -> Iterator[Finding]:
    """The pods have no host names."""
    for server in seen.servers:
        names = [name for name in _pods(seen, server) if DASHED.fullmatch(name)]
        if names:
            yield problem(
                "no-hostname",
                f"{server.name} names {len(names)} peers by their address, such as {names[0]}",
                f"the StatefulSet's serviceName is not {seen.names.service}, or the pods belong to no StatefulSet",
                f"set serviceName: {seen.names.service} (the StatefulSet must be created anew), or hostname and "
                "subdomain of the pods",
            )


def foreign(seen: Observed) -> Iterator[Finding]:
    """Somebody else's names are in the answer."""
    for server in seen.servers:
        bad = [
            target
            for target in server.targets
            if target != seen.names.suffix and not (is_name(target) and _pod(seen, target))
        ]
        if bad:
            yield problem(
                "foreign-name",
                f"{server.name} gives {shown(bad[0])}, which is no pod of {seen.names.suffix}",
                "an ExternalName or a hand-made record, a rewrite in the DNS server, or a forged answer",
                "ask who answers DNS here; such an answer is refused as a whole",
            )


def own_missing(seen: Observed) -> Iterator[Finding]:
    """We are not among the peers."""
    for server in seen.servers:
        pods = [name for name in _pods(seen, server) if not DASHED.fullmatch(name)]
        if not pods or seen.own in server.targets:
            continue
        own = seen.own.partition(".")[0]
        if any(name.rpartition("-")[0] == own.rpartition("-")[0] for name in pods):
            cause, cure = (
                "this pod is not ready and the Service does not publish such",
                "set publishNotReadyAddresses: true",
            )
        else:
            cause = "this pod is not of this Service: another serviceName, another selector, or another host name"
            cure = (
                f"set the StatefulSet's serviceName to {seen.names.service} and its selector to match; POD_NAME by the "
                "downward API where the host name is the node's (hostNetwork); -no-require-self if it is no peer"
            )
        yield problem("own-missing", f"{server.name} gives {len(pods)} peers without {seen.own}", cause, cure)


def addresses_differ(seen: Observed) -> Iterator[Finding]:
    """The Service and its peers have different addresses."""
    for server in seen.servers:
        extra = server.peers[0].extra
        by_name = frozenset[str]().union(*(extra.get(target, frozenset()) for target in server.targets))
        if not server.targets or server.addresses.status != "NOERROR" or set(server.targets) - set(extra):
            continue
        if lost := frozenset(server.addresses.records) ^ by_name:
            yield hint(
                "addresses-differ",
                f"{server.name} gives {min(lost)} for only one of Service and peers",
                "a change is under way, or the Service selects pods that have no name of their own",
                "ask again; compare with kubectl get endpointslices",
            )


def _pod(seen: Observed, target: str) -> str:
    """Give the pod's label of a target; empty if it is no name directly below the Service."""
    pod, _, rest = normal(target).partition(".")
    return pod if rest == seen.names.suffix else ""


def _pods(seen: Observed, server: Server) -> list[str]:
    return [pod for target in server.targets if (pod := _pod(seen, target))]
