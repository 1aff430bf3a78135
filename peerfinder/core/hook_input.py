"""A hook's environment, and the log line about its call; the peers on standard input are not here.

Pure.
"""

from collections.abc import Mapping
from typing import NamedTuple

from peerfinder.core.peers import format_change

NAMES_SHOWN = 20
"""How many changed names a log line holds."""

VARIABLE_MAX = 100_000
"""The longest variable that we set, octets: with one of 128 KiB Linux starts no program (execve(2))."""


class HookInput(NamedTuple):
    """The input of one call of a hook."""

    event: str
    """on-start or on-change."""
    own: str
    """Our own name."""
    before: Mapping[str, str]
    """What the last hook got, by name."""
    after: Mapping[str, str]
    """What this hook gets, by name."""
    by_name: bool = True
    """Whether hooks get names; otherwise they get addresses."""

    def describe_change(self) -> str:
        """Describe the change by name; a peer of which only the address changed is shown with the new address."""
        before, after = self.before, self.after
        moved = [f"{name}={after[name]}" for name in sorted(after) if before.get(name, after[name]) != after[name]]
        parts = [*format_change(before, after).split(), *moved]
        more = len(parts) - NAMES_SHOWN
        return " ".join(parts[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")

    def build_environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Build the hook's environment: inherited, ours, and with POD_IP the four names of the later Go program.

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
        return self._build_host_variables(inherited.get("POD_IP", ""), inherited) | theirs | short

    def _build_host_variables(self, ip: str, inherited: Mapping[str, str]) -> dict[str, str]:
        """Build those that do not contradict the manifest: a HOST_ADDRESS of its own may be the node's address."""
        if not ip:
            return {}
        ip_type = "IPv6" if ":" in ip else "IPv4"
        host = (self.own, "DNS") if self.by_name else (ip, ip_type)
        variables = {"HOST_ADDRESS": host[0], "HOST_ADDRESS_TYPE": host[1]} if "HOST_ADDRESS" not in inherited else {}
        return variables | {"POD_IP": ip, "POD_IP_TYPE": ip_type}
