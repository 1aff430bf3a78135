"""How several pods that join at once avoid each other: which pod waits for which, and who gives it its data.  Pure.

A join is right without this.  It makes those joins rare that Galera fails at first and then repeats.
"""

from bootstrap.core.model.facts import Facts, Phase


def turn(facts: Facts) -> int:
    """The number of pods with lower ordinals that may be about to join, or are joining."""
    waiting = (r for r in facts.answers if r.phase in (Phase.FROZEN, Phase.JOINING))
    return sum(r.ordinal < facts.own.ordinal for r in waiting)


def donors(facts: Facts) -> tuple[str, ...]:
    """The members to ask for the data before all others; empty if all members are equally good.

    A member that joined at the same time as others may lack a change of the group in its gcache, from which it serves
    joiners.  A joiner that asks it ends with "IST didn't contain all write sets", and its server must start once more.
    If no other pod joins, no donor is named: the first one named would be the donor of all joiners, and it may be the
    member that clients write to.
    """
    members = [r for r in facts.answers if r.primary_server or r.phase is Phase.JOINING]
    whole = [r.pod for r in members if r.primary_server and r.primary_server.has_complete_data and not r.joining]
    return tuple(whole) if len(whole) < len(members) else ()


def donor_bytes(facts: Facts) -> int | None:
    """What the datadir of the largest member takes: each of them may be the donor; None = none of them knows it."""
    return max((pod.data_bytes for pod in facts.answers if pod.primary_server and pod.data_bytes), default=None)
