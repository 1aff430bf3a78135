"""Which requests of other agents are new: one that was captured is not answered again.

A request names the run of the agent that it is for, so it is void for the next run.  In one run each caller's requests
count up, and a caller's earlier runs are over as soon as a later one has asked.
"""

import threading
from collections import deque

RUNS_REMEMBERED = 64
"""Of each caller: more restarts than these while this agent runs, and a request of the first one might count again."""


class Callers:
    """The callers that have asked this run of the agent; all of them have the key."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._newest: dict[str, tuple[str, int]] = {}
        """By pod, its run and the number of its last request."""
        self._over: dict[str, deque[str]] = {}
        """By pod, its earlier runs."""

    def is_new(self, sender: str, nonce: str) -> bool:
        """Whether this request was not answered before, and is of the newest run of its sender; then it counts."""
        pod, _, run = sender.partition("/")
        number = parse_number(nonce)
        with self._guard:
            known, last = self._newest.get(pod, ("", 0))
            over = self._over.setdefault(pod, deque(maxlen=RUNS_REMEMBERED))
            if number is None or run in over or (run == known and number <= last):
                return False
            if known not in ("", run):
                over.append(known)
            self._newest[pod] = run, number
            return True


def make_nonce(number: int, random: str) -> str:
    """Make the nonce of a request: its number in this run of its sender, and something that nobody can guess."""
    return f"{number:x}.{random}"


def parse_number(nonce: str) -> int | None:
    """Return the number of a request; None if it has none."""
    number = nonce.partition(".")[0]
    is_hexadecimal = 0 < len(number) <= 16 and not set(number) - set("0123456789abcdef")
    return int(number, 16) if is_hexadecimal else None
