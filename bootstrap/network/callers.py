"""Which requests of other agents are new: one that was captured is not answered again.

A request names the run of the agent that it is for, so it is void for the next run.  In one run each caller numbers its
requests, and each number counts once; a caller's earlier runs are over as soon as a later one has asked.
"""

import threading
from collections import deque

RUNS_REMEMBERED = 64
"""Of each caller: more restarts than these while this agent runs, and a request of the first one might count again."""


WINDOW = 1024
"""How far behind its newest request a caller's request may come: it asks several things at once, each on a connection
of its own, and counts its requests to other pods, too."""


class Caller:
    """The newest run of one caller."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.newest = 0
        self.seen: set[int] = set()
        """The numbers of its requests in the window."""

    def is_new(self, number: int) -> bool:
        """Whether no request had this number yet; then it has been seen."""
        if number <= self.newest - WINDOW or number in self.seen:
            return False
        if number > self.newest:
            self.newest = number
            self.seen = {one for one in self.seen if one > number - WINDOW}
        self.seen.add(number)
        return True


class Callers:
    """The callers that have asked this run of the agent; all of them have the key."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._callers: dict[str, Caller] = {}
        """By pod."""
        self._over: dict[str, deque[str]] = {}
        """By pod, its earlier runs."""

    def is_new(self, sender: str, nonce: str) -> bool:
        """Whether this request was not answered before, and is of the newest run of its sender; then it counts."""
        pod, _, run = sender.partition("/")
        number = parse_number(nonce)
        with self._guard:
            over = self._over.setdefault(pod, deque(maxlen=RUNS_REMEMBERED))
            if number is None or run in over:
                return False
            known = self._callers.get(pod)
            if known is None or known.run != run:
                if known is not None:
                    over.append(known.run)
                known = self._callers[pod] = Caller(run)
            return known.is_new(number)


def make_nonce(number: int, random: str) -> str:
    """Make the nonce of a request: its number in this run of its sender, and something that nobody can guess."""
    return f"{number:x}.{random}"


def parse_number(nonce: str) -> int | None:
    """Return the number of a request; None if it has none."""
    number = nonce.partition(".")[0]
    is_hexadecimal = 0 < len(number) <= 16 and not set(number) - set("0123456789abcdef")
    return int(number, 16) if is_hexadecimal else None
