"""How far a state transfer has come: rate, whole, donor and time left, from what the joiner can measure.

Pure, and for humans.  A joiner's server answers nothing while it receives, so the rate is that of the bytes on its
disk, and the whole is what a donor's datadir takes: an incremental transfer ends long before that.
"""

from collections.abc import Iterable
from typing import NamedTuple

from bootstrap.core.decision import join_order
from bootstrap.core.model.facts import DONOR, Facts

SETTLED_S = 20.0
"""A rate over less time than this says nothing of how long the rest takes."""

WINDOW_S = 60.0
"""The rate is that of the last minute: a slow start must not count for hours."""


class Sample(NamedTuple):
    """What was on the disk at one moment."""

    at: float
    """Seconds of a monotonic clock."""
    written: int
    """Bytes that have come since the join was permitted."""


class Transfer(NamedTuple):
    """A state transfer to this pod."""

    written_bytes: int
    """What has come so far."""
    whole_bytes: int | None
    """What the datadir of the largest member takes; None = nobody knows."""
    bytes_per_second: float | None
    """The rate of the last minute; None = measured only once."""
    donors: tuple[str, ...]
    """The members that give data now; several, if other pods join, too."""
    seconds_left: float | None
    """How long the rest takes at most at this rate; None = not known, or not yet, or nothing comes."""


def add_sample(samples: Iterable[Sample], now: float, written: int | None) -> tuple[Sample, ...]:
    """Add a measurement; None = no transfer is under way.  Fewer bytes than before are a transfer that began again."""
    if written is None:
        return ()
    kept = tuple(samples)
    if kept and written < kept[-1].written:
        kept = ()
    old = [sample for sample in kept if sample.at < now - WINDOW_S]
    return (*old[-1:], *(sample for sample in kept if sample.at >= now - WINDOW_S), Sample(now, written))


def describe_transfer(samples: tuple[Sample, ...], facts: Facts) -> Transfer | None:
    """Return how far it has come; None where no join is under way."""
    if not samples:
        return None
    first, last = samples[0], samples[-1]
    rate = (last.written - first.written) / (last.at - first.at) if last.at > first.at else None
    whole = join_order.donor_bytes(facts)
    donors = tuple(pod.pod for pod in facts.answers if pod.server and pod.server.local_state == DONOR)
    is_settled = last.at - first.at >= SETTLED_S
    left = max(0, whole - last.written) / rate if rate and is_settled and whole is not None else None
    return Transfer(last.written, whole, rate if rate is None else round(rate, 1), donors, left and round(left, 1))
