"""The way from a peer's name to its agent: addresses by DNS, all peers asked at once, each within one deadline.

Addresses are remembered when DNS fails: what answers there proves who it is by the seal of its record.
"""

import hmac  # noqa: F401  # dnspython, which comes later, wants it: here it does without OpenSSL where `lean` says so
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from bootstrap.core.model.facts import PodState, Unknown
from bootstrap.core.model.messages import Prepare, PrepareReply
from bootstrap.network.directory import Directory
from peerfinder.errors import PeerFinderError

if TYPE_CHECKING:
    from bootstrap.network.client import Client


ADDRESS_S = 5.0
"""How long an address that works is used before it is looked up again; the TTL of CoreDNS."""

WATCH_S = 5.0
"""Between two looks at the Service's SRV records."""

ROUND_S = 4.0
"""For all peers together: however many names DNS shows, a decision must not wait for them one after the other."""

SILENT = Unknown("no answer in this round")


SELF_UNREACHED = "this pod does not reach itself at POD_IP either"
"""In front of the same, where not even this pod's own agent can be reached by the way that peers would take."""

Reply = TypeVar("Reply")


@dataclass
class Peers:
    """Asks the other pods' agents."""

    directory: Directory
    client: "Client"
    addresses: dict[str, tuple[str, float]] = field(default_factory=dict)
    shown: frozenset[int] = frozenset()
    """The ordinals that DNS last showed."""

    def __post_init__(self) -> None:
        """A thread for every peer that may be silent; a set is small."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # a starter, which asks no peers, needs none

        self.threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="peer")

    def fresh(self) -> dict[str, str]:
        """The addresses that were looked up just now, by pod."""
        now = time.monotonic()
        return {pod: address for pod, (address, until) in self.addresses.copy().items() if now < until}

    def records(self, pods: list[str]) -> dict[str, PodState | Unknown]:
        """Ask these pods for their records."""
        return self._told_of_port(self._all({pod: partial(self.client.ask_state, pod) for pod in pods}))

    def promises(self, asked: dict[str, Prepare]) -> dict[str, PrepareReply | Unknown]:
        """Ask these pods to promise."""
        return self._all({pod: partial(self._prepare, pod, prepare) for pod, prepare in asked.items()})

    def watch(self, changed: Callable[[], None]) -> None:
        """Look at the Service's SRV records for ever; a failed look changes nothing."""
        while True:
            try:
                shown = self.directory.ordinals()
            except (PeerFinderError, OSError, ValueError):
                shown = self.shown
            if shown != self.shown:
                self.shown = shown
                changed()
            time.sleep(WATCH_S)

    def start_watching(self, changed: Callable[[], None]) -> None:
        """Watch in the background."""
        threading.Thread(target=self.watch, args=[changed], name="watch", daemon=True).start()

    def _told_of_port(self, replies: dict[str, PodState | Unknown]) -> dict[str, PodState | Unknown]:
        """Name the port only where nobody can be reached at it, not even by this pod itself (R41).

        One pod that is off looks like one that a policy shuts out; all at once are a closed port, or not there yet.
        """
        port = self.client.unreached
        shut = {pod: reply for pod, reply in replies.items() if isinstance(reply, Unknown) and reply.cure == port}
        if not shut:
            return replies
        if any(isinstance(reply, PodState) for reply in replies.values()):
            cure = ""
        else:
            cure = port if self._reach_myself() else f"{SELF_UNREACHED}; {port}"
        return replies | {pod: replace(reply, cure=cure) for pod, reply in shut.items()}

    def _reach_myself(self) -> bool:
        """Whether this pod's own agent answers at the address that its peers are told; unknown is yes."""
        own = self.directory.settings
        return not own.pod_ip or isinstance(self.client.ask_state(own.pod, own.pod_ip), PodState)

    def _prepare(self, pod: str, prepare: Prepare, address: str) -> PrepareReply | Unknown:
        return self.client.ask_promise(pod, address, prepare)

    def _all(self, questions: dict[str, Callable[[str], Reply | Unknown]]) -> dict[str, Reply | Unknown]:
        from concurrent.futures import wait  # noqa: PLC0415  # see above

        asked = {pod: self.threads.submit(partial(self._one, pod, question)) for pod, question in questions.items()}
        done, late = wait(asked.values(), timeout=ROUND_S)
        for future in late:
            future.cancel()  # one that has begun ends by its own deadline
        return {pod: future.result() if future in done else SILENT for pod, future in asked.items()}

    def _one(self, pod: str, question: Callable[[str], Reply | Unknown]) -> Reply | Unknown:
        address = self._address(pod)
        if isinstance(address, Unknown):
            return address
        reply = question(address)
        if isinstance(reply, Unknown):
            # It may have moved: look its address up before the next question.
            self.addresses[pod] = (address, 0.0)
        return reply

    def _address(self, pod: str) -> str | Unknown:
        known, until = self.addresses.get(pod, ("", 0.0))
        if time.monotonic() < until:
            return known
        found = self.directory.address(pod, remembered=known)
        if not isinstance(found, Unknown):
            self.addresses[pod] = (found, time.monotonic() + ADDRESS_S)
        return found
