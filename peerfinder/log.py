"""Log lines on stderr, as text or JSON.

Knows how a line looks, and which result of a lookup is logged: a change of state, not each lookup.
Python's logging package is not used, because its import costs more than everything this module does.
"""

import os
import select
from collections.abc import Callable
from contextlib import suppress
from time import gmtime, strftime

from peerfinder.core.watch import Due, Wait
from peerfinder.errors import AnswerInvalidError, AnswerWithheldError, LookupFailedError, NoAddressError, NoRecordsError
from peerfinder.hooks.output import WRITING, LineFormat

CURE_SECONDS = 5.0
"""After this time in one state the cure is logged too; before, the pod may just be starting."""

REPEAT_SECONDS = 30.0
"""A state that comes and goes is logged once in this time."""

STALLED_SECONDS = 1.0
"""How long to wait for a full stderr."""

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
"""What to do about a state that lasts; the message of an AnswerInvalidError includes it."""

EVENTS: dict[object, str] = {
    NoRecordsError: "no-records",
    NoAddressError: "no-address",
    AnswerInvalidError: "answer-invalid",
}
"""The name of a state in JSON."""


def write(log_format: str, level: str, event: str, message: str) -> None:
    """Write one line; it stays one line whatever the message holds."""
    now = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime())
    if log_format == "json":
        import json  # noqa: PLC0415 - rarely used, and every pod's start is short

        line = json.dumps({"time": now, "level": level, "event": event, "message": message})
    else:
        line = f"{now} peer-finder {level}: " + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
    write_stderr(f"{line}\n")


def write_stderr(text: str) -> None:
    """Write text to stderr, in ASCII whatever the locale is.

    The text is lost, without an error or a hang, if stderr is closed or if its reader stalls.
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


def make_line_format(log_format: str, event: str) -> LineFormat:
    """Make the format of a hook's output lines: with the hook's event before the line, or as a JSON object."""
    if log_format != "json":
        return lambda _, line: f"{event}: ".encode() + line
    import json  # noqa: PLC0415 - rarely used, and every pod's start is short

    def format_as_json(stream: str, line: bytes) -> bytes:
        now, message = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime()), line.decode(errors="backslashreplace")
        fields = {"time": now, "level": "info", "event": f"{event}-{stream}", "message": message}
        return json.dumps(fields).encode()

    return format_as_json


class StateLog:
    """Logs the state of the lookups when it changes."""

    def __init__(self, write_line: Callable[[str, str, str], None], next_step: str = "") -> None:
        self.write_line = write_line
        """Writes a line: level, event, message."""
        self.next_step = next_step
        """What to do if the cure is not enough, to be appended to it."""
        self.state: object = Wait.STEADY
        """The state that was logged last."""
        self.since = 0.0
        """Since when we are in the state, monotonic, seconds."""
        self.cure_logged = False
        """Whether the cure was logged."""
        self.logged_at: dict[object, float] = {}
        """When each state was logged last, monotonic, seconds."""

    def log_change(self, outcome: Due | Wait | LookupFailedError | NoRecordsError, message: str, now: float) -> None:
        """Log the outcome of a lookup if it changes the state, or the cure of a state that lasts."""
        if isinstance(outcome, Due):
            self.state = Wait.STEADY
            return
        state = outcome if isinstance(outcome, Wait) else type(outcome)
        if state != self.state:
            if state is Wait.SETTLING or now - self.logged_at.get(state, -REPEAT_SECONDS) < REPEAT_SECONDS:
                return
            self.state, self.since, self.cure_logged, self.logged_at[state] = state, now, False, now
            self.write_line("info" if state is Wait.STEADY else "warning", _event_name(state), message)
        elif state in CURES and not self.cure_logged and now - self.since >= CURE_SECONDS:
            self.cure_logged = True
            self.write_line("warning", _event_name(state), f"{message}{format_cure(outcome)}{self.next_step}")


def format_cure(outcome: Wait | LookupFailedError | NoRecordsError) -> str:
    """Return what to do about an outcome that lasts, to be appended to its message; empty if there is no cure."""
    text = CURES.get(outcome if isinstance(outcome, Wait) else type(outcome))
    return f"; {text}" if text else ""


def _event_name(state: object) -> str:
    if isinstance(state, Wait):
        return state.name.lower().replace("_", "-")
    return EVENTS.get(state, "dns-failed")
