"""Log lines on stderr, as text or JSON.

Knows how a line looks, and which outcome of a lookup is worth one: a change of state, never a poll.
Python's logging package is left out because its import costs more than everything this does.
"""

import os
import select
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import gmtime, strftime

from peerfinder.core.watch import Due, Wait
from peerfinder.errors import AnswerInvalidError, AnswerWithheldError, LookupFailedError, NoAddressError, NoRecordsError
from peerfinder.hooks.output import WRITING, Form

HINT_SECONDS = 5.0
"""After so long in one state the cure is told: until then it may be a pod that just starts."""

REPEAT_SECONDS = 30.0
"""A state that comes and goes is told once in so long."""

STALLED_SECONDS = 1.0
"""So long a full stderr is waited for."""

NO_ANSWER = (
    "check the name server and the network policy for UDP and TCP port 53 (a service mesh may "
    "catch the DNS of init containers), or set -nameserver"
)

CURES: dict[object, str] = {
    LookupFailedError: NO_ANSWER,
    AnswerWithheldError: f"{NO_ANSWER}; a Service of more than 1000 pods and ports needs -port-name, then -max-pods",
    NoAddressError: "check -address-type, and ipFamilies of the Service",
    NoRecordsError: "check -service, -ns and -domain, and that the Service is headless (clusterIP: None), has a "
    "named port, selects these pods and sets publishNotReadyAddresses: true, since no pod is ready yet",
    Wait.SELF_MISSING: "the StatefulSet's serviceName must be the Service of -service, the Service must set "
    "publishNotReadyAddresses: true, and the hostname must be the pod's name (else set POD_NAME); "
    "check also -ns and -domain",
    Wait.TOO_FEW: "check the number of replicas, or lower -min-peers",
}
"""What to do about a state that lasts; an AnswerInvalidError says it itself."""

EVENTS: dict[object, str] = {
    NoRecordsError: "no-records",
    NoAddressError: "no-address",
    AnswerInvalidError: "answer-invalid",
}
"""What a state is called in JSON."""


def write(log_format: str, level: str, event: str, message: str) -> None:
    """Write one line; whatever the message holds, it stays one line."""
    now = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime())
    if log_format == "json":
        import json  # noqa: PLC0415 - few ask for it, and every pod's start is short

        line = json.dumps({"time": now, "level": level, "event": event, "message": message})
    else:
        line = f"{now} peer-finder {level}: " + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
    show(f"{line}\n")


def show(text: str) -> None:
    """Write text to stderr, in ASCII whatever the locale is.

    A stderr that is closed is no reason to fail, and one that nobody reads none to hang: then the text is lost.
    """
    poller = select.poll()
    poller.register(2, select.POLLOUT)
    if WRITING.acquire(timeout=STALLED_SECONDS):
        try:
            with suppress(OSError):
                if poller.poll(STALLED_SECONDS * 1000):
                    os.write(2, text.encode("ascii", "backslashreplace"))
        finally:
            WRITING.release()


def output(log_format: str, event: str) -> Form:
    """Tell how a line of a hook's output is written: after the hook's event, or as an object."""
    if log_format != "json":
        return lambda _, line: f"{event}: ".encode() + line
    import json  # noqa: PLC0415 - likewise

    def form(stream: str, line: bytes) -> bytes:
        now, text = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime()), line.decode(errors="backslashreplace")
        told = {"time": now, "level": "info", "event": f"{event}-{stream}", "message": text}
        return json.dumps(told).encode()

    return form


@dataclass
class Teller:
    """What was told last, so that the same is not told twice."""

    line: Callable[[str, str, str], None]
    """Writes a line: level, event, message."""
    state: object = Wait.STEADY
    """The state that was told last."""
    since: float = 0.0
    """Since when we are in the state, monotonic, seconds."""
    cured: bool = False
    """Whether the cure was told."""
    told: dict[object, float] = field(default_factory=dict)
    """When each state was told last, monotonic, seconds."""

    def tell(self, outcome: Due | Wait | LookupFailedError | NoRecordsError, message: str, now: float) -> None:
        """Tell the outcome of a lookup, if it is news."""
        if isinstance(outcome, Due):
            self.state = Wait.STEADY
            return
        state = outcome if isinstance(outcome, Wait) else type(outcome)
        if state != self.state:
            if state is Wait.SETTLING or now - self.told.get(state, -REPEAT_SECONDS) < REPEAT_SECONDS:
                return
            self.state, self.since, self.cured, self.told[state] = state, now, False, now
            self.line("info" if state is Wait.STEADY else "warning", _event(state), message)
        elif state in CURES and not self.cured and now - self.since >= HINT_SECONDS:
            self.cured = True
            self.line("warning", _event(state), f"{message}{cure(outcome)}")


def cure(outcome: Wait | LookupFailedError | NoRecordsError) -> str:
    """Say what to do about an outcome that lasts, to be put after its message; empty if there is nothing to say."""
    text = CURES.get(outcome if isinstance(outcome, Wait) else type(outcome))
    return f"; {text}" if text else ""


def _event(state: object) -> str:
    if isinstance(state, Wait):
        return state.name.lower().replace("_", "-")
    return EVENTS.get(state, "dns-failed")
