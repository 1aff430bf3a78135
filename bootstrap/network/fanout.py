"""Asks all peers at once: finds their addresses by DNS, and waits for all answers within one deadline.

Addresses are remembered for when DNS fails: the seal of an answer proves which pod it comes from.
"""

import hmac  # noqa: F401  # dnspython imports it later: here it does without OpenSSL where `peerfinder.imports` says so
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from bootstrap.core.model.facts import PodState
from bootstrap.core.model.messages import PodNote, Prepare, PrepareReply
from bootstrap.core.model.unknown import NOT_RUNNING, OTHER_START, Unknown
from bootstrap.core.status.events import EventsReply
from bootstrap.network.directory import Directory
from bootstrap.process.workers import Workers
from peerfinder.errors import PeerFinderError

if TYPE_CHECKING:
    from bootstrap.network.client import Client


ADDRESS_S = 5.0
"""Seconds for which an address that works is used before it is looked up again; the TTL of CoreDNS."""

WATCH_S = 5.0
"""Seconds between two lookups of the Service's SRV records."""

FAILED_LOOKUPS = 3
"""So many lookups must fail one after the other before that is worth a human's look."""

ROUND_S = 4.0
"""Seconds for all peers together: a decision must not wait for one after the other, however many names DNS shows."""

THREADS = 16
"""For every peer that may be silent; a set is small."""

LATE = Unknown("no answer in this round")
"""It may have been about to answer, so this is not its silence."""


SELF_UNREACHED = "this pod does not reach itself at POD_IP either"
"""Stands before `UNREACHED` where not even this pod's own agent can be reached in the way that peers use."""

Reply = TypeVar("Reply")


class Peers:
    """Asks the agents of the other pods."""

    def __init__(self, directory: Directory, client: "Client") -> None:
        """Have threads for the peers."""
        self.directory, self.client = directory, client
        self.addresses: dict[str, tuple[str, float]] = {}
        self.dns_ordinals: frozenset[int] | None = None
        """The ordinals that DNS last showed; None = it has not answered yet."""
        self.dns_trouble = ""
        """Why the last lookups of the Service have failed, all of them; empty = one has not."""
        self.workers = Workers(THREADS, "peer")
        # Apart, so that a human who asks delays no decision.
        self.note_workers = Workers(THREADS, "note")
        self.notes_asked = threading.Lock()

    def fresh_addresses(self) -> dict[str, str]:
        """The addresses that were looked up a moment ago, by pod."""
        now = time.monotonic()
        return {pod: address for pod, (address, until) in self.addresses.copy().items() if now < until}

    def ask_states(self, pods: list[str]) -> dict[str, PodState | Unknown]:
        """Ask these pods for their states."""
        replies = self._ask_all({pod: partial(self.client.ask_state, pod) for pod in pods})
        return self._explain_unreached(self._explain_missing(replies))

    def ask_promises(self, asked: dict[str, Prepare]) -> dict[str, PrepareReply | Unknown]:
        """Ask these pods to promise."""
        return self._ask_all({pod: partial(self._prepare, pod, prepare) for pod, prepare in asked.items()})

    def ask_notes(self, pods: list[str]) -> dict[str, PodNote | Unknown]:
        """Ask these pods what they say to humans; for any number of callers, one after the other."""
        with self.notes_asked:
            return self._ask_all({pod: partial(self.client.ask_note, pod) for pod in pods}, self.note_workers)

    def ask_events(self, pods: list[str]) -> dict[str, EventsReply | Unknown]:
        """Ask these pods what has happened there; for any number of callers, one after the other."""
        with self.notes_asked:
            return self._ask_all({pod: partial(self._ask_events, pod) for pod in pods}, self.note_workers)

    def _ask_events(self, pod: str, address: str) -> EventsReply | Unknown:
        asked = time.monotonic()
        reply = self.client.ask_events(pod, address)
        return reply if isinstance(reply, Unknown) else EventsReply(reply, asked, time.monotonic())

    def watch(self, changed: Callable[[], None]) -> None:
        """Look up the Service's SRV records forever.

        A failed lookup changes nothing, and neither does an answer without this pod: that is an old one.
        """
        failures = 0
        while True:
            found = self._look_up()
            if isinstance(found, str):
                failures += 1
                if failures >= FAILED_LOOKUPS:
                    self.dns_trouble = found
            else:
                failures, self.dns_trouble = 0, ""
                if found != self.dns_ordinals:
                    self.dns_ordinals = found
                    changed()
            time.sleep(WATCH_S)

    def _look_up(self) -> frozenset[int] | str:
        """The ordinals that DNS shows, or why that is not known."""
        own = self.directory.settings
        try:
            found = self.directory.ordinals()
        except (PeerFinderError, OSError, ValueError) as exc:
            return str(exc)
        return found if own.ordinal in found else f"it does not show {own.pod}, which lives"

    def start_watching(self, changed: Callable[[], None]) -> None:
        """Watch in the background."""
        threading.Thread(target=self.watch, args=[changed], name="watch", daemon=True).start()

    def _explain_missing(self, replies: dict[str, PodState | Unknown]) -> dict[str, PodState | Unknown]:
        """Name the setting of the first ordinal where the lowest pod was never seen, and one beyond the highest is."""
        own = self.directory.settings
        lowest = own.pod_of(own.ordinals_start)
        reply = replies.get(lowest)
        is_beyond = any(ordinal > max(own.configured_ordinals) for ordinal in self.dns_ordinals or ())
        if not isinstance(reply, Unknown) or reply.cure != NOT_RUNNING or not is_beyond or lowest in self.addresses:
            return replies
        return replies | {lowest: reply._replace(cure=OTHER_START)}

    def _explain_unreached(self, replies: dict[str, PodState | Unknown]) -> dict[str, PodState | Unknown]:
        """Name the port only where no peer can be reached at it; also say whether this pod itself can (R41).

        One pod that is off looks like one that a policy blocks; if all are silent, the port is closed or no pod is up.
        """
        port = self.client.port_cure
        unreached = {pod: reply for pod, reply in replies.items() if isinstance(reply, Unknown) and reply.cure == port}
        if not unreached:
            return replies
        if any(isinstance(reply, PodState) for reply in replies.values()):
            cure = ""
        else:
            cure = port if self._reaches_itself() else f"{SELF_UNREACHED}; {port}"
        return replies | {pod: reply._replace(cure=cure) for pod, reply in unreached.items()}

    def _reaches_itself(self) -> bool:
        """Whether this pod's own agent answers at the address that its peers use; unknown counts as yes."""
        own = self.directory.settings
        return not own.pod_ip or isinstance(self.client.ask_state(own.pod, own.pod_ip), PodState)

    def _prepare(self, pod: str, prepare: Prepare, address: str) -> PrepareReply | Unknown:
        return self.client.ask_promise(pod, address, prepare)

    def _ask_all(
        self, questions: dict[str, Callable[[str], Reply | Unknown]], workers: Workers | None = None
    ) -> dict[str, Reply | Unknown]:
        calls = {pod: partial(self._ask_one, pod, question) for pod, question in questions.items()}
        replies = (workers or self.workers).run(calls, ROUND_S)
        return {pod: replies.get(pod, LATE) for pod in questions}

    def _ask_one(self, pod: str, question: Callable[[str], Reply | Unknown]) -> Reply | Unknown:
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
