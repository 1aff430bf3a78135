"""A cluster under test: rows that were acknowledged, and what must be true of them in the end."""

import re
from collections.abc import Sequence
from pathlib import Path

from tests.lab.lab import Lab
from tests.lab.oracle import judge
from tests.lab.report import ReportFailedError
from tests.lab.writer import Writer, recorded

NEW_CLUSTER = re.compile(r"starting: .*--wsrep-new-cluster")
"""A starter's line when it becomes a server that bootstraps."""


class Cluster:
    """A lab, the ids that were acknowledged in it, and its oracle."""

    def __init__(self, lab: Lab, record: Path) -> None:
        self.lab = lab
        self.record = record

    def writer(self, through: Sequence[int] = (0, 1, 2)) -> Writer:
        """A client that writes through these pods."""
        return Writer(self.lab.layout, [self.lab.pod(k).ip for k in through], self.record)

    def write(self, rows: int, through: Sequence[int] = (0, 1, 2)) -> None:
        """Have so many more rows acknowledged."""
        with self.writer(through) as writer:
            writer.wait_for(rows)

    def power_cut(self, rows: int = 200) -> None:
        """Kill everything while a client writes."""
        with self.writer() as writer:
            writer.wait_for(rows)
            self.lab.kill_everything()

    def power_cut_of(self, *ordinals: int) -> None:
        """Kill all of these pods, the others being dead, while a client writes through them."""
        with self.writer(ordinals) as writer:
            writer.wait_for(100)
            self.lab.kill_everything()

    def recovers(self) -> None:
        """Three servers Synced, every acknowledged row on each, one cluster."""
        self.lab.wait_synced(3)
        verdict = judge(self.lab, recorded(self.record))
        assert verdict.complaints == []
        assert verdict.expected >= 200

    def waits(self, ordinal: int, text: str, *, action: str = "wait") -> None:
        """The pod comes to wait (or hold) and says this, and nothing becomes Primary for a while."""

        def told() -> bool:
            try:
                report = self.lab.status(ordinal)
            except ReportFailedError:
                return False
            return report.action == action and re.search(text, report.reason) is not None

        self.lab.wait(f"mysql-{ordinal} says {action}: {text}", told)

    def bootstraps(self, ordinal: int) -> int:
        """How often a server of this pod was started with --wsrep-new-cluster."""
        log = self.lab.pod(ordinal).containers["mysql"].log
        return len(NEW_CLUSTER.findall(log.read_text(errors="replace"))) if log.exists() else 0

    @property
    def all_bootstraps(self) -> int:
        """The same over all pods."""
        return sum(self.bootstraps(k) for k in self.lab.pods)

    def primaries(self) -> list[int]:
        """The pods with a server in a Primary Component."""
        return [k for k, server in self.lab.servers().items() if server is not None and server.is_primary]
