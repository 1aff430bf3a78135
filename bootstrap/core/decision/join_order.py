"""How several pods that join at once keep out of each other's way: whom one lets go first, and who gives it its data.

Pure.  Nothing here is needed for a join to be right; it makes one that Galera may fail at, and try again, seldom.
"""

import re
from collections.abc import Iterable

from bootstrap.core.model.facts import Facts, Phase

_DONOR = re.compile(r"--(?:(?:loose|enable)-)*wsrep-sst-donor")
"""The user's own choice of a donor, as `mariadbd --print-defaults` has it, with - for _."""


def turn(facts: Facts) -> int:
    """How many pods of lower ordinals may be about to join, or are joining."""
    waiting = (r for r in facts.answers if r.phase in (Phase.FROZEN, Phase.JOINING))
    return sum(r.ordinal < facts.own.ordinal for r in waiting)


def donors(facts: Facts) -> tuple[str, ...]:
    """The members to be asked for the data before all others; none where every member is as good as any.

    One that has joined while others did may lack a change of the group in what it keeps for others (its gcache): who
    asks it ends with "IST didn't contain all write sets", and its server must be started once more.  Where nobody else
    joins nothing is said: the one named first would be everybody's donor, and may be where clients write.
    """
    members = [r for r in facts.answers if r.primary_server or r.phase is Phase.JOINING]
    whole = [r.pod for r in members if r.primary_server and r.primary_server.has_complete_data and not r.joining]
    return tuple(whole) if len(whole) < len(members) else ()


def option(donors: Iterable[str], arguments: str) -> str:
    """The server's option for them; empty where there is nothing to say, or the user has said it.

    By the comma at its end other members will do where none of these can (MariaDB manual, "wsrep_sst_donor").  It
    stays for the life of the server, whose later transfers, after a partition, prefer the same members.
    """
    named = ",".join(donors)
    chosen = any(_DONOR.fullmatch(word.partition("=")[0].lower().replace("_", "-")) for word in arguments.split())
    return f"--wsrep-sst-donor={named}," if named and not chosen else ""
