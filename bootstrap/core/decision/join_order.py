"""How several pods that join at once stay out of each other's way: in which order they join, and from which donors.

Pure.  A join is right without any of this, but Galera would fail more often and would have to try again.
"""

import re
from collections.abc import Iterable

from bootstrap.core.model.facts import Facts, Phase

_DONOR = re.compile(r"--(?:(?:loose|enable)-)*wsrep-sst-donor")
"""The user's own choice of a donor, as `mariadbd --print-defaults` has it, with - for _."""


def count_earlier_joiners(facts: Facts) -> int:
    """Count the pods of lower ordinals that may be about to join, or are joining."""
    joiners = (peer for peer in facts.answers if peer.phase in (Phase.FROZEN, Phase.JOINING))
    return sum(peer.ordinal < facts.own.ordinal for peer in joiners)


def choose_donors(facts: Facts) -> tuple[str, ...]:
    """Choose the members that are asked for the data before all others; none if all are equally good.

    A member that joined at the same time as others may lack a change of the group in what it keeps for them (its
    gcache).  A joiner that asks such a member ends with "IST didn't contain all write sets" and must start again.
    If no other pod joins, none is chosen: the first one named would be the donor of every joiner, and clients may write
    to it.
    """
    members = [peer for peer in facts.answers if peer.primary_server or peer.phase is Phase.JOINING]
    complete = [p.pod for p in members if p.primary_server and p.primary_server.has_complete_data and not p.joining]
    return tuple(complete) if len(complete) < len(members) else ()


def option(donors: Iterable[str], arguments: str) -> str:
    """The server's option for them; empty where there is nothing to say, or the user has said it.

    By the comma at its end other members will do where none of these can (MariaDB manual, "wsrep_sst_donor").  It
    stays for the life of the server, whose later transfers, after a partition, prefer the same members.
    """
    named = ",".join(donors)
    chosen = any(_DONOR.fullmatch(word.partition("=")[0].lower().replace("_", "-")) for word in arguments.split())
    return f"--wsrep-sst-donor={named}," if named and not chosen else ""
