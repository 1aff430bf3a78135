"""The peers of a Service that is too large for one DNS answer: the pods of its StatefulSet, asked for one by one.

Knows how a StatefulSet names its pods, and when the names that were found are all there are.
A part of the peers is never given: either each address of the Service belongs to a pod that was found, or the user
has said how many pods there may be and each was asked for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from peerfinder.core.names import Names
from peerfinder.dns.lookup import Found, meaning, records
from peerfinder.dns.nameservers import Nameservers, Server
from peerfinder.dns.resolver import ask_many
from peerfinder.errors import AnswerWithheldError, LookupFailedError, NoRecordsError

POD = re.compile(r"(?P<set>[a-z0-9-]*[a-z0-9])-(?P<ordinal>0|[1-9][0-9]{0,5})", re.ASCII)
"""The name of a StatefulSet's pod."""

BATCH = 500
"""How many pods are asked for before it is seen whether all are known."""

SPARE = 64
"""So many ordinals beyond twice the number of addresses are asked for before the search is given up."""


@dataclass(frozen=True)
class Pods:
    """Which pods to ask for."""

    names: Names
    """The Service."""
    own: str
    """Our own full name, whose StatefulSet is that of the others."""
    most: int = 0
    """So many pods there may be, the user says; 0: unknown."""

    def numbered(self, first: int, end: int) -> Iterator[str]:
        """Give the full names of the pods with these ordinals; raises LookupFailedError if our own has none."""
        match = POD.fullmatch(self.own.partition(".")[0])
        if match is None:
            raise LookupFailedError(f"{self.own} is no pod of a StatefulSet, so its peers cannot be asked one by one")
        return (self.names.of_pod(f"{match['set']}-{ordinal}") for ordinal in range(first, end))


def found(pods: Pods, nameservers: Nameservers, deadline: float) -> Found:
    """Give all peers by the addresses of each; *deadline* in seconds.

    Raises LookupFailedError when anything is unknown or not all are found, NoRecordsError when there are none.
    """
    end = monotonic() + deadline
    record_type, addresses = _addresses(pods, nameservers, deadline / 2)
    fault = LookupFailedError("no name server was asked")
    for position, server in enumerate(nameservers.servers):
        share = (end - monotonic()) / (len(nameservers.servers) - position)
        try:
            return _at(server, pods, record_type, addresses, monotonic() + share)
        except TimeoutError:
            fault = LookupFailedError(f"{server} did not answer for each pod within {share:.1f} s")
        except LookupFailedError as exc:
            fault = exc
    raise fault


def _addresses(pods: Pods, nameservers: Nameservers, deadline: float) -> tuple[str, frozenset[str]]:
    """Give the addresses of the Service and their record type; none if there are too many for an answer."""
    for record_type in ("A", "AAAA"):
        try:
            return record_type, frozenset(records(pods.names.suffix, record_type, nameservers, deadline / 2))
        except NoRecordsError:
            continue
        except AnswerWithheldError:
            if pods.most:
                return record_type, frozenset()
            raise
    raise NoRecordsError(f"{pods.names.suffix} has no address")


def _at(server: Server, pods: Pods, record_type: str, wanted: frozenset[str], end: float) -> Found:
    """Ask one server for each pod until all wanted addresses are found."""
    glue: dict[tuple[str, str], str] = {}
    known: set[str] = set()
    last = 2 * len(wanted) + SPARE if wanted else pods.most
    for first in range(0, last, BATCH):
        batch = [f"{name}." for name in pods.numbered(first, min(first + BATCH, last))]
        for name, answer in ask_many(batch, record_type, server, end - monotonic()).items():
            try:
                addresses = meaning(answer, server)
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
    return Found(pods.names.accepted(name for name, _ in glue), glue)
