"""A cluster under test: its acknowledged rows, and what must be true of them in the end."""

import re
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.lab import Lab
from tests.lab.oracle import judge
from tests.lab.report import ReportFailedError
from tests.lab.writer import Writer, read_record

NEW_CLUSTER = re.compile(r"starting: .*--wsrep-new-cluster")
"""The line that a starter logs before it becomes a server that bootstraps."""

FULL_COPY = "rsync SST completed on joiner"
"""A server's line after it received a full copy of the data."""


class Cluster:
    """A lab, the file of the ids that were acknowledged in it, and the checks of the oracle."""

    def __init__(self, lab: Lab, record: Path) -> None:
        self.lab = lab
        self.record = record

    def make_writer(self, through: Sequence[int] = (0, 1, 2)) -> Writer:
        """Make a client that writes through these pods."""
        return Writer(self.lab.layout, [self.lab.pod(k).ip for k in through], self.record)

    def write(self, rows: int, through: Sequence[int] = (0, 1, 2)) -> None:
        """Write until so many more rows are acknowledged."""
        with self.make_writer(through) as writer:
            writer.wait_for(rows)

    def cut_power(self, rows: int = 200) -> None:
        """Kill everything while a client writes."""
        with self.make_writer() as writer:
            writer.wait_for(rows)
            self.lab.kill_everything()

    def cut_power_of(self, *ordinals: int) -> None:
        """Kill these pods while a client writes through them; the other pods are off already."""
        with self.make_writer(ordinals) as writer:
            writer.wait_for(100)
            self.lab.kill_everything()

    def lose_volume(self, ordinal: int) -> None:
        """Kill a pod, replace its disk by an empty one, and start it again."""
        self.lab.delete(ordinal, force=True)
        pod = self.lab.create(ordinal)
        pod.wipe_volume()
        pod.start()

    def assert_recovers(self) -> None:
        """Wait for three Synced servers; they must be one cluster, and each must have every acknowledged row."""
        self.lab.wait_synced(3)
        verdict = judge(self.lab, read_record(self.record))
        assert verdict.complaints == []
        assert verdict.expected >= 200

    def assert_nobody_starts(self, seconds: float) -> None:
        """Check for so many seconds that no server is in a Primary Component and that no pod bootstraps."""
        before = self.all_bootstraps
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.find_primaries() == []
            assert self.all_bootstraps == before
            time.sleep(1)

    def wait_for_decision(self, ordinal: int, text: str, *, action: str = "wait") -> None:
        """Wait until the pod's decision is to wait (or another action) for a reason that matches the text."""

        def has_decided() -> bool:
            try:
                report = self.lab.read_status(ordinal)
            except ReportFailedError:
                return False
            return report.action == action and re.search(text, report.reason) is not None

        self.lab.wait(f"mysql-{ordinal} decides {action}: {text}", has_decided)

    def count_bootstraps(self, ordinal: int) -> int:
        """Count how often a server of this pod was started with --wsrep-new-cluster."""
        return len(NEW_CLUSTER.findall(self.read_server_log(ordinal)))

    @property
    def all_bootstraps(self) -> int:
        """How often servers of all pods were started with --wsrep-new-cluster."""
        return sum(self.count_bootstraps(k) for k in self.lab.pods)

    def count_full_copies(self, ordinal: int) -> int:
        """Count how often this pod received a full copy of the data by rsync."""
        return self.read_server_log(ordinal).count(FULL_COPY)

    def read_server_log(self, ordinal: int) -> str:
        """Read what all servers of this pod have logged so far."""
        log = self.lab.pod(ordinal).containers["mysql"].log
        return log.read_text(errors="replace") if log.exists() else ""

    def find_primaries(self) -> list[int]:
        """Find the pods with a server in a Primary Component."""
        return [k for k, server in self.lab.read_servers().items() if server is not None and server.is_primary]
