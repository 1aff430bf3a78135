"""The peers of a Service that is too large for one DNS answer: asks for the pods of its StatefulSet one by one.

Knows how a StatefulSet names its pods, and when the pods found are all that exist.
Never returns a part of the peers: either each address of the Service belongs to a pod that was found, or the user
has set how many pods there may be and each was asked for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from peerfinder.core.names import POD_NAME, Names
from peerfinder.dns.lookup import FoundPeers, find_records, interpret
from peerfinder.dns.nameservers import Nameservers, Server
from peerfinder.dns.resolver import ask_many
from peerfinder.errors import AnswerWithheldError, LookupFailedError, NoRecordsError

BATCH = 500
"""How many pods are asked for before a check whether all are known."""

SPARE = 64
"""The search is given up this many ordinals beyond twice the number of addresses."""


@dataclass(frozen=True)
class PodRange:
    """Which pods to ask for."""

    names: Names
    """The Service."""
    own: str
    """Our own full name; the other pods belong to the same StatefulSet."""
    max_pods: int = 0
    """How many pods there may be, as set by the user; 0: unknown."""

    def list_names(self, first: int, end: int) -> Iterator[str]:
        """Return the full names of the pods with these ordinals; raises LookupFailedError if our own name has none."""
        match = re.fullmatch(POD_NAME, self.own.partition(".")[0])
        if match is None:
            raise LookupFailedError(
                f"{self.own} is not a pod of a StatefulSet, so its peers cannot be asked one by one"
            )
        return (self.names.pod_fqdn(f"{match['set']}-{ordinal}") for ordinal in range(first, end))


def find_peers(pods: PodRange, nameservers: Nameservers, deadline: float) -> FoundPeers:
    """Find all peers by the addresses of each; *deadline* in seconds.

    Raises LookupFailedError when anything is unknown or not all are found, NoRecordsError when there are none.
    """
    end = monotonic() + deadline
    record_type, addresses = _find_service_addresses(pods, nameservers, deadline / 2)
    fault = LookupFailedError("no name server was asked")
    for position, server in enumerate(nameservers.servers):
        share = (end - monotonic()) / (len(nameservers.servers) - position)
        try:
            return _ask_server(server, pods, record_type, addresses, monotonic() + share)
        except TimeoutError:
            fault = LookupFailedError(f"{server} did not answer for each pod within {share:.1f} s")
        except LookupFailedError as exc:
            fault = exc
    raise fault


def _find_service_addresses(pods: PodRange, nameservers: Nameservers, deadline: float) -> tuple[str, frozenset[str]]:
    """Return the record type and the addresses of the Service; no addresses if an answer cannot hold them."""
    for record_type in ("A", "AAAA"):
        try:
            return record_type, frozenset(find_records(pods.names.suffix, record_type, nameservers, deadline / 2))
        except NoRecordsError:
            continue
        except AnswerWithheldError:
            if pods.max_pods:
                return record_type, frozenset()
            raise
    raise NoRecordsError(f"{pods.names.suffix} has no address")


def _ask_server(server: Server, pods: PodRange, record_type: str, wanted: frozenset[str], end: float) -> FoundPeers:
    """Ask one server for each pod until all wanted addresses are found."""
    glue: dict[tuple[str, str], str] = {}
    known: set[str] = set()
    last = 2 * len(wanted) + SPARE if wanted else pods.max_pods
    for first in range(0, last, BATCH):
        batch = [f"{name}." for name in pods.list_names(first, min(first + BATCH, last))]
        for name, answer in ask_many(batch, record_type, server, end - monotonic()).items():
            try:
                addresses = interpret(answer, server)
            except NoRecordsError:
                continue
            known.update(addresses)
            glue[name.removesuffix("."), record_type] = min(addresses)
        if wanted and known >= wanted:
            break
    if wanted and known != wanted:
        raise LookupFailedError(
            f"{server} gives {len(wanted)} addresses of {pods.names.suffix}, and its pods by number have "
            f"{len(known & wanted)} of them: set -port-name to the name of one of its ports"
        )
    if not glue:
        raise NoRecordsError(f"{server} knows no pod of {pods.names.suffix}")
    return FoundPeers(pods.names.validate_targets(name for name, _ in glue), glue)
