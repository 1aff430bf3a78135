"""Whether this is the first start of a set of pods, or there was a cluster before.  Pure.

DNS shows that there is a pod; only its volume shows whether it has ever had data.  A member that does not answer may
have data, so a pod with an empty volume waits for all, by name.  Two steps are needed, because a member that has
started is not empty any more, and the last one must not take it for an older cluster: each pod leaves a mark on its
volume when it has seen all others empty or marked, and starts when all others are marked or have started.

A mark is a promise of all others, so nothing takes it back but data.  Where the sign of data is wrong, every volume
would look empty: so a volume with anything unknown on it takes part in no first start.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from peerfinder.core.names import POD_NAME
from peerfinder.core.peers import normalize, quote
from peerfinder.errors import UsageError


class Volume(StrEnum):
    """What is on a pod's volume, in the words of the answers."""

    DATA = "data"
    """The sign of data is there."""
    FIRST = "first"
    """The mark is there: this pod has seen all others empty or marked."""
    REMAINS = "remains"
    """Neither, but there is something else: the rest of lost data, or the sign is wrong."""
    EMPTY = "empty"
    """Nothing."""


class Reply(NamedTuple):
    """What is known of another pod's volume."""

    volume: Volume | None
    """None = not known."""
    why: str = ""
    """Why it is not known."""
    has_address: bool = True
    """False: DNS answers that the pod has no address, so it does not run, or was never created."""


class Replica(NamedTuple):
    """A pod of a StatefulSet."""

    set_name: str
    """The name of the StatefulSet."""
    ordinal: int
    """Its number."""
    suffix: str
    """The full name of the governing Service."""

    @property
    def name(self) -> str:
        """The name of the pod."""
        return f"{self.set_name}-{self.ordinal}"

    @property
    def fqdn(self) -> str:
        """The full name of the pod."""
        return f"{self.name}.{self.suffix}"

    @property
    def namespace(self) -> str:
        """The namespace of the pod."""
        return self.suffix.split(".")[1]

    def sibling(self, ordinal: int) -> "Replica":
        """Another pod of the set."""
        return self._replace(ordinal=ordinal)


def read_replica(fqdn: str) -> Replica:
    """Read the full name of a pod, POD.SERVICE.NAMESPACE.svc.DOMAIN; raises UsageError."""
    pod, _, suffix = normalize(fqdn).partition(".")
    found, labels = re.fullmatch(POD_NAME, pod), suffix.split(".")
    if not found or labels[2:3] != ["svc"] or not all(labels):
        raise UsageError(
            f"{quote(fqdn)} is not the full name of a StatefulSet's pod, SET-0.SERVICE.NAMESPACE.svc.DOMAIN: "
            "set POD_NAME by the downward API"
        )
    return Replica(found["set"], int(found["ordinal"]), suffix)


class Action(StrEnum):
    """What a pod does next."""

    DATA = "data"
    """Start with the data of its volume."""
    FIRST = "first"
    """Start as a member of a new cluster."""
    LATER = "later"
    """Join the cluster that there was before."""
    MARK = "mark"
    """Leave the mark, and look again."""
    WAIT = "wait"
    """Look again."""


class Next(NamedTuple):
    """What a pod does next, and for whom it waits."""

    action: Action
    waits_for: tuple[str, ...] = ()
    """The pods whose volume must be another, or be known, in the order of the members."""


def decide(own: Volume, others: Mapping[str, Reply], *, is_expected: bool) -> Next:
    """Decide by this pod's volume and the answers of all other members; no answer proves nothing.

    `is_expected`: whether this pod is one of the members that the others wait for.  One that is not never leaves a
    mark, because nobody asks for it: it waits for a cluster.
    """
    if own is Volume.DATA:
        return Next(Action.DATA)
    if own is Volume.FIRST:
        missing = tuple(pod for pod, reply in others.items() if reply.volume not in (Volume.FIRST, Volume.DATA))
        return Next(Action.WAIT, missing) if missing else Next(Action.FIRST)
    if any(reply.volume is Volume.DATA for reply in others.values()):
        return Next(Action.LATER)
    missing = tuple(pod for pod, reply in others.items() if reply.volume in (None, Volume.REMAINS))
    is_ready = is_expected and own is Volume.EMPTY and not missing
    return Next(Action.MARK) if is_ready else Next(Action.WAIT, missing)
