"""The decisions of a lab's agents, read from their logs as they are written."""

import re
from collections.abc import Iterator

from tests.lab.lab import Lab
from tests.lab.screen import Screen

DECISION = re.compile(
    r"\bagent: (?P<action>bootstrap|join|hold)(?: in term \d+)?: (?P<reason>.+) \[(?P<rule>[^\]]+)\]$"
)
"""An agent's log line; `wait` and `running` are left out, because the table shows them."""


class Decisions:
    """Reads what the agents have decided since the last call."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._read: dict[str, int] = {}
        self._last: dict[str, str] = {}
        for _ in self.read_new():
            pass  # only later decisions count
        self._last.clear()

    def read_new(self) -> Iterator[tuple[str, str]]:
        """Yield the pod and the text of each decision since the last call."""
        for pod in self._lab.pods.values():
            log = pod.containers["agent"].log
            if not log.exists():
                continue
            with log.open("rb") as stream:
                stream.seek(self._read.get(pod.name, 0))
                # A line that is still being written is left for the next call.
                whole = stream.read().rpartition(b"\n")[0]
            self._read[pod.name] = self._read.get(pod.name, 0) + (len(whole) + 1 if whole else 0)
            for line in whole.decode(errors="replace").splitlines():
                if found := DECISION.search(line):
                    text = f"{found['action'].upper()} by rule {found['rule']}: {found['reason']}"
                    if self._last.get(pod.name) != text:
                        self._last[pod.name] = text
                        yield pod.name, text

    def show(self, screen: Screen) -> None:
        """Print the new decisions."""
        for pod, text in self.read_new():
            screen.print_timed(f"{pod}: {text}")
