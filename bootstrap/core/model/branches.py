"""Whether two copies of one history are of one branch, or went on without each other after a bootstrap.  Pure.

The same numbers are different commits on two branches, as when an older copy of a volume was started and an outage
later the newer one is attached.  Galera compares only the numbers, and lets one join the other.

So every volume keeps the bootstraps that led to its data.  All commits between two bootstraps were ordered in one
Primary Component, so two copies can differ only after a bootstrap that one of them was not part of.  If both have
commits after such a bootstrap, they are of two branches.  If one has none, it is only behind, or its bootstrap never
committed anything: a candidate keeps a bootstrap before it begins, and a joiner keeps those of the cluster before its
first transaction.  How a history began needs no such note, because its uuid is new.
"""

from collections.abc import Iterable
from typing import NamedTuple

from bootstrap.core.model.disk import Position
from bootstrap.core.model.facts import BootstrapPoint, Bootstraps

KEPT = 64
"""How many bootstraps a volume keeps, the newest ones.  They are a part of every message to the other pods."""


class Copy(NamedTuple):
    """The data of a disk or of a server, as far as they can be compared with others."""

    position: Position
    """How far they are in which history."""
    bootstraps: Bootstraps = ()
    """The bootstraps that led to them."""


def add_bootstrap(bootstraps: Bootstraps, point: BootstrapPoint) -> Bootstraps:
    """The bootstraps with one more; the oldest are dropped."""
    return (*bootstraps, point)[-KEPT:]


def find_parting(copies: Iterable[Copy], uuid: str) -> int | None:
    """The seqno after which the copies of the history `uuid` are of two branches; None = they are of one.

    Copies that are of one branch with the longest are so with each other.  A bootstrap counts only if no copy can have
    dropped it.
    """
    found = [(copy.position.seqno, copy.bootstraps) for copy in copies if copy.position.uuid == uuid]
    _, longest = max(found, default=(0, ()))
    parted = [part_after(bootstraps, longest, uuid, seqno, strict=False) for seqno, bootstraps in found]
    return min((seqno for seqno in parted if seqno is not None), default=None)


def part_after(one: Bootstraps, other: Bootstraps, uuid: str, common: int, *, strict: bool = True) -> int | None:
    """The seqno after which two copies of the history `uuid` are not known to be the same; None = they are (R10).

    `common` is the seqno that both have reached.  `strict`: also a bootstrap counts that only one has because the other
    may have dropped it.
    """
    shared = {*one} & {*other}
    unshared = [
        point.seqno
        for kept, others in ((one, other), (other, one))
        for point in kept
        if point.uuid == uuid and point.seqno < common and point not in shared
        if strict or not may_have_dropped(others, point)
    ]
    return min(unshared, default=None)


def may_have_dropped(bootstraps: Bootstraps, point: BootstrapPoint) -> bool:
    """Whether this bootstrap may have been among these once: as many are kept as can be, and all are newer."""
    return len(bootstraps) >= KEPT and point.epoch < bootstraps[0].epoch
