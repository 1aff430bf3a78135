"""What a hook gets besides the peers on its standard input, and how its call is told in the log.

Pure.
"""

from collections.abc import Mapping
from typing import NamedTuple

from peerfinder.core.peers import change

NAMES_SHOWN = 20
"""How many changed names a log line holds."""

VARIABLE_MAX = 100_000
"""The longest variable of ours, octets: with one of 128 KiB Linux starts no program (execve(2))."""


class Handover(NamedTuple):
    """One call of a hook."""

    event: str
    """on-start or on-change."""
    own: str
    """Our own name."""
    before: Mapping[str, str]
    """What the last hook got, by name."""
    after: Mapping[str, str]
    """What this hook gets, by name."""
    by_name: bool = True
    """Whether hooks get names; else they get addresses."""

    def told(self) -> str:
        """Say what changed, by name; a peer whose address alone changed is shown with the new one."""
        before, after = self.before, self.after
        moved = [f"{name}={after[name]}" for name in sorted(after) if before.get(name, after[name]) != after[name]]
        words = [*change(before, after).split(), *moved]
        more = len(words) - NAMES_SHOWN
        return " ".join(words[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Make the hook's environment: the inherited, ours, and the later Go program's four names if POD_IP is there.

        A list of names that is too long for a variable is left out, never cut off.
        """
        ours = {
            "PEERFINDER_EVENT": self.event,
            "PEERFINDER_SELF": self.own,
            "PEERFINDER_COUNT": str(len(self.after)),
            "PEERFINDER_ADDED": " ".join(sorted(self.after.keys() - self.before.keys())),
            "PEERFINDER_REMOVED": " ".join(sorted(self.before.keys() - self.after.keys())),
        }
        short = {name: value for name, value in ours.items() if len(value) <= VARIABLE_MAX}
        theirs = {name: value for name, value in inherited.items() if name not in ours}
        return theirs | short | self._of_pod(inherited.get("POD_IP", ""))

    def _of_pod(self, ip: str) -> dict[str, str]:
        if not ip:
            return {}
        ip_type = "IPv6" if ":" in ip else "IPv4"
        host = (self.own, "DNS") if self.by_name else (ip, ip_type)
        return {"HOST_ADDRESS": host[0], "HOST_ADDRESS_TYPE": host[1], "POD_IP": ip, "POD_IP_TYPE": ip_type}
