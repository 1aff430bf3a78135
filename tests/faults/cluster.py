"""A cluster under test: its acknowledged rows, and what must be true of them in the end."""

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bootstrap.core.model.disk import View
from bootstrap.datadir.last_view import read_last_view
from bootstrap.storage.layout import Layout
from tests.lab import report
from tests.lab.database import open_session
from tests.lab.lab import Lab
from tests.lab.oracle import judge
from tests.lab.report import ReportFailedError
from tests.lab.writer import TABLE, Writer, read_record

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

    def acknowledge(self, ordinal: int, row: int) -> None:
        """Write one row through a pod, which only this pod may have applied when it is acknowledged."""
        self.lab.query(ordinal, f"INSERT INTO app.{TABLE} VALUES ({row}, 'mysql-{ordinal}')")
        with self.record.open("a") as record:
            record.write(f"{row}\n")

    @contextmanager
    def hold_back(self, *ordinals: int) -> Iterator[None]:
        """Let these members receive all commits, and apply none of them, until the end of the block."""
        with ExitStack() as sessions:
            for ordinal in ordinals:
                session = sessions.enter_context(open_session(self.lab.pod(ordinal), self.lab.layout))
                session.cursor().execute("FLUSH TABLES WITH READ LOCK")
            yield

    def lose_volume(self, ordinal: int) -> None:
        """Kill a pod, replace its disk by an empty one, and start it again."""
        self.lab.delete(ordinal, force=True)
        pod = self.lab.create(ordinal)
        pod.wipe_volume()
        pod.start()

    def give_other_key(self, ordinal: int) -> None:
        """Let a pod that is off come back with another key of the agents, until its `extra_env` is cleared."""
        pod = self.lab.pod(ordinal)
        folder = pod.folders.root / "other-secrets"
        folder.mkdir()
        for file in self.lab.layout.secrets.iterdir():
            (folder / file.name).write_text("0" * 32 if file.name == "exchange-key" else file.read_text())
        pod.extra_env["GALERA_BOOTSTRAP_SECRETS_DIR"] = str(folder)

    def assert_recovers(self) -> None:
        """Wait until all servers are Synced; they must be one cluster, and each must have every acknowledged row."""
        self.lab.wait_synced(len(self.lab.pods))
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

    def wait_until_left(self, *ordinals: int) -> None:
        """Wait until only these are members, and each has a checkpoint of that view."""
        self.lab.wait(f"only {ordinals} are members", lambda: self.are_synced(*ordinals))
        self.lab.wait(f"{ordinals} have a checkpoint of their view", lambda: self._have_checkpoint(*ordinals))

    def are_synced(self, *ordinals: int) -> bool:
        """Whether these are the Synced members of a Primary Component that has no others."""
        servers = self.lab.read_servers()
        return all((server := servers[k]) is not None and server.is_synced_in(len(ordinals)) for k in ordinals)

    def _have_checkpoint(self, *ordinals: int) -> bool:
        """Whether all these pods have a view checkpoint of the view in their gvwstate.dat, which is the same."""
        names = {self.read_checkpoint(ordinal) for ordinal in ordinals}
        views = [self.read_view(ordinal) for ordinal in ordinals]
        return len(names) == 1 and all(view is not None and view.name in names for view in views)

    def read_view(self, ordinal: int) -> View | None:
        """Read the last Primary view in this pod's gvwstate.dat."""
        return read_last_view(Layout(self.lab.pod(ordinal).folders.volume))

    def read_checkpoint(self, ordinal: int) -> str | None:
        """Read the name of the view of which this pod's journal has a checkpoint."""
        journal = self.lab.pod(ordinal).folders.volume / "meta" / "journal.json"
        return (json.loads(journal.read_text()).get("view_checkpoint") or {}).get("view")

    def run(self, ordinal: int, *argv: str) -> str:
        """Run a command of galera-bootstrap in a pod, as a human does; raises ReportFailedError."""
        return report.run(self.lab.pod(ordinal), "galera-bootstrap", *argv, seconds=90)

    def count_bootstraps(self, ordinal: int) -> int:
        """Count how often a server of this pod was started with --wsrep-new-cluster."""
        return len(NEW_CLUSTER.findall(self.read_server_log(ordinal)))

    def count_starts(self, ordinal: int) -> int:
        """Count how often a server of this pod was started."""
        return self.read_server_log(ordinal).count("starting: mariadbd")

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
